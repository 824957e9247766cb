"""Writes figures/: drawings pasted over photographs, with COCO's annotations that say where, as `meuse data import` takes it.

    apt-get download openclipart-png plasma-workspace-wallpapers mate-backgrounds
    python3 -m pip install pillow
    python3 examples/images/figures.py . pictures

Needs the three packages in the first folder, dpkg-deb and Pillow. The drawings are those of six of openclipart's folders
(public domain), the photographs those of the desktops' backgrounds (their authors and licences are in the packages).
Every drawing and every photograph belongs to one part only, so that what is tested was never seen: 2,000 pictures to learn
from, 250 to choose by, 500 to report on, 240 x 180 pixels each, with one to four drawings that hide little of one another.
The same packages make the same pictures and boxes; the sums of the packages' files are compared.
"""

import hashlib
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image, ImageEnhance

PACKAGES = {
    "openclipart-png": "f07f1545a2970c2cf3fa339bc2405da1a95cf2b1827bfa05bf73eb1c20291c02",
    "plasma-workspace-wallpapers": "32cd18b71c8c938a18b3b351f217c02ac590e323caa3cf322fbb875ce8892f8b",
    "mate-backgrounds": "7bf4c2209f34b4f61ba6d24c8b58c28b361e82e4b943aae6d42c030169af9e04",
}
CLASSES = {
    "bug": "animals/bugs",
    "dessert": "food/desserts",
    "drink": "food/beverages",
    "fruit": "food/fruit",
    "house": "buildings/homes",
    "smiley": "people/smilies",
}
# The rest of the backgrounds is drawn or computed.
PHOTOGRAPHS = {
    "usr/share/backgrounds/mate/nature": [
        "Aqua", "Blinds", "Dune", "FreshFlower", "Garden", "GreenMeadow", "LadyBird", "RainDrops", "Storm", "TwoWings",
        "Wood", "YellowFlower",
    ],
    "usr/share/wallpapers": [
        "Autumn", "BytheWater", "ColdRipple", "ColorfulCups", "EveningGlow", "FallenLeaf", "Grey", "Kite", "OneStandsOut",
        "Path", "summer_1am",
    ],
}
WIDTH, HEIGHT = 240, 180
PARTS = {"train": 2000, "val": 250, "test": 500}
# Of seven photographs or drawings, five are for learning, one for choosing, one for reporting.
PLACES = ["train", "test", "train", "val", "train", "train", "train"]
# The longer side of a drawing, as a share of the picture's height.
SIZES = (0.25, 0.6)
# The most that the boxes of two drawings share of the smaller one.
MOST_HIDDEN = 0.15


def unpacked(packages, name, scratch):
    found = sorted(Path(packages).glob(f"{name}_*.deb"))
    if not found:
        sys.exit(f"there is no {name}_*.deb in {packages}: apt-get download {name}")
    actual = hashlib.sha256(found[0].read_bytes()).hexdigest()
    if actual != PACKAGES[name]:
        print(f"{found[0].name} is another release than the one that the guide's figures were made with ({actual})")
    folder = Path(scratch) / name
    subprocess.run(["dpkg-deb", "-x", found[0], folder], check=True)
    return folder


def drawings(folder):
    """Of each class and part, drawings cut to what is not transparent; those that fill their square are left out."""
    cut = {part: {label: [] for label in CLASSES} for part in PARTS}
    for label, inside in CLASSES.items():
        kept = 0
        for path in sorted((folder / "usr/share/openclipart/png" / inside).rglob("*.png")):
            if path.is_symlink() or not path.is_file():
                continue
            picture = Image.open(path)
            if picture.width * picture.height > 20_000_000:
                continue
            picture = picture.convert("RGBA")
            box = picture.getchannel("A").point(lambda alpha: 255 if alpha > 40 else 0).getbbox()
            if box is None:
                continue
            picture = picture.crop(box)
            picture.thumbnail((256, 256))
            alpha = picture.getchannel("A").histogram()
            solid = sum(alpha[128:]) / (picture.width * picture.height)
            if min(picture.size) < 24 or not 1 / 3 <= picture.width / picture.height <= 3 or not 0.2 <= solid <= 0.97:
                continue
            cut[PLACES[kept % len(PLACES)]][label].append(picture)
            kept += 1
    return cut


def photographs(folders):
    """Of each part, photographs in a size of which windows are cut."""
    all_of_them = []
    for inside, names in PHOTOGRAPHS.items():
        for name in names:
            for folder in folders:
                found = sorted((folder / inside).glob(f"{name}.jpg")) or sorted((folder / inside / name).glob("contents/images/*.jpg"))
                if found:
                    picture = Image.open(found[-1]).convert("RGB")
                    picture.thumbnail((1280, 1280))
                    all_of_them.append(picture)
    parts = {part: [] for part in PARTS}
    for number, picture in enumerate(all_of_them):
        parts[PLACES[number % len(PLACES)]].append(picture)
    return parts


def window(photograph, chance):
    """A part of a photograph, between a third of it and all."""
    share = chance.uniform(0.35, 1.0)
    width = min(photograph.width, photograph.height * WIDTH / HEIGHT) * share
    height = width * HEIGHT / WIDTH
    left, top = chance.uniform(0, photograph.width - width), chance.uniform(0, photograph.height - height)
    cut = photograph.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR, (left, top, left + width, top + height))
    return ImageEnhance.Brightness(cut).enhance(chance.uniform(0.7, 1.2))


def figure(drawing, chance):
    """A drawing in the size and position that it is pasted in, cut to what is seen of it."""
    if chance.random() < 0.5:
        drawing = drawing.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    drawing = drawing.rotate(chance.uniform(-15, 15), Image.Resampling.BICUBIC, expand=True)
    scale = HEIGHT * chance.uniform(*SIZES) / max(drawing.size)
    size = [max(1, round(side * scale)) for side in drawing.size]
    drawing = drawing.resize(size, Image.Resampling.LANCZOS)
    box = drawing.getchannel("A").point(lambda alpha: 255 if alpha > 40 else 0).getbbox()
    return drawing.crop(box)


def hides(one, other):
    wide = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    high = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return max(0, wide) * max(0, high) > MOST_HIDDEN * min(one[2] * one[3], other[2] * other[3])


def composed(photographs, drawings, chance):
    picture = window(chance.choice(photographs), chance)
    boxes = []
    for _ in range(chance.randint(1, 4)):
        label = chance.choice(sorted(drawings))
        drawn = figure(chance.choice(drawings[label]), chance)
        for _ in range(10):
            left, top = chance.randint(0, WIDTH - drawn.width), chance.randint(0, HEIGHT - drawn.height)
            box = [left, top, drawn.width, drawn.height]
            if not any(hides(box, other) for _, other in boxes):
                picture.paste(drawn, (left, top), drawn)
                boxes.append((label, box))
                break
    return picture, boxes


def main(packages, out):
    with tempfile.TemporaryDirectory() as scratch:
        cut = drawings(unpacked(packages, "openclipart-png", scratch))
        behind = photographs([unpacked(packages, name, scratch) for name in PACKAGES if name != "openclipart-png"])
    folder = Path(out) / "figures"
    labels = sorted(CLASSES)
    for part, count in PARTS.items():
        chance = random.Random(f"{part} 20261128")
        (folder / part).mkdir(parents=True, exist_ok=True)
        images, annotations = [], []
        for number in range(count):
            picture, boxes = composed(behind[part], cut[part], chance)
            name = f"{part}/{number:04}.jpg"
            picture.save(folder / name, quality=90)
            images.append({"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT})
            for label, box in boxes:
                annotations.append({"id": len(annotations) + 1, "image_id": number, "category_id": labels.index(label) + 1, "bbox": box, "area": box[2] * box[3], "iscrowd": 0})
        categories = [{"id": number + 1, "name": label} for number, label in enumerate(labels)]
        (folder / f"instances_{part}.json").write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
        drawn = ", ".join(f"{len(cut[part][label])} {label}" for label in labels)
        print(f"{part}: {count} pictures, {len(annotations)} boxes; {len(behind[part])} photographs; drawings: {drawn}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])

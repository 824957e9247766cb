"""What peer_torch.py and peer_keras.py share: arguments, files read as NumPy arrays, stages, and the answer.

Both are scripts as users of the frameworks write them, from the files to a saved and scored model, each run in a
process of its own:

    peer_torch.py RECIPE FILES --epochs N --batch N --rate R --seed N --threads N [--size N] [--length N] [--out FILE]
                  [--fine-epochs N --fine-rate R --weights FILE] [--device DEVICE]

Their last line is JSON: seconds of each stage, samples per second, accuracy on the test part, rows of each part.
"""

import argparse
import json
import pathlib
import time

RECIPES = ["digits", "fashion", "icons", "english-lstm", "english-transformer", "clipart"]
VOCABULARY = 10_000


def arguments(description):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", choices=RECIPES)
    parser.add_argument("files", type=pathlib.Path, help="the folder or file that Meuse imports")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--size", type=int, help="pixels of a side")
    parser.add_argument("--length", type=int, help="words of a text, the last ones")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="where the model is saved")
    parser.add_argument("--fine-epochs", type=int, default=0)
    parser.add_argument("--fine-rate", type=float, default=1e-5)
    parser.add_argument("--weights", type=pathlib.Path, help="pretrained, as torchvision publishes them")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu", help="where PyTorch computes")
    return parser.parse_args()


class Stages:
    """Seconds of each stage, and how fast training was from the end of its first step to the end of its last."""

    def __init__(self):
        self.seconds, self._last = {}, time.perf_counter()
        self.rows, self._first, self._step = 0, None, None

    def done(self, name):
        now = time.perf_counter()
        self.seconds[name], self._last = round(now - self._last, 4), now

    def step(self, rows):
        """After each step of training. The first one is where frameworks compile, so it only starts the clock."""
        self._step = time.perf_counter()
        if self._first is None:
            self._first = self._step
        else:
            self.rows += rows

    def answer(self, accuracy, rows):
        speed = self.rows / max(self._step - self._first, 1e-9)
        print(json.dumps({"seconds": self.seconds, "speed": speed, "accuracy": accuracy, "rows": rows}))


def digits(folder):
    """IDX files as arrays: pictures and labels of the training part, and of the test part."""
    import numpy as np

    def read(name):
        data = (folder / name).read_bytes()
        shape = np.frombuffer(data, ">u4", data[3], 4)
        return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)

    return [(read(f"{part}-images-idx3-ubyte"), read(f"{part}-labels-idx1-ubyte")) for part in ("train", "t10k")]


def reviews(path):
    """Texts and 0 or 1 of the training part, and of the test part; as the recipes, without texts that repeat an earlier
    one, and without those that have both labels."""
    import pandas as pd

    table = pd.read_csv(path)
    table = table[table.groupby("text")["label"].transform("nunique") == 1].drop_duplicates("text")
    table["label"] = (table["label"] == "pos").astype("float32")
    return [(part["text"].tolist(), part["label"].to_numpy(copy=True)) for part in (table[table["split"] == name] for name in ("train", "test"))]


def classes(folder):
    return sorted(category.name for category in (folder / "training").iterdir())

"""The network of bars.md on MNIST-format files in PyTorch, as its users write it: the peer of the example `pictures`.

Usage: pictures_pytorch.py FOLDER [EPOCHS] [THREADS] [SEEDS]
"""

import resource
import sys
import time
from pathlib import Path

import numpy
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def read(folder, part):
    images = numpy.fromfile(folder / f"{part}-images-idx3-ubyte", numpy.uint8)[16:].reshape(-1, 1, 28, 28)
    labels = numpy.fromfile(folder / f"{part}-labels-idx1-ubyte", numpy.uint8)[8:]
    return torch.from_numpy(images.astype(numpy.float32) / 255), torch.from_numpy(labels.astype(numpy.int64))


def network():
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(1600, 64), nn.ReLU(), nn.Linear(64, 10)),
    )


def train(model, images, labels, epochs):
    batches = DataLoader(TensorDataset(images, labels), batch_size=64, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss = nn.CrossEntropyLoss()
    for _ in range(epochs):
        for x, y in batches:
            optimizer.zero_grad()
            loss(model(x), y).backward()
            optimizer.step()


def main():
    folder = Path(sys.argv[1])
    epochs, threads, seeds = (int(word) for word in (sys.argv[2:] + ["5", "2", "1"][len(sys.argv) - 2 :]))
    torch.set_num_threads(threads)
    images, labels = read(folder, "train")
    test_images, test_labels = read(folder, "t10k")
    for seed in range(1, seeds + 1):
        torch.manual_seed(seed)
        model = network()
        begin = time.perf_counter()
        train(model, images, labels, epochs)
        seconds = time.perf_counter() - begin
        with torch.no_grad():
            right = (model(test_images).argmax(1) == test_labels).float().mean().item()
        print(f"PyTorch {torch.__version__}, seed {seed}: {right:.4f} in {seconds:.1f} s, {len(labels) * epochs / seconds:.0f} samples/s")
    print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")


main()

"""PyTorch beside Meuse's recipes: see peer_common.py. In the manner of PyTorch's own tutorials: a Module, a DataLoader, a loop.

Arrays in memory are loaded in the process itself, as in the tutorials; files of pictures by two workers. Parameters
begin as the recipe says, which is as in Keras (on the text LSTM that is worth 2.6 points of accuracy to PyTorch).
"""

import collections

import peer_common
from peer_common import VOCABULARY

stages = peer_common.Stages()

import numpy as np
import torch
import torchvision
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision.transforms import v2

stages.done("import libraries")

IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
WORKERS = 2
MOST_PIXELS = 50_000_000


def begin_as_keras(model):
    """Glorot uniform weights, no biases, embeddings U(±0.05); recurrent weights orthogonal, forget bias 1."""
    for layer in model.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.Embedding):
            nn.init.uniform_(layer.weight, -0.05, 0.05)
        elif isinstance(layer, nn.MultiheadAttention):
            for weight in layer.in_proj_weight.chunk(3):
                nn.init.xavier_uniform_(weight)
            nn.init.zeros_(layer.in_proj_bias)
        elif isinstance(layer, nn.LSTM):
            nn.init.xavier_uniform_(layer.weight_ih_l0)
            nn.init.orthogonal_(layer.weight_hh_l0)
            nn.init.zeros_(layer.bias_ih_l0)
            nn.init.zeros_(layer.bias_hh_l0)
            nn.init.ones_(layer.bias_ih_l0[layer.hidden_size:2 * layer.hidden_size])


def small_network(classes):
    return nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Flatten(), nn.Linear(1600, 64), nn.ReLU(), nn.Linear(64, classes))


def icons_network(classes):
    def block(before, after):
        return [nn.Conv2d(before, after, 3, padding="same"), nn.ReLU(), nn.Conv2d(after, after, 3), nn.ReLU(), nn.MaxPool2d(2),
                nn.Dropout(0.25)]

    return nn.Sequential(*block(3, 32), *block(32, 64), nn.Flatten(), nn.Linear(64 * 6 * 6, 512), nn.ReLU(), nn.Dropout(0.5),
                         nn.Linear(512, classes))


class LstmNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, 100)
        self.lstm = nn.LSTM(100, 100, batch_first=True)
        self.dense = nn.Linear(100, 1)

    def forward(self, ids):
        _, (state, _) = self.lstm(self.embedding(ids))
        return self.dense(state[-1]).squeeze(1)


class TransformerNetwork(nn.Module):
    def __init__(self, length):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, 64)
        self.places = nn.Embedding(length, 64)
        self.encoder = nn.TransformerEncoderLayer(64, nhead=4, dim_feedforward=128, dropout=0.1, batch_first=True)
        self.dropout = nn.Dropout(0.2)
        self.dense = nn.Linear(64, 1)

    def forward(self, ids):
        states = self.encoder(self.embedding(ids) + self.places.weight)
        return self.dense(self.dropout(states.mean(1))).squeeze(1)


class Transfer(nn.Module):
    """MobileNetV2 without its classifier; its batch norms keep their statistics, as its weights do until fine-tuning."""

    def __init__(self, classes, weights):
        super().__init__()
        whole = torchvision.models.mobilenet_v2()
        if weights:
            whole.load_state_dict(torch.load(weights, weights_only=True))
        self.backbone = whole.features.requires_grad_(False)
        self.head = nn.Sequential(nn.Linear(1280, 1024), nn.ReLU(), nn.Linear(1024, classes))
        begin_as_keras(self.head)

    def train(self, mode=True):
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, pictures):
        return self.head(self.backbone(pictures).mean((2, 3)))


def from_arrays(given):
    parts = []
    for pictures, labels in peer_common.digits(given.files):
        x = torch.from_numpy(pictures.astype("float32") / 255).unsqueeze(1)
        parts.append(TensorDataset(x, torch.from_numpy(labels.astype("int64"))))
    return parts[0], None, parts[1], 10


def from_torchvision(given):
    """torchvision's own reader of these files, in the folder where it looks for them."""
    raw = given.out.parent / "FashionMNIST" / "raw"
    raw.parent.mkdir(parents=True, exist_ok=True)
    raw.symlink_to(given.files.resolve(), target_is_directory=True)
    sets = [torchvision.datasets.FashionMNIST(given.out.parent, train, transform=torchvision.transforms.ToTensor())
            for train in (True, False)]
    return sets[0], None, sets[1], 10


def is_read(path):
    """A drawing of 231 million pixels is refused by Pillow while training, and by Meuse when it is imported."""
    try:
        with Image.open(path) as picture:
            return picture.width * picture.height <= MOST_PIXELS
    except (OSError, Image.DecompressionBombError):
        return False


def from_folders(given, augmentation, normalised=False):
    side = (given.size, given.size)
    numbers = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True)] + ([v2.Normalize(**IMAGENET)] if normalised else [])
    plain = v2.Compose([v2.Resize(side), *numbers])
    changed = v2.Compose([v2.Resize(side), *augmentation, *numbers])
    folder = lambda part, how: torchvision.datasets.ImageFolder(given.files / part, how, is_valid_file=is_read)
    sets = folder("training", changed), folder("validation", plain), folder("test", plain)
    return *sets, len(sets[0].classes)


def from_texts(given):
    """Words by Keras's rules: the most frequent ones have ids, others are dropped, the last ones count, zeros in front."""
    (texts, labels), (test_texts, test_labels) = peer_common.reviews(given.files)
    separators = str.maketrans(dict.fromkeys('!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n', " "))
    words = lambda text: [word for word in text.lower().translate(separators).split(" ") if word]
    known = collections.Counter(word for text in texts for word in words(text)).most_common(VOCABULARY - 1)
    ids = {word: number for number, (word, _) in enumerate(known, 1)}

    def padded(texts):
        array = np.zeros((len(texts), given.length), "int64")
        for row, text in enumerate(texts):
            found = [ids[word] for word in words(text) if word in ids][-given.length:]
            array[row, given.length - len(found):] = found
        return torch.from_numpy(array)

    test = TensorDataset(padded(test_texts), torch.from_numpy(test_labels))
    return TensorDataset(padded(texts), torch.from_numpy(labels)), None, test, 2


def prepared(given):
    """The data of the training, validation and test part, and a network."""
    if given.recipe in ("digits", "fashion"):
        *sets, classes = (from_arrays if given.recipe == "digits" else from_torchvision)(given)
        model = small_network(classes)
    elif given.recipe == "icons":
        *sets, classes = from_folders(given, [v2.RandomAffine(0, translate=(0.1, 0.1)), v2.RandomHorizontalFlip()])
        model = icons_network(classes)
    elif given.recipe == "clipart":
        *sets, classes = from_folders(given, [v2.RandomAffine(40, (0.2, 0.2), (0.8, 1.2), (-11.5, 11.5)), v2.RandomHorizontalFlip()],
                                      normalised=True)
        return sets, Transfer(classes, given.weights)
    else:
        *sets, _ = from_texts(given)
        model = LstmNetwork() if given.recipe == "english-lstm" else TransformerNetwork(given.length)
    begin_as_keras(model)
    return sets, model


def right(outputs, labels):
    told = outputs.argmax(1) if outputs.dim() == 2 else (outputs > 0).float()
    return (told == labels).sum().item()


def on(device, loader):
    """The batches, where the model is."""
    for x, y in loader:
        yield x.to(device, non_blocking=True), y.to(device, non_blocking=True)


@torch.no_grad()
def accuracy(model, loader, device):
    model.eval()
    return sum(right(model(x), y) for x, y in on(device, loader)) / len(loader.dataset)


def train(model, loader, validation, device, loss_of, rate, epochs):
    optimizer = torch.optim.Adam([weights for weights in model.parameters() if weights.requires_grad], lr=rate)
    for _ in range(epochs):
        model.train()
        for x, y in on(device, loader):
            optimizer.zero_grad()
            loss = loss_of(model(x), y)
            loss.backward()
            optimizer.step()
            # A GPU computes behind this loop: the clock starts, and each epoch ends, when it is through.
            if device.type == "cuda" and not stages.rows:
                torch.cuda.synchronize()
            stages.step(len(x))
        if device.type == "cuda":
            torch.cuda.synchronize()
            stages.step(0)
        if validation:
            accuracy(model, validation, device)


def main():
    given = peer_common.arguments(__doc__)
    torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    device = torch.device(given.device)
    sets, model = prepared(given)
    model.to(device)
    stages.done("prepare")
    workers = WORKERS if isinstance(sets[0], torchvision.datasets.ImageFolder) else 0
    loaders = [rows and DataLoader(rows, given.batch, shuffle=number == 0, num_workers=workers, persistent_workers=workers > 0,
                                   pin_memory=device.type == "cuda")
               for number, rows in enumerate(sets)]
    loss_of = nn.BCEWithLogitsLoss() if given.recipe.startswith("english") else nn.CrossEntropyLoss()
    train(model, loaders[0], loaders[1], device, loss_of, given.rate, given.epochs)
    if given.fine_epochs:
        model.requires_grad_(True)
        train(model, loaders[0], loaders[1], device, loss_of, given.fine_rate, given.fine_epochs)
    stages.done("train")
    reached = accuracy(model, loaders[2], device)
    stages.done("evaluate")
    torch.save(model.state_dict(), given.out)
    stages.done("save")
    parts = zip(("training", "validation", "test"), sets)
    stages.answer(reached, {part: len(rows) for part, rows in parts if rows})


if __name__ == "__main__":
    main()

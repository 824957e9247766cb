"""Runs the benches that scripts/bench names and writes what they measured: figures.md, figures.json, plots."""

import argparse
import dataclasses
import datetime
import functools
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile

import deep
import importing
import serving
import training
from figures import Figure, judged, markdown, plot, replaced

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
README = CHECKOUT / "benches" / "README.md"
PLOTS = CHECKOUT / "docs" / "figures"
# What stands between these lines of the README is replaced by --publish. Networks have lines of their own, since they
# are measured by themselves.
MARKS = ("<!-- figures: begin -->", "<!-- figures: end -->")
DEEP_MARKS = ("<!-- figures of networks: begin -->", "<!-- figures of networks: end -->")
GPU_MARKS = ("<!-- figures on a GPU: begin -->", "<!-- figures on a GPU: end -->")


@dataclasses.dataclass
class Setting:
    """What every bench needs."""

    programs: pathlib.Path
    data_python: str
    mlflow_python: str | None
    torch_python: str | None
    keras_python: str | None
    work: pathlib.Path
    quick: bool
    packages: pathlib.Path | None  # where a person has the packages of pictures and texts
    material: pathlib.Path | None  # where they are fetched to
    pretrained: pathlib.Path  # weights that others have published
    seeds: int = len(deep.SEEDS)  # trainings of each network
    gpu: bool = False  # networks are trained on a GPU, on both sides

    def __post_init__(self):
        self.repetitions = 1 if self.quick else 5
        self.seconds = 2 if self.quick else 8
        self.threads = os.cpu_count()
        self.training_rows = (10_000,) if self.quick else (10_000, 100_000, 1_000_000)
        self.import_bytes = 100_000_000 if self.quick else 1_000_000_000


def sizes(setting):
    """Of the programs; the native libraries lie beside them and are not counted."""
    size = lambda name: (setting.programs / name).stat().st_size / 1e6
    ours = judged(Figure("Size", "the binary `meuse`", "MB", [size("meuse")]), at_most=80)
    return [ours, Figure("Size", "the binary `meuse-job`", "MB", [size("meuse-job")])]


BENCHES = {
    "serving": serving.bench,
    "training": lambda setting: training.bench(setting) + training.overhead(setting),
    "import": importing.bench,
    "start": sizes,
}
# One for each recipe, so that what is measured is written before the next one begins.
NETWORKS = {f"deep {recipe}": functools.partial(deep.bench, name=recipe) for recipe in deep.CASES}


def machine(gpu):
    """Processor, cores, memory, load and the GPU that computes, as the reader of a figure wants to know them."""
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    memory = int(next(line for line in open("/proc/meminfo") if line.startswith("MemTotal")).split()[1]) / 2**20
    about = f"{cpu}, {os.cpu_count()} cores, {memory:.0f} GiB; load {os.getloadavg()[0]:.1f} at the start"
    if gpu:
        asked = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
        about += "; " + subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    return about


def plots(figures):
    """Name and SVG of each plot that these figures allow."""
    def of(what):
        return next((figure for figure in figures if figure.what == what), None)

    wanted = [
        ("rows-per-second", "Rows per second, 64 connections", "rows/s", ": rows per second at 64 connections"),
        ("latency-p99", "One row, one connection: p99", "milliseconds", ": one row at one connection, p99"),
    ]
    for file, title, unit, what in wanted:
        bars = []
        for name in serving.MODELS:
            if figure := of(name + what):
                bars += [(f"Meuse, {name}", figure.median, True), (f"MLflow, {name}", figure.peer_median, False)]
        if bars:
            yield file, plot(title, unit, bars)
    for algorithm, peer in training.PEERS.items():
        bars = []
        for rows in (10_000, 100_000, 1_000_000):
            if figure := of(f"{rows:,} rows, {algorithm}: CSV to registered model"):
                bars += [(f"Meuse, {rows:,} rows", figure.median, True), (f"{peer}, {rows:,}", figure.peer_median, False)]
        if bars:
            yield f"training-{algorithm}", plot(f"CSV to registered model: {algorithm}", "seconds", bars)
    speeds = [figure for figure in figures if figure.group == importing.GROUP and figure.unit == "MB/s"]
    if speeds:
        bars = [("Meuse, with profile", speeds[0].median, True)] + [(one.peer_name, one.peer_median, False) for one in speeds]
        yield "import", plot("CSV to a dataset version", "MB/s", bars)
    bars = []
    for name, case in deep.CASES.items():
        of_case = [figure for figure in figures if figure.what == f"{name}: training"]
        bars += [(f"Meuse, {name}", figure.median, True) for figure in of_case[:1]]
        bars += [(f"{figure.peer_name}, {name}", figure.peer_median, False) for figure in of_case]
    if bars:
        where = "on a GPU" if any(figure.group == deep.ON_GPU for figure in figures) else "two threads"
        yield "networks", plot(f"Training a network, {where}", "samples/s", bars)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("benches", nargs="+", choices=[*BENCHES, "deep"])
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--data-python", required=True)
    parser.add_argument("--mlflow-python")
    parser.add_argument("--torch-python")
    parser.add_argument("--keras-python")
    parser.add_argument("--recipes", type=recipes, default=[])
    parser.add_argument("--seeds", type=int, default=len(deep.SEEDS), choices=range(1, len(deep.SEEDS) + 1))
    parser.add_argument("--packages", type=pathlib.Path)
    parser.add_argument("--material", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--command", required=True)
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--publish", action="store_true")
    given = parser.parse_args()
    about = {"machine": machine(given.gpu), "date": datetime.date.today().isoformat(), "command": given.command}
    with tempfile.TemporaryDirectory(prefix="meuse-bench-") as work:
        setting = Setting(given.programs, given.data_python, given.mlflow_python, given.torch_python, given.keras_python,
                          pathlib.Path(work), given.quick, given.packages, given.material,
                          CHECKOUT / "vendor" / "pretrained" / "lib", given.seeds, given.gpu)
        figures = []
        for name, bench in chosen(given.benches, given.recipes).items():
            print(f"bench: {name}", file=sys.stderr, flush=True)
            figures += bench(setting)
            write(given.out, about, figures)
    if given.publish:
        publish(about, figures)
    print((given.out / "figures.md").read_text())


def chosen(names, recipes):
    """The benches by name, with one for each recipe in place of `deep`."""
    networks = {name: bench for name, bench in NETWORKS.items() if not recipes or name.removeprefix("deep ") in recipes}
    return {name: bench for word in names for name, bench in (networks if word == "deep" else {word: BENCHES[word]}).items()}


def recipes(text):
    """The names in a list with commas."""
    names = text.split(",")
    if unknown := [name for name in names if name not in deep.CASES]:
        raise argparse.ArgumentTypeError(f"there is no {unknown[0]} among {', '.join(deep.CASES)}")
    return names


def write(out, about, figures):
    """After each bench, so that a later one that fails loses nothing."""
    out.mkdir(parents=True, exist_ok=True)
    measured = [dataclasses.asdict(figure) | {"median": figure.median, "ratio": figure.ratio} for figure in figures]
    (out / "figures.json").write_text(json.dumps(about | {"figures": measured}, indent=1, default=str) + "\n")
    (out / "figures.md").write_text(page(about, figures))
    for name, drawn in plots(figures):
        (out / f"{name}.svg").write_text(drawn)


def page(about, figures):
    head = f"`{about['command']}` · {about['date']} · {about['machine']}\n\n"
    return head + markdown(figures)


def publish(about, figures):
    """Puts tables and plots where the documentation shows them."""
    PLOTS.mkdir(parents=True, exist_ok=True)
    marks_of = {deep.GROUP: DEEP_MARKS, deep.ON_GPU: GPU_MARKS}
    for marks in (MARKS, DEEP_MARKS, GPU_MARKS):
        measured = [figure for figure in figures if marks_of.get(figure.group, MARKS) == marks]
        if not measured:
            continue
        pictures = []
        for name, drawn in plots(measured):
            name += "-gpu" if marks == GPU_MARKS else ""
            (PLOTS / f"{name}.svg").write_text(drawn)
            pictures.append(f"![{name}](../docs/figures/{name}.svg)")
        text = page(about, measured) + "\n" + "\n\n".join(pictures)
        README.write_text(replaced(README.read_text(), *marks, text))


if __name__ == "__main__":
    main()

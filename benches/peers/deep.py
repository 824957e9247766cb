"""Networks on pictures and texts, from files to a registered model, beside PyTorch and Keras: speed, memory, quality.

A recipe of examples/ is trained with several seeds, and the peers' scripts (peer_torch.py, peer_keras.py) do the same
from the same files: architecture, beginnings, optimiser, batch, epochs and parts are alike, and each side has two
threads. The seeds go in turn, so that a machine that drifts drifts for all. With `gpu` both sides compute on one, each as
it comes, and Keras is left out.

Samples per second count from the end of the first step to the end of the last, with the input pipeline of each, and
with what stands between the epochs: validation where the recipe has it, and Meuse's checkpoints. Whole times begin at
the files and end with a model that is saved and scored on the test part; Meuse's holds import, profile, bootstrap
intervals, parity check and registration, all by the command line; the scripts' hold starting Python.
"""

import dataclasses
import json
import pathlib
import re
import shutil
import statistics
import sys
import time
import tomllib

import material
import processes
from figures import Figure, judged, judged_by_ratio
from meuse import Meuse, instant

HERE = pathlib.Path(__file__).parent
CHECKOUT = HERE.parents[1]
GROUP, ON_GPU = "Networks", "Networks on a GPU"
THREADS = 2
SEEDS = (42, 43, 44)
TORCH, KERAS, TORCHVISION = "PyTorch", "Keras", "torchvision"


@dataclasses.dataclass
class Case:
    """A recipe, what it is trained on, and what we aim for."""

    recipe: str
    material: str
    peers: dict  # name: how many times faster than it we aim to be
    accuracy: float | None = None
    seeds: tuple = SEEDS


BOTH = {TORCH: 1.1, KERAS: 1.7}
CASES = {
    "digits": Case("images/digits.toml", "digits", BOTH, 0.9689),
    "fashion": Case("images/fashion.toml", "fashion", BOTH, 0.8998),
    "icons": Case("images/icons.toml", "icons", BOTH),
    "english-lstm": Case("text/english-lstm.toml", "english", BOTH, 0.8176),
    "english-transformer": Case("text/english-transformer.toml", "english", BOTH),
    "clipart": Case("images/clipart.toml", "clipart", {TORCHVISION: 1.5}, seeds=SEEDS[:1]),
}


def bench(setting, name):
    """The figures of one recipe; none when the example is not there."""
    case = CASES[name]
    if not (CHECKOUT / "examples" / case.recipe).exists():
        print(f"bench: there is no examples/{case.recipe}, so {name} is left out", file=sys.stderr, flush=True)
        return []
    work = setting.work / "deep" / name
    shutil.rmtree(work, ignore_errors=True)
    files = material.make(case.material, setting.packages, setting.material, sys.executable, work, setting.quick)
    figures = compared(setting, name, on_gpu(case) if setting.gpu else case, files, work)
    for figure in figures:
        figure.group = ON_GPU if setting.gpu else GROUP
    shutil.rmtree(work)
    return figures


def on_gpu(case):
    """There the peer is PyTorch, with the same aim."""
    return dataclasses.replace(case, peers={peer: aim for peer, aim in case.peers.items() if peer != KERAS})


def compared(setting, name, case, files, work):
    sides = {"Meuse": []} | {peer: [] for peer in case.peers}
    for seed in case.seeds[:1 if setting.quick else setting.seeds]:
        text = (CHECKOUT / "examples" / case.recipe).read_text()
        text = recipe(text, seed, len(material.classes(files)), setting.quick, setting.gpu)
        for side, runs in sides.items():
            folder = work / "run"
            folder.mkdir(parents=True)
            run = ours_once(setting, folder, name, text, files) if side == "Meuse" \
                else theirs_once(setting, folder, name, text, files, side)
            shutil.rmtree(folder)
            print(f"bench: deep: {name}, seed {seed}, {side}: {json.dumps(run)}", file=sys.stderr, flush=True)
            same_rows(name, run, sides["Meuse"][0] if sides["Meuse"] else run, side)
            runs.append(run)
    return drawn(name, case, sides)


def same_rows(name, run, first, side):
    """What learns from other rows is no comparison. A file that one side cannot read is left out by it alone."""
    for part, rows in first["rows"].items():
        if abs(run["rows"].get(part, 0) - rows) > rows / 100:
            raise SystemExit(f"{name}: the {part} part has {rows} rows with Meuse and {run['rows'].get(part, 0)} with {side}")


def drawn(name, case, sides):
    """The lines of the table: one per peer for time, speed and memory; one for accuracy."""
    column = lambda side, field: [run[field] for run in sides[side]]
    figures = []
    for peer, aim in case.peers.items():
        pair = lambda what, unit, field: Figure(GROUP, f"{name}: {what}", unit, column("Meuse", field), column(peer, field), peer)
        whole = pair("files to model", "s", "seconds")
        whole.note = " · ".join([told(sides["Meuse"]), "theirs: " + told(sides[peer])])
        figures += [judged_by_ratio(pair("training", "samples/s", "speed"), aim), whole,
                    judged_by_ratio(pair("peak memory", "MiB", "memory"), 2)]
    reached = {side: [100 * run["accuracy"] for run in runs] for side, runs in sides.items()}
    runs = len(reached["Meuse"])
    what = f"{name}: accuracy on the test part" + (f", mean of {runs} seeds" if runs > 1 else "")
    quality = Figure(GROUP, what, "%", [statistics.mean(reached["Meuse"])], digits=2)
    quality.note = " · ".join(f"{side} {statistics.mean(values):.2f} ({min(values):.2f}–{max(values):.2f})" for side, values in reached.items())
    return figures + [judged(quality, at_least=100 * case.accuracy) if case.accuracy else quality]


def told(runs):
    """The median seconds of each stage that takes at least a twentieth of a second."""
    names = list(dict.fromkeys(name for run in runs for name in run["stages"]))
    medians = {name: statistics.median(run["stages"].get(name, 0) for run in runs) for name in names}
    return ", ".join(f"{name} {seconds:.2f}" for name, seconds in medians.items() if seconds >= 0.05)


def recipe(text, seed, classes, quick, gpu=False):
    """The recipe of an example with this seed; divided as the folders are where they are divided; of one epoch to be quick."""
    if gpu:
        text = replaced_line(text, r"(?m)^name = \"network\"$", 'name = "network"\ndevice = "gpu"')
    text = replaced_line(text, r"seed = \d+", f"seed = {seed}")
    if classes:
        text = replaced_line(text, r"\[split\]\n[^\[]*", '[split]\nmethod = "column"\ncolumn = "split"\n\n')
        text = replaced_line(text, r'units = \d+, activation = "softmax"', f'units = {classes}, activation = "softmax"')
    return replaced_line(text, r"\bepochs = \d+", "epochs = 1") if quick else text


def replaced_line(text, pattern, instead):
    if not re.search(pattern, text):
        raise ValueError(f"the recipe has nothing like {pattern}")
    return re.sub(pattern, lambda _: instead, text)


def ours_once(setting, folder, name, text, files):
    read = tomllib.loads(text)
    with Meuse(setting.programs, folder / "home", THREADS, setting.pretrained) as meuse, processes.Peak(meuse.child.pid, below=True) as peak:
        begin = time.perf_counter()
        meuse.run("data", "import", read["dataset"], files)
        imported = time.perf_counter() - begin
        job, stages = meuse.train(text, name)
        seconds = time.perf_counter() - begin
        evaluation = meuse.run("models", "show", job["result"])["evaluation"]
        events = meuse.get(f"/api/v1/jobs/{job['id']}/events")
    rows = {part: count for part, count in evaluation["rows"].items() if count}
    return {"seconds": seconds, "memory": peak.largest, "speed": speed(events, epochs(read["algorithm"]) * rows["training"]),
            "accuracy": evaluation["metrics"]["accuracy"]["value"], "rows": rows, "stages": {"import": imported} | stages}


def epochs(algorithm):
    return algorithm["epochs"] + algorithm.get("fine_tuning", {}).get("epochs", 0)


def speed(events, samples):
    """Samples per second from the first event of the stage `train` to the last: the first is told after the first step,
    the last after the last one."""
    steps = [line["event"] for line in events if line.get("event", {}).get("type") == "progress" and line["event"]["stage"] == "train"]
    if len(steps) < 2 or steps[-1]["done"] != steps[-1]["total"]:
        raise SystemExit(f"the job told {len(steps)} times how far its training was, and not to the end")
    first, last = steps[0], steps[-1]
    return samples * (last["done"] - first["done"]) / last["total"] / (instant(last["at"]) - instant(first["at"]))


def theirs_once(setting, folder, name, text, files, peer):
    read = tomllib.loads(text)
    algorithm = read["algorithm"]
    if (algorithm["optimizer"]["name"], algorithm.get("initialization", "keras")) != ("adam", "keras"):
        raise SystemExit(f"{name}: the peers' scripts know Adam and Keras's beginnings, and the recipe wants others")
    python, script, ending = (setting.keras_python, "peer_keras.py", "keras") if peer == KERAS \
        else (setting.torch_python, "peer_torch.py", "pt")
    command = [python, HERE / script, name, files, "--epochs", algorithm["epochs"], "--batch", algorithm["batch_size"],
               "--rate", algorithm["optimizer"]["learning_rate"], "--seed", read["seed"], "--threads", THREADS,
               "--out", folder / f"model.{ending}"]
    if algorithm.get("device") == "gpu":
        command += ["--device", "cuda"]
    if side := read["preprocessing"]["columns"].get("image", {}).get("image", {}).get("width"):
        command += ["--size", side]
    if length := read["preprocessing"]["columns"].get("text", {}).get("sequence", {}).get("length"):
        command += ["--length", length]
    if fine := algorithm.get("fine_tuning"):
        command += ["--fine-epochs", fine["epochs"], "--fine-rate", fine.get("learning_rate", 1e-5)]
    if weights := next((layer["weights"] for layer in algorithm["layers"] if layer.get("weights")), None):
        command += ["--weights", setting.pretrained / weights]
    seconds, memory, said = processes.run([str(word) for word in command], forks=True)
    answer = json.loads(said.splitlines()[-1])
    return {"seconds": seconds, "memory": memory, "speed": answer["speed"], "accuracy": answer["accuracy"],
            "rows": answer["rows"], "stages": answer["seconds"]}

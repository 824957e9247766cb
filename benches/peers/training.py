"""From a CSV file to a registered model, beside pandas with scikit-learn or LightGBM: time, memory, quality.

Meuse's time holds the upload, the import with its profile, the training, the evaluation with bootstrap intervals, the
parity check, and the registration, all by the command line; the script's holds reading, fitting and scoring.
"""

import json
import pathlib
import shutil
import statistics
import time

import processes
import table
from figures import Figure, judged, judged_by_ratio
from meuse import ROUNDS, Meuse, recipe

HERE = pathlib.Path(__file__).parent
GROUP = "Training"
PEERS = {"logistic": "pandas + scikit-learn", "trees": "pandas + LightGBM"}


def bench(setting):
    """All figures of training."""
    work = setting.work / "training"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    figures = []
    for rows in setting.training_rows:
        csv = work / f"loans-{rows}.csv"
        table.write(csv, rows=rows, seed=11)
        for algorithm in PEERS:
            figures += pair(setting, work, csv, rows, algorithm)
        csv.unlink()
    return figures


def pair(setting, work, csv, rows, algorithm):
    ours, theirs = [], []
    for repetition in range(setting.repetitions if rows < 1_000_000 else 1 + setting.repetitions // 3):
        ours.append(ours_once(setting, work / f"home-{rows}-{algorithm}-{repetition}", csv, algorithm))
        theirs.append(theirs_once(setting, csv, algorithm))
    label = f"{rows:,} rows, {algorithm}"
    column = lambda name: ([one[name] for one in ours], [one[name] for one in theirs])
    whole = Figure(GROUP, f"{label}: CSV to registered model", "s", *column("seconds"), PEERS[algorithm])
    whole.note = " · ".join(told(ours) + told(theirs, "theirs: "))
    learning = Figure(GROUP, f"{label}: learning itself", "s", *column("learning"), PEERS[algorithm])
    memory = Figure(GROUP, f"{label}: peak memory of the job", "MiB", *column("memory"), PEERS[algorithm])
    quality = Figure(GROUP, f"{label}: AUC on the test part", "", *column("auc"), PEERS[algorithm])
    figures = [judged_by_ratio(whole, 2), learning, judged_by_ratio(memory, 2), quality]
    if algorithm == "trees":
        learning.aim, learning.reached = "within 5 %", learning.ratio >= 1 / 1.05
    return figures


def told(runs, prefix=""):
    """The median seconds of each stage that takes at least a twentieth of a second."""
    names = list(dict.fromkeys(name for run in runs for name in run["stages"]))
    medians = {name: statistics.median(run["stages"].get(name, 0) for run in runs) for name in names}
    stages = [f"{name} {seconds:.2f}" for name, seconds in medians.items() if seconds >= 0.05]
    return [prefix + ", ".join(stages)] if stages else []


def ours_once(setting, folder, csv, algorithm):
    with Meuse(setting.programs, folder / "home", setting.threads) as meuse, \
            processes.Peak(meuse.child.pid, below=True) as peak:
        begin = time.perf_counter()
        meuse.run("data", "import", "loans", csv)
        imported = time.perf_counter() - begin
        job, stages = meuse.train(recipe("loans", algorithm), algorithm)
        seconds = time.perf_counter() - begin
        shown = meuse.run("models", "show", job["result"])
    shutil.rmtree(folder)
    learning = stages.get("boost" if algorithm == "trees" else "fit", 0.0)
    auc = shown["evaluation"]["metrics"]["roc_auc"]["value"]
    return {"seconds": seconds, "memory": peak.largest, "learning": learning, "auc": auc,
            "stages": {"import": imported} | stages}


def theirs_once(setting, csv, algorithm):
    command = [setting.data_python, HERE / "peer_model.py", "train", csv, algorithm, setting.threads, "--rounds", ROUNDS]
    seconds, memory, said = processes.run([str(word) for word in command])
    answer = json.loads(said)
    learning = answer["seconds"].get("boost", answer["seconds"].get("fit"))
    return {"seconds": seconds, "memory": memory, "learning": learning, "stages": answer["seconds"],
            "auc": answer["quality"]["test"]["roc_auc"]}


def overhead(setting):
    """From the request to train to the child's first step, and to its first boosting round."""
    work = setting.work / "overhead"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    csv = work / "loans.csv"
    table.write(csv, rows=2_000, seed=3)
    first, whole = [], []
    with Meuse(setting.programs, work / "home", setting.threads) as meuse:
        meuse.run("data", "import", "loans", csv)
        for number in range(3 * setting.repetitions):
            begin = time.time()
            job, _ = meuse.train(recipe("loans", "logistic"), f"model-{number}")
            whole.append(time.time() - begin)
            first.append((first_step(meuse, job["id"]) - begin) * 1e3)
    step = Figure("Jobs", "from `meuse train` to the child's first step", "ms", first)
    step.note = f"the whole job on 2,000 rows, to the registered version: {statistics.median(whole):.2f} s"
    return [judged(step, at_most=300)]


def first_step(meuse, job):
    from meuse import instant

    lines = meuse.get(f"/api/v1/jobs/{job}/events")
    return next(instant(line["event"]["at"]) for line in lines if line.get("event", {}).get("type") == "progress")

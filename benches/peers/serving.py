"""One server beside the other: `meuse serve` and `mlflow models serve`, the same rows, the same load generator.

Latency and rows per second come from wrk (C, one thread), which needs a few percent of a core; Python's http.client
tells what a Python caller sees. Both servers run all the time and are asked in turn.
"""

import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import time
import urllib.parse

import processes
import table
from figures import Figure, judged, percentile
from meuse import Meuse, recipe

HERE = pathlib.Path(__file__).parent
GROUP = "Serving"
ROWS = 20_000
MODELS = ("logistic", "trees")


class Mlflow:
    """`mlflow models serve` of one model, in a process group of its own."""

    def __init__(self, python, model, log, workers=1):
        self.python, self.model, self.log, self.workers = pathlib.Path(python), model, log, workers

    def __enter__(self):
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = found.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/invocations"
        environment = dict(os.environ, PATH=f"{self.python.parent}:{os.environ['PATH']}", MLFLOW_DISABLE_TELEMETRY="true")
        command = [self.python, "-m", "mlflow", "models", "serve", "--model-uri", self.model, "--port", str(self.port),
                   "--env-manager", "local", "--workers", str(self.workers)]
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        return self

    def __exit__(self, *_):
        processes.end(self.child)


class Client:
    """One connection, one body after the other."""

    def __init__(self, url, key=None):
        url = urllib.parse.urlsplit(url)
        self.path, self.connection = url.path, http.client.HTTPConnection(url.hostname, url.port, timeout=60)
        self.headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})

    def ask(self, body):
        self.connection.request("POST", self.path, body, self.headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{self.path} answered {answer.status}: {text[:500]}")
        return json.loads(text)

    def latencies(self, bodies, seconds):
        """Milliseconds of each call, and each answer's own timings where it has some."""
        milliseconds, timings = [], []
        self.connection.close()  # MLflow closes what was silent for five seconds; the next request opens it anew
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            begin = time.perf_counter()
            answer = self.ask(bodies[len(milliseconds) % len(bodies)])
            milliseconds.append((time.perf_counter() - begin) * 1e3)
            timings.append(answer.get("timings_ms"))
        return milliseconds, timings


def wrk(url, bodies, seconds, connections, key=None):
    """What wrk says of so many seconds of load; a call that was not answered with 200 ends the bench."""
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s", "--timeout", "30s",
               "--script", HERE / "post.lua", url, "--", bodies] + ([f"Bearer {key}"] if key else [])
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    result = json.loads(next(line for line in said.splitlines() if line.startswith("{")))
    if result["errors"]:
        raise SystemExit(f"{result['errors']} calls of {url} went wrong")
    return result


def answered(ask, patience=300):
    """Asks until there is an answer. A server that is up and refuses ends the bench."""
    begin = time.perf_counter()
    while True:
        try:
            return ask()
        except (OSError, http.client.HTTPException) as error:
            if time.perf_counter() - begin > patience:
                raise SystemExit(f"the server did not answer in {patience} s: {error!r}") from None
            time.sleep(0.002)


def bench(setting):
    """All figures of serving."""
    work = setting.work / "serving"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    csv = work / "loans.csv"
    table.write(csv, rows=ROWS, seed=7)
    figures = []
    with Meuse(setting.programs, work / "meuse" / "home") as meuse:
        meuse.run("data", "import", "loans", csv)
        for name in MODELS:
            meuse.train(recipe("loans", name).replace('["application_id"]', '["application_id", "opened"]'), name)
            meuse.run("models", "deploy", f"{name}:1", "--reason", "the bench")
    for name in MODELS:
        figures += of_model(setting, work, name, csv)
    return figures


def of_model(setting, work, name, csv):
    saved = work / f"mlflow-{name}"
    _, _, said = processes.run([setting.mlflow_python, HERE / "peer_model.py", "save", csv, name, saved])
    told = json.loads(said.splitlines()[-1])
    bodies = {}
    for side, wrap in {"meuse": lambda row: {"rows": [row]}, "mlflow": lambda row: {"dataframe_records": [row]}}.items():
        lines = [json.dumps(wrap(row)) for row in told["rows"]]
        bodies[side] = (work / f"{name}.{side}.jsonl", lines)
        bodies[side][0].write_text("\n".join(lines) + "\n")
    started, figures = start(setting, work, name, saved, bodies), []
    with Meuse(setting.programs, work / "meuse" / "home") as meuse, \
            Mlflow(setting.mlflow_python, saved, work / f"mlflow-{name}.log") as mlflow:
        url = f"{meuse.url}/api/v1/models/{name}/predict"
        ours, theirs = Client(url, meuse.key), Client(mlflow.url)
        # A connection that was refused cannot be used again.
        answered(lambda: Client(mlflow.url).ask(bodies["mlflow"][1][0]))
        difference = compared(ours, theirs, bodies)
        ours_quality = meuse.run("models", "show", f"{name}:1")["evaluation"]["metrics"]["roc_auc"]["value"]
        same = f"test AUC {ours_quality:.4f} and {told['quality']['roc_auc']:.4f}; " \
               f"probabilities of 200 rows differ by {difference:.4f} at the median"
        asked = lambda connections: rounds(setting, connections, (url, bodies["meuse"][0], meuse.key),
                                           (mlflow.url, bodies["mlflow"][0], None))
        figures += one_connection(name, same, asked(1))
        figures += python_caller(setting, name, (ours, bodies["meuse"][1]), (theirs, bodies["mlflow"][1]))
        figures += many_connections(name, meuse, asked(64))
        figures.append(memory_after(name, meuse, mlflow))
    return started + figures


def compared(ours, theirs, bodies):
    differences = []
    for our_body, their_body in zip(bodies["meuse"][1], bodies["mlflow"][1]):
        probability = ours.ask(our_body)["predictions"][0]["probability"]
        differences.append(abs(probability - theirs.ask(their_body)["predictions"][0][1]))
    return statistics.median(differences)


def rounds(setting, connections, ours, theirs):
    """Repetitions in turn, so that both sides meet the same machine."""
    results = {"meuse": [], "mlflow": []}
    for side, (url, bodies, key) in [("meuse", ours), ("mlflow", theirs)]:
        wrk(url, bodies, 1, connections, key)  # both have met this load before it counts
    for _ in range(setting.repetitions):
        for side, (url, bodies, key) in [("meuse", ours), ("mlflow", theirs)]:
            results[side].append(wrk(url, bodies, setting.seconds, connections, key))
    return results


def values(results, field):
    return [[one[field] for one in results[side]] for side in ("meuse", "mlflow")]


def one_connection(name, note, results):
    p50, p99 = (Figure(GROUP, f"{name}: one row at one connection, {word}", "ms", *values(results, f"{word}_ms"), "MLflow")
                for word in ("p50", "p99"))
    p50.note = note
    return [judged(p50, at_most=0.3), judged(p99, at_most=1)]


def python_caller(setting, name, ours, theirs):
    """What `http.client` sees, and the server's own share: the call less what the model took."""
    ours, timings = ours[0].latencies(ours[1], setting.seconds)
    theirs, _ = theirs[0].latencies(theirs[1], setting.seconds)
    shares = [total - timing["compute"] for total, timing in zip(ours, timings)]
    inside = [timing["total"] - timing["compute"] for timing in timings]
    compute = [timing["compute"] for timing in timings]
    both = lambda share: ([percentile(ours, share)], [percentile(theirs, share)])
    model = Figure(GROUP, f"{name}: the model's own time of one row, p50", "ms", [percentile(compute, 0.5)])
    share = Figure(GROUP, f"{name}: a call less the model's time, as the caller sees it, p99", "ms", [percentile(shares, 0.99)])
    share.note = f"inside the model service alone p50 {percentile(inside, 0.5):.3f}, p99 {percentile(inside, 0.99):.3f} ms"
    return [
        Figure(GROUP, f"{name}: the same from Python's http.client, p50", "ms", *both(0.5), "MLflow"),
        Figure(GROUP, f"{name}: the same from Python's http.client, p99", "ms", *both(0.99), "MLflow"),
        model,
        judged(share, at_most=1),
    ]


def many_connections(name, meuse, results):
    rate = [[one["requests"] / one["seconds"] for one in results[side]] for side in ("meuse", "mlflow")]
    rows = Figure(GROUP, f"{name}: rows per second at 64 connections", "rows/s", *rate, "MLflow")
    p99 = Figure(GROUP, f"{name}: p99 at 64 connections, flat out", "ms", *values(results, "p99_ms"), "MLflow")
    own = logged(meuse.log_file)
    under = Figure(GROUP, f"{name}: time in the server at 64 connections by its own log, p99", "ms", [percentile(own, 0.99)])
    under.note = f"p50 {percentile(own, 0.5):.3f} ms of the last {len(own):,} calls"
    return [judged(rows, at_least=12_000), p99, under]


def logged(log, last=100_000):
    """`duration_ms` of the last requests in the log."""
    lines = log.read_text(errors="replace").splitlines()[-last:]
    found = (re.search(r"duration_ms=([0-9.]+)", line) for line in lines if "/predict" in line)
    return [float(match[1]) for match in found if match]


def start(setting, work, name, saved, bodies):
    """From the start of the program to the first answer; the memory after that answer."""
    ours, idle, theirs, their_idle = [], [], [], []
    for repetition in range(setting.repetitions):
        begin = time.perf_counter()
        with Meuse(setting.programs, work / "meuse" / "home") as meuse:
            url = f"{meuse.url}/api/v1/models/{name}/predict"
            answered(lambda: Client(url, meuse.key).ask(bodies["meuse"][1][0]))
            ours.append(time.perf_counter() - begin)
            time.sleep(1)
            idle.append(processes.memory(meuse.child.pid))
        if repetition < 2:
            begin = time.perf_counter()
            with Mlflow(setting.mlflow_python, saved, work / f"mlflow-{name}.log") as mlflow:
                answered(lambda: Client(mlflow.url).ask(bodies["mlflow"][1][0]))
                theirs.append(time.perf_counter() - begin)
                time.sleep(1)
                their_idle.append(processes.memory(mlflow.child.pid))
    seconds = Figure(GROUP, f"{name}: start to first answer", "s", ours, theirs, "MLflow")
    memory = Figure(GROUP, f"{name}: memory after the first answer", "MiB", idle, their_idle, "MLflow")
    return [judged(seconds, at_most=0.5), judged(memory, at_most=60)]


def memory_after(name, meuse, mlflow):
    ours, theirs = processes.memory(meuse.child.pid), processes.memory(mlflow.child.pid)
    return judged(Figure(GROUP, f"{name}: memory after the load", "MiB", [ours], [theirs], "MLflow"), at_most=60)

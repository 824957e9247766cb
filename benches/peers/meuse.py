"""A Meuse server of the bench's own: started, asked by its command line and over HTTP, ended."""

import http.client
import json
import os
import pathlib
import subprocess
import time
import urllib.parse

import processes


class Meuse:
    """Serves from `home` with everything on that is on by default: keys, audit, metrics, the log line of each request."""

    def __init__(self, programs, home, threads=None, pretrained=None):
        self.program, self.home = pathlib.Path(programs) / "meuse", pathlib.Path(home)
        self.home.parent.mkdir(parents=True, exist_ok=True)
        self.key_file, self.log_file = self.home.parent / "admin.key", self.home.parent / "server.log"
        self.environment = dict(os.environ)
        if threads:
            self.environment |= {"MEUSE_COMPUTE__THREADS": str(threads), "MEUSE_COMPUTE__SLOTS": "1"}
        if pretrained:
            self.environment["MEUSE_COMPUTE__PRETRAINED"] = str(pretrained)

    def __enter__(self):
        address = self.home.parent / "address"
        address.unlink(missing_ok=True)
        command = [self.program, "serve", "--home", self.home, "--listen", "127.0.0.1:0", "--address-file", address,
                   "--admin-key-file", self.key_file]
        with self.log_file.open("ab") as log:
            self.child = subprocess.Popen(command, env=self.environment, stderr=log, stdout=log, start_new_session=True)
        while not (address.exists() and address.read_text().strip()):
            if self.child.poll() is not None:
                raise SystemExit(f"the server did not start: {self.log_file.read_text()[-2000:]}")
            time.sleep(0.002)
        self.url = address.read_text().strip()
        self.key = self.key_file.read_text().strip()
        return self

    def __exit__(self, *_):
        processes.end(self.child)

    def run(self, *arguments):
        """What a command answers, as JSON."""
        environment = self.environment | {"MEUSE_URL": self.url, "MEUSE_API_KEY": self.key}
        done = subprocess.run([self.program, "--json", *map(str, arguments)], env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"meuse {' '.join(map(str, arguments))}: {done.stderr}")
        return json.loads(done.stdout)

    def get(self, path):
        """A path's JSON, or its lines of JSON."""
        url = urllib.parse.urlsplit(self.url)
        connection = http.client.HTTPConnection(url.hostname, url.port)
        connection.request("GET", path, headers={"authorization": f"Bearer {self.key}"})
        answer = connection.getresponse()
        text = answer.read().decode()
        if answer.status != 200:
            raise SystemExit(f"GET {path}: {answer.status} {text}")
        lines = answer.headers.get_content_type() == "application/x-ndjson"
        return [json.loads(line) for line in text.splitlines()] if lines else json.loads(text)

    def train(self, recipe, model):
        """Trains, deploys nothing; the job as it ended and the seconds of each stage."""
        path = self.home.parent / f"{model}.toml"
        path.write_text(recipe, encoding="utf-8")
        job = self.run("train", path, "--model", model, "--follow")
        return job, stages(self.get(f"/api/v1/jobs/{job['id']}/events"))


def stages(lines):
    """Seconds per stage of a job: from the first event that names it to the first that names another."""
    seconds, last = {}, None
    for line in lines:
        event = line.get("event", {})
        if event.get("type") not in ("progress", "done"):
            continue
        at = instant(event["at"])
        if last and event.get("stage") != last[0]:
            seconds[last[0]] = seconds.get(last[0], 0.0) + at - last[1]
        if event["type"] == "progress" and (last is None or event["stage"] != last[0]):
            last = (event["stage"], at)
    return seconds


def instant(value):
    """Seconds since 1970 of a time as our API writes it: microseconds, or ISO text."""
    if isinstance(value, (int, float)):
        return value / 1e6
    import datetime

    return datetime.datetime.fromisoformat(value).timestamp()


def recipe(dataset, algorithm):
    """The recipe of both sides' model: hyper-parameters by hand, so that both do the same work."""
    head = f'''dataset = "{dataset}"
task = "binary"
target = "defaulted"
positive = "yes"
drop = ["application_id"]
seed = 42
[split]
method = "column"
column = "part"
'''
    if algorithm == "logistic":
        return head + '[algorithm]\nname = "logistic_regression"\nl2 = 1.0\n'
    return head + f'''[algorithm]
name = "lightgbm"
capacity = "manual"
num_iterations = {ROUNDS}
num_leaves = 31
learning_rate = 0.05
min_data_in_leaf = 20
early_stopping_round = 0
'''


ROUNDS = 200

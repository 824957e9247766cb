"""The world that the client tests share: one server on a port of its own, two models trained on the demo data.

It is made at the first use, by the real binaries, and is gone when the tests have ended.
"""

import atexit
import csv
import functools
import http.client
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import urllib.parse

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
BINARIES = pathlib.Path(os.environ["MEUSE_BIN_DIR"])
DATA = CHECKOUT / "examples/credit/germancredit.csv"
TARGET = "creditability"
STARTED_WITHIN = 60
ENDED_WITHIN = 30

RECIPE = """
dataset = "credit"
task = "binary"
target = "creditability"
positive = "bad"

[split]
method = "stratified"

[algorithm]
"""
SCORECARD = RECIPE + 'name = "scorecard"\n'
# Small on purpose: how good it is does not matter here.
TREES = RECIPE + 'name = "lightgbm"\ncapacity = "manual"\nnum_iterations = 30\nnum_leaves = 7\n'


class Answer:
    """What came back: a status, headers, a body."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self):
        return json.loads(self.body)

    def error(self):
        """The error in our own shape."""
        return self.json()["error"]


class World:
    """A server, its admin's key, and the models `card` (a scorecard, deployed) and `trees` (LightGBM, deployed)."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="meuse-clients-"))
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        self.home = self.folder / "home"
        self.log = self.folder / "server.log"
        self.start()
        self.train()

    def start(self):
        address_file, key_file = self.folder / "address", self.folder / "admin.key"
        command = [BINARIES / "meuse", "serve", "--home", self.home, "--listen", "127.0.0.1:0"]
        command += ["--address-file", address_file, "--admin-key-file", key_file]
        with self.log.open("wb") as log:
            self.server = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        atexit.register(self.stop)
        deadline = time.monotonic() + STARTED_WITHIN
        while not (address_file.exists() and address_file.read_text().strip()):
            if self.server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start:\n{self.log.read_text()}")
            time.sleep(0.05)
        self.address = address_file.read_text().strip().removeprefix("http://").rstrip("/")
        self.url = f"http://{self.address}"
        self.key = key_file.read_text().strip()

    def stop(self):
        if self.server.poll() is None:
            self.server.terminate()
            try:
                self.server.wait(ENDED_WITHIN)
            except subprocess.TimeoutExpired:
                self.server.kill()

    def meuse(self, *arguments, project=None):
        """What `meuse --json …` printed."""
        environment = {**os.environ, "MEUSE_URL": self.url, "MEUSE_API_KEY": self.key}
        if project:
            environment["MEUSE_PROJECT"] = project
        command = [BINARIES / "meuse", "--json", *map(str, arguments)]
        done = subprocess.run(command, env=environment, cwd=self.folder, capture_output=True, text=True, check=False)
        if done.returncode:
            log = "".join(self.log.read_text().splitlines(keepends=True)[-20:])
            raise RuntimeError(f"meuse {' '.join(map(str, arguments))}:\n{done.stdout}{done.stderr}{log}")
        return done.stdout

    def train(self):
        self.meuse("data", "import", "credit", DATA)
        for name, recipe in (("card", SCORECARD), ("trees", TREES)):
            file = self.folder / f"{name}.toml"
            file.write_text(recipe)
            self.meuse("train", file, "--model", name, "--follow")
            self.meuse("models", "deploy", f"{name}:1", "--reason", "for the tests")

    def ask(self, method, path, body=None, headers=None, key=None):
        """One request; a `body` that is not bytes is sent as JSON. `key=""` sends none."""
        headers = dict(headers or {})
        key = self.key if key is None else key
        if key:
            headers["Authorization"] = f"Bearer {key}"
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        connection = http.client.HTTPConnection(self.address, timeout=60)
        try:
            connection.request(method, path, body, headers)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def predict(self, model, rows, **options):
        return self.ask("POST", f"/api/v1/models/{urllib.parse.quote(model)}/predict", {"rows": rows}, **options)


@functools.cache
def world():
    """The world, made once."""
    return World()


@functools.cache
def applicants():
    """The rows of the demo data as people have them: numbers as numbers, and no target."""
    with DATA.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [{name: number_or_text(cell) for name, cell in row.items() if name != TARGET} for row in rows]


def number_or_text(cell):
    try:
        return int(cell)
    except ValueError:
        return cell

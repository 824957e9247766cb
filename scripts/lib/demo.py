"""What scripts/demo needs beyond the shell: reading JSON, building an Open Inference body, timing calls.

Only Python's standard library. Address and key come from MEUSE_URL and MEUSE_API_KEY.
"""

import argparse
import http.client
import json
import os
import platform
import sys
import time
import urllib.parse

CALLS = 1000


def pick(arguments):
    print(json.load(sys.stdin)[arguments.field])


def first_row(_):
    """The row of the first picture of a page (standard input)."""
    print(json.load(sys.stdin)["items"][0]["row"])


def infer_body(arguments):
    """One tensor per input of the model's metadata (standard input), filled from rows."""
    metadata = json.load(sys.stdin)
    with open(arguments.rows, encoding="utf-8") as file:
        rows = json.load(file)
    inputs = [
        {
            "name": tensor["name"],
            "datatype": tensor["datatype"],
            "shape": [len(rows), 1],
            "data": [row[tensor["name"]] for row in rows],
        }
        for tensor in metadata["inputs"]
    ]
    print(json.dumps({"inputs": inputs}))


def measure(arguments):
    """The latency of one row at one connection, as a client sees it, and the server's resident memory."""
    url = urllib.parse.urlsplit(os.environ["MEUSE_URL"])
    with open(arguments.rows, encoding="utf-8") as file:
        body = json.dumps({"rows": json.load(file)[:1]})
    headers = {"authorization": f"Bearer {os.environ['MEUSE_API_KEY']}", "content-type": "application/json"}
    connection = http.client.HTTPConnection(url.hostname, url.port)
    durations = []
    for _ in range(CALLS):
        begin = time.perf_counter()
        connection.request("POST", f"/api/v1/models/{arguments.model}/predict", body, headers)
        answer = connection.getresponse()
        text = answer.read()
        durations.append((time.perf_counter() - begin) * 1000)
        if answer.status != 200:
            raise SystemExit(f"the server answered {answer.status}: {text.decode()}")
    durations.sort()
    result = {
        "calls": CALLS,
        "p50_ms": round(durations[CALLS // 2], 3),
        "p99_ms": round(durations[CALLS * 99 // 100], 3),
        "server_resident_mib": round(resident_bytes(arguments.pid) / 2**20, 1),
    }
    print(json.dumps(result))


def resident_bytes(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def report(arguments):
    """Steps with seconds, both evaluations (standard input) and the calls' latency, as one JSON document."""
    with open(arguments.steps, encoding="utf-8") as file:
        steps = dict(line.rstrip("\n").split("\t") for line in file)
    comparison = json.load(sys.stdin)
    models = {}
    for version in comparison["versions"]:
        evaluation = version["evaluation"]
        models[version["name"]] = {
            "algorithm": version["algorithm"],
            "validation": {name: metric["value"] for name, metric in evaluation["validation"]["metrics"].items()},
            "test": {name: metric["value"] for name, metric in evaluation["metrics"].items()},
        }
    document = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "seconds": {title: float(seconds) for title, seconds in steps.items()},
        "metric": comparison["metric"],
        "deployed": arguments.model,
        "models": models,
        "calls": json.loads(arguments.calls),
    }
    print(json.dumps(document, indent=2))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)

    command = commands.add_parser("pick", help="a field of the JSON on standard input")
    command.add_argument("field")
    command.set_defaults(run=pick)

    command = commands.add_parser("first-row", help="the row of the first picture of a page")
    command.set_defaults(run=first_row)

    command = commands.add_parser("infer-body", help="an Open Inference body from rows and the model's metadata")
    command.add_argument("rows")
    command.set_defaults(run=infer_body)

    command = commands.add_parser("measure", help="the latency of calls")
    command.add_argument("model")
    command.add_argument("rows")
    command.add_argument("--pid", required=True)
    command.set_defaults(run=measure)

    command = commands.add_parser("report", help="everything that was measured")
    command.add_argument("steps")
    command.add_argument("model")
    command.add_argument("calls")
    command.set_defaults(run=report)

    arguments = parser.parse_args()
    arguments.run(arguments)


main()

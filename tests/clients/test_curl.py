"""The server as `curl` and Prometheus see it."""

import json
import re
import subprocess
import unittest

from test_calls import rows
from world import world

SERIES = re.compile(r'^[a-z_]+(\{[a-z_]+="(\\.|[^"\\])*"(,[a-z_]+="(\\.|[^"\\])*")*\})? -?([0-9.e+-]+|\+Inf|NaN)$')


def curl(path, *options):
    """Status and body."""
    command = ["curl", "--silent", "--show-error", "--write-out", "\n%{http_code}", *options, world().url + path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def key():
    return ["--header", f"Authorization: Bearer {world().key}"]


class Curl(unittest.TestCase):
    def test_a_model_is_asked(self):
        status, body = curl("/api/v1/models/card/predict", *key(), "--data", json.dumps({"rows": rows(3)}))
        self.assertEqual(status, 200, body)
        self.assertEqual(len(json.loads(body)["predictions"]), 3)

    def test_a_model_is_asked_over_http_2(self):
        options = [*key(), "--http2-prior-knowledge", "--data", json.dumps({"rows": rows(3)})]
        status, body = curl("/api/v1/models/card/predict", *options)
        self.assertEqual(status, 200, body)

    def test_a_body_past_the_limit_is_refused_over_http_2_too(self):
        body = world().folder / "large"
        body.write_bytes(b" " * (17 << 20))
        status, body = curl("/api/v1/projects", *key(), "--http2-prior-knowledge", "--data-binary", f"@{body}")
        self.assertEqual((status, json.loads(body)["error"]["kind"]), (413, "too_large"))

    def test_a_model_is_asked_by_open_inference(self):
        inputs = [
            {"name": name, "shape": [1], "datatype": "INT64" if isinstance(cell, int) else "BYTES", "data": [cell]}
            for name, cell in rows(1)[0].items()
        ]
        status, body = curl("/v2/models/card/infer", *key(), "--data", json.dumps({"inputs": inputs}))
        self.assertEqual(status, 200, body)
        outputs = {output["name"]: output["data"] for output in json.loads(body)["outputs"]}
        ours = world().predict("card", rows(1)).json()["predictions"][0]
        self.assertEqual((outputs["probability"], outputs["label"]), ([ours["probability"]], [ours["label"]]))

    def test_health_needs_no_key_and_everything_else_does(self):
        for path in ("/healthz", "/v2/health/live", "/v2/health/ready", "/api/v1/openapi.json"):
            self.assertEqual(curl(path)[0], 200, path)
        for path in ("/metrics", "/api/v1/me", "/v2", "/v2/models/card"):
            self.assertEqual(curl(path)[0], 401, path)

    def test_a_wrong_method_names_the_right_ones(self):
        done = subprocess.run(
            ["curl", "--silent", "--include", *key(), "--request", "PUT", world().url + "/api/v1/models"],
            capture_output=True, text=True, check=True,
        )
        self.assertIn("HTTP/1.1 405", done.stdout)
        self.assertRegex(done.stdout, "(?i)allow: GET")


class Metrics(unittest.TestCase):
    def page(self):
        status, body = curl("/metrics", *key())
        self.assertEqual(status, 200)
        return body

    def test_every_line_is_openmetrics(self):
        world().predict("card", rows(2))
        lines = self.page().splitlines()
        self.assertEqual(lines[-1], "# EOF")
        for line in lines[:-1]:
            self.assertTrue(line.startswith(("# HELP ", "# TYPE ", "# UNIT ")) or SERIES.match(line), line)

    def test_calls_rows_stages_and_requests_are_counted(self):
        def count(name):
            found = [line.rpartition(" ")[2] for line in self.page().splitlines() if line.startswith(name + " ")]
            return float(found[0]) if found else 0.0

        version = 'project="default",model="trees",version="1"'
        calls, answered = f'meuse_predict_calls_total{{{version},outcome="ok"}}', f"meuse_predict_rows_total{{{version}}}"
        stages = f'meuse_predict_stage_duration_seconds_count{{{version},stage="compute"}}'
        before = [count(name) for name in (calls, answered, stages)]
        world().predict("trees", rows(5, "trees"))
        after = [count(name) for name in (calls, answered, stages)]
        self.assertEqual([now - then for now, then in zip(after, before)], [1, 5, 1])
        # One import and two trainings at least.
        self.assertGreaterEqual(count('meuse_jobs{project="default",state="succeeded"}'), 3)


if __name__ == "__main__":
    unittest.main()

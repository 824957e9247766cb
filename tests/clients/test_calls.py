"""Calls to models by our own API: what is answered, and how each thing that can be wrong is refused."""

import concurrent.futures
import http.client
import json
import sqlite3
import unittest

from world import TREES, applicants, world


def columns(model):
    return [column["name"] for column in world().ask("GET", f"/v2/models/{model}").json()["inputs"]]


def rows(count, model="card"):
    names = columns(model)
    return [{name: row[name] for name in names} for row in applicants()[:count]]


class Answers(unittest.TestCase):
    def test_a_call_is_answered_with_label_probability_points_version_id_and_timings(self):
        answer = world().predict("card", rows(3), headers={"x-request-id": "seven"})
        self.assertEqual(answer.status, 200, answer.body)
        said = answer.json()
        self.assertEqual((said["model"], said["version"], said["request_id"]), ("card", 1, "seven"))
        self.assertEqual(answer.headers["x-request-id"], "seven")
        self.assertEqual(set(said["timings_ms"]), {"queue", "prep", "compute", "post", "total"})
        self.assertEqual(len(said["predictions"]), 3)
        for prediction in said["predictions"]:
            self.assertIn(prediction["label"], ("good", "bad"))
            self.assertEqual(prediction["label"] == "bad", prediction["probability"] >= 0.5)
            self.assertIsInstance(prediction["points"], int)

    def test_an_answer_does_not_depend_on_the_rows_beside_it(self):
        for model in ("card", "trees"):
            together = world().predict(model, rows(20, model)).json()["predictions"]
            alone = [world().predict(model, [row]).json()["predictions"][0] for row in rows(20, model)]
            self.assertEqual(together, alone, model)

    def test_version_and_alias_may_be_named(self):
        world().meuse("models", "alias", "card:1", "champion")
        for path in ("card:1/predict", "card%40champion/predict", "card/versions/1/predict"):
            answer = world().ask("POST", f"/api/v1/models/{path}", {"rows": rows(1)})
            self.assertEqual((answer.status, answer.json()["version"]), (200, 1), path)

    def test_columns_that_the_model_does_not_use_may_be_sent_and_change_nothing(self):
        whole, needed = world().predict("card", applicants()[:5]), world().predict("card", rows(5))
        self.assertEqual(whole.status, 200, whole.body)
        self.assertEqual(whole.json()["predictions"], needed.json()["predictions"])

    def test_unknown_categories_and_missing_values_follow_the_rule_and_are_said(self):
        row = {**rows(1)[0], "credit_history": "never heard of", "age_in_years": None}
        answer = world().predict("card", [row])
        self.assertEqual(answer.status, 200, answer.body)
        notes = {note["field"]: note["kind"] for note in answer.json()["predictions"][0]["notes"]}
        self.assertEqual(notes, {"credit_history": "unknown_category", "age_in_years": "missing"})

    def test_a_thousand_calls_are_answered_while_the_database_is_locked(self):
        world().predict("card", rows(1))
        database = sqlite3.connect(world().home / "meuse.db", isolation_level=None)
        body = json.dumps({"rows": rows(1)})
        connection = http.client.HTTPConnection(world().address, timeout=60)
        database.execute("BEGIN EXCLUSIVE")
        try:
            for _ in range(1000):
                connection.request("POST", "/api/v1/models/card/predict", body, {"x-api-key": world().key})
                response = connection.getresponse()
                response.read()
                self.assertEqual(response.status, 200)
        finally:
            database.execute("ROLLBACK")
            database.close()
            connection.close()


class Bundles(unittest.TestCase):
    """How versions come into memory. Each test trains one of its own, which nobody has asked yet."""

    def new_version(self, rounds):
        recipe = world().folder / f"rounds-{rounds}.toml"
        recipe.write_text(TREES.replace("num_iterations = 30", f"num_iterations = {rounds}"))
        world().meuse("train", recipe, "--model", "trees", "--follow")
        model = world().ask("GET", "/api/v1/models/trees").json()
        return max(version["version"] for version in model["versions"])

    def loads(self):
        page = world().ask("GET", "/metrics").body.decode()
        return int(next(line.split()[1] for line in page.splitlines() if line.startswith("meuse_model_loads_total ")))

    def test_many_first_callers_wait_for_one_load(self):
        version, before = self.new_version(7), self.loads()
        row = rows(1, "trees")
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda _: world().predict(f"trees:{version}", row), range(20)))
        self.assertEqual([answer.status for answer in answers], [200] * 20)
        self.assertEqual(self.loads(), before + 1)

    def test_a_damaged_file_is_named_and_a_restored_one_is_used(self):
        version = self.new_version(8)
        row = rows(1, "trees")
        digest = world().ask("GET", f"/api/v1/models/trees/versions/{version}").json()["files"]["model.onnx"]
        (blob,) = world().home.glob(f"blobs/**/{digest}")
        whole = blob.read_bytes()
        blob.chmod(0o600)
        blob.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        answer = world().predict(f"trees:{version}", row)
        self.assertEqual((answer.status, answer.error()["kind"]), (503, "unavailable"))
        self.assertIn(f"`model.onnx` of `trees:{version}`", answer.error()["message"])
        self.assertIn(digest, answer.error()["message"])
        blob.write_bytes(whole)
        self.assertEqual(world().predict(f"trees:{version}", row).status, 200)


class Refusals(unittest.TestCase):
    def refused(self, answer, status, kind):
        self.assertEqual(answer.status, status, answer.body)
        error = answer.error()
        self.assertEqual(error["kind"], kind)
        self.assertEqual(error["request_id"], answer.headers["x-request-id"])
        return error

    def invalid(self, changes, row=3):
        """The error for the right rows with one of them changed."""
        changed = rows(5)
        changed[row].update(changes)
        return self.refused(world().predict("card", changed), 400, "invalid")

    def test_no_key(self):
        self.refused(world().predict("card", rows(1), key=""), 401, "unauthenticated")

    def test_a_key_that_is_not_known(self):
        self.refused(world().predict("card", rows(1), key="mk_00000000_" + "0" * 43), 401, "unauthenticated")

    def test_a_revoked_key(self):
        made = world().ask("POST", "/api/v1/keys", {"note": "to be revoked"}).json()
        self.assertEqual(world().predict("card", rows(1), key=made["secret"]).status, 200)
        self.assertEqual(world().ask("DELETE", f"/api/v1/keys/{made['key']['id']}").status, 204)
        error = self.refused(world().predict("card", rows(1), key=made["secret"]), 401, "unauthenticated")
        self.assertIn("revoked", error["message"])

    def test_a_key_of_another_project_sees_nothing_of_this_one(self):
        world().ask("POST", "/api/v1/projects", {"name": "treasury"})
        made = world().ask("POST", "/api/v1/keys", {}, headers={"Meuse-Project": "treasury"}).json()
        self.assertEqual(made["key"]["project"], "treasury")

        def error(model):
            answer = world().predict(model, rows(1), key=made["secret"])
            error = self.refused(answer, 404, "not_found")
            return json.dumps(error).replace(model, "MODEL").replace(error["request_id"], "")

        self.assertEqual(error("card"), error("nobody"))
        answer = world().ask("POST", "/v2/models/card/infer", {"inputs": []}, key=made["secret"])
        self.assertEqual(answer.status, 404)
        page = world().ask("GET", "/metrics", key=made["secret"]).body.decode()
        self.assertNotIn('model="card"', page)

    def test_an_unknown_model_and_an_unknown_version(self):
        error = self.refused(world().predict("nobody", rows(1)), 404, "not_found")
        self.assertIn("`nobody`", error["message"])
        error = self.refused(world().predict("card:7", rows(1)), 404, "not_found")
        self.assertIn("no version 7", error["message"])
        error = self.refused(world().predict("card@nobody", rows(1)), 404, "not_found")
        self.assertIn("no alias `nobody`", error["message"])

    def test_invalid_json_is_answered_with_its_position(self):
        answer = world().ask("POST", "/api/v1/models/card/predict", b'{"rows": [{"age_in_years": 35,\n "housing" "own"}]}')
        error = self.refused(answer, 400, "invalid")
        self.assertIn("line 2, column", error["message"])

    def test_a_missing_column(self):
        row = rows(1)[0]
        del row["age_in_years"]
        error = self.refused(world().predict("card", [row]), 400, "invalid")
        self.assertEqual(error["field"], "rows[0].age_in_years")
        self.assertIn("missing", error["message"])

    def test_an_extra_column_is_answered_with_the_nearest(self):
        error = self.invalid({"age_in_year": 35})
        self.assertEqual(error["field"], "rows[3].age_in_year")
        self.assertIn("`age_in_years`", error["hint"])

    def test_a_wrong_type(self):
        error = self.invalid({"age_in_years": "abc"})
        self.assertEqual(error["message"], 'rows[3].age_in_years: "abc" is not a number')
        error = self.invalid({"credit_history": 5})
        self.assertEqual(error["field"], "rows[3].credit_history")

    def test_nan_and_infinity(self):
        for number in (float("nan"), float("inf"), float("-inf")):
            error = self.invalid({"age_in_years": number})
            self.assertIn("is not JSON", error["message"])
            self.assertEqual(error["field"], "rows[3].age_in_years")
            self.assertIn("null", error["hint"])

    def test_a_column_that_comes_twice(self):
        answer = world().ask("POST", "/api/v1/models/card/predict", b'{"rows":[{"age_in_years":1,"age_in_years":2}]}')
        self.assertIn("`age_in_years` comes twice", self.refused(answer, 400, "invalid")["message"])

    def test_an_empty_batch(self):
        self.assertIn("there are none", self.refused(world().predict("card", []), 400, "invalid")["message"])

    def test_a_million_rows(self):
        error = self.refused(world().predict("card", [{}] * 20_000), 413, "too_large")
        self.assertIn("10000", error["message"])
        error = self.refused(world().predict("card", [{}] * 1_000_000), 413, "too_large")
        self.assertIn("fewer rows per call", error["message"])

    def test_a_body_past_the_limit(self):
        answer = world().ask("POST", "/api/v1/models/card/predict", b" " * (20 << 20))
        self.assertIn("bytes", self.refused(answer, 413, "too_large")["message"])


if __name__ == "__main__":
    unittest.main()

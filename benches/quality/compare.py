"""Trains the recipe that `meuse recipe init` writes on each public set, and prints test figures beside the bars.

Usage: compare.py SETS [--algorithm NAME] [--json FILE]     SETS is a folder that scripts/public-sets filled
Needs a running server: MEUSE_URL and MEUSE_API_KEY, and `meuse` on the path or in MEUSE. Only the standard library.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

# set: target, AUC, log loss of LightGBM tuned by 20 settings of 5-fold cross-validation inside the training part
# (Python, LightGBM 4.7.0, 2026-11-23); for the regression its RMSE.
BARS = {
    "lending_club": ("Class", 0.754, 0.1720),
    "credit_data": ("Status", 0.833, 0.4383),
    "hmda": ("deny", 0.848, 0.2547),
    "wa_churn": ("churn", 0.841, 0.4149),
    "mlc_churn": ("churn", 0.924, 0.1543),
    "default": ("default", 0.960, 0.0768),
    "loans_strict": ("interest_rate", None, 3.732),
}


def meuse(*arguments):
    command = [os.environ.get("MEUSE", "meuse"), *arguments]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(command)}: {result.stderr}")
    return result.stdout


def train(sets, name, target, algorithm):
    meuse("data", "import", name.replace("_", "-"), str(sets / f"{name}.csv"))
    recipe = meuse("recipe", "init", "--dataset", name.replace("_", "-"), "--target", target,
                   "--split-column", "split", "--algorithm", algorithm)
    path = pathlib.Path(os.environ.get("TMPDIR", "/tmp")) / f"meuse-quality-{os.getpid()}-{name}.toml"
    path.write_text(recipe, encoding="utf-8")
    begin = time.perf_counter()
    job = json.loads(meuse("--json", "train", str(path), "--model", f"{name.replace('_', '-')}-{algorithm}", "--follow"))
    seconds = time.perf_counter() - begin
    path.unlink()
    version = json.loads(meuse("--json", "models", "show", job["result"]))
    return {key: metric["value"] for key, metric in version["evaluation"]["metrics"].items()}, seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", type=pathlib.Path)
    parser.add_argument("--algorithm", default="lightgbm")
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    figures = {}
    print(f"{'set':14} {'AUC':>7} {'bar':>7} {'log loss/RMSE':>14} {'bar':>7} {'seconds':>8}")
    for name, (target, auc_bar, loss_bar) in BARS.items():
        algorithm = arguments.algorithm
        if auc_bar is None and algorithm in ("scorecard", "logistic_regression"):
            algorithm = "linear_regression"
        metrics, seconds = train(arguments.sets, name, target, algorithm)
        figures[name] = {"algorithm": algorithm, "seconds": round(seconds, 2), **metrics}
        loss = metrics["rmse"] if auc_bar is None else metrics["log_loss"]
        auc = "" if auc_bar is None else f"{metrics['roc_auc']:.4f}"
        ok = loss <= loss_bar * 1.01 if auc_bar is None else metrics["roc_auc"] >= auc_bar - 0.005 and loss <= loss_bar + 0.005
        print(f"{name:14} {auc:>7} {auc_bar or '':>7} {loss:>14.4f} {loss_bar:>7} {seconds:>8.1f}  {'within' if ok else 'BELOW'}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


main()

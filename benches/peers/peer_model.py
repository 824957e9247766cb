"""What a Python user writes instead: pandas with scikit-learn or LightGBM, from the CSV file to a scored model.

Usage: peer_model.py train CSV ALGORITHM THREADS [--rounds N]     prints seconds per stage and quality as JSON
       peer_model.py save CSV ALGORITHM FOLDER [--rounds N]       writes an MLflow model (in MLflow's environment)

Same rows (the column `part`), same hyper-parameters and same columns as the recipe in meuse.py.
"""

import argparse
import json
import time

import numpy as np
import pandas as pd

TEXTS = ["home_ownership", "employment", "purpose", "channel", "region"]
NOT_FEATURES = ["application_id", "part", "defaulted"]
TREES = {"num_leaves": 31, "learning_rate": 0.05, "min_data_in_leaf": 20}


class Stages:
    def __init__(self):
        self.seconds, self._last = {}, time.perf_counter()

    def done(self, name):
        now = time.perf_counter()
        self.seconds[name], self._last = round(now - self._last, 4), now


def read(path):
    table = pd.read_csv(path, parse_dates=["opened"])
    table["opened"] = (table["opened"] - pd.Timestamp("1970-01-01")).dt.days
    return table


def parts(table):
    y = (table["defaulted"] == "yes").astype(int)
    x = table.drop(columns=NOT_FEATURES)
    return {part: (x[table["part"] == part], y[table["part"] == part]) for part in ("train", "valid", "test")}


def logistic(columns):
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = [column for column in columns if column not in TEXTS]
    prepared = ColumnTransformer([
        ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
        ("texts", OneHotEncoder(handle_unknown="ignore"), TEXTS),
    ])
    return make_pipeline(prepared, LogisticRegression(C=1.0, max_iter=1000))


def trees_pipeline(rounds, threads):
    """For MLflow: raw columns in, so that the server has the same to do as ours."""
    from lightgbm import LGBMClassifier
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    prepared = ColumnTransformer([("texts", codes, TEXTS)], remainder="passthrough")
    model = LGBMClassifier(n_estimators=rounds, num_leaves=31, learning_rate=0.05, min_child_samples=20,
                           categorical_feature=list(range(len(TEXTS))), n_jobs=threads, verbosity=-1)
    return make_pipeline(prepared, model)


def quality(y, probability):
    from sklearn.metrics import log_loss, roc_auc_score

    return {"roc_auc": float(roc_auc_score(y, probability)), "log_loss": float(log_loss(y, probability))}


def train(path, algorithm, threads, rounds):
    stages = Stages()
    if algorithm == "trees":
        import lightgbm
    import sklearn.linear_model
    import sklearn.metrics  # noqa: F401 (so that what imports cost is seen apart)

    stages.done("import libraries")
    table = read(path)
    stages.done("read")
    if algorithm == "trees":
        for column in TEXTS:
            table[column] = table[column].astype("category")
        sets = parts(table)
        stages.done("prepare")
        parameters = {**TREES, "objective": "binary", "metric": "binary_logloss", "num_threads": threads, "verbosity": -1}
        training = lightgbm.Dataset(*sets["train"], free_raw_data=False)
        validation = lightgbm.Dataset(*sets["valid"], reference=training)
        training.construct(), validation.construct()
        stages.done("bin")
        model = lightgbm.train(parameters, training, rounds, valid_sets=[validation])
        stages.done("boost")
        predict = model.predict
    else:
        sets = parts(table)
        stages.done("prepare")
        model = logistic(list(sets["train"][0].columns)).fit(*sets["train"])
        stages.done("fit")
        predict = lambda x: model.predict_proba(x)[:, 1]
    figures = {part: quality(y, predict(x)) for part, (x, y) in sets.items()}
    stages.done("evaluate")
    print(json.dumps({"seconds": stages.seconds, "quality": figures}))


def save(path, algorithm, folder, rounds):
    import mlflow

    table = read(path).drop(columns=["opened"])
    sets = parts(table)
    columns = list(sets["train"][0].columns)
    model = (logistic(columns) if algorithm == "logistic" else trees_pipeline(rounds, 1)).fit(*sets["train"])
    requirements = ["mlflow", "scikit-learn", "pandas", "numpy", "lightgbm"]
    mlflow.sklearn.save_model(model, folder, pip_requirements=requirements, pyfunc_predict_fn="predict_proba",
                              serialization_format="cloudpickle")
    x, y = sets["test"]
    print(json.dumps({"quality": quality(y, model.predict_proba(x)[:, 1]), "rows": json.loads(x.to_json(orient="records", lines=False))[:200]}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["train", "save"])
    parser.add_argument("csv")
    parser.add_argument("algorithm", choices=["logistic", "trees"])
    parser.add_argument("where", help="threads, or the folder")
    parser.add_argument("--rounds", type=int, default=200)
    given = parser.parse_args()
    if given.action == "train":
        train(given.csv, given.algorithm, int(given.where), given.rounds)
    else:
        save(given.csv, given.algorithm, given.where, given.rounds)


if __name__ == "__main__":
    main()

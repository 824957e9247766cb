"""Children that are started, watched and ended by the process id that we started: time, memory, output."""

import os
import pathlib
import subprocess
import threading
import time

PAUSE = 0.02


def tree(pid):
    """The process and everything below it, as Linux lists children."""
    found, open_ = [], [pid]
    while open_:
        one = open_.pop()
        found.append(one)
        try:
            for task in os.listdir(f"/proc/{one}/task"):
                open_ += [int(child) for child in pathlib.Path(f"/proc/{one}/task/{task}/children").read_text().split()]
        except OSError:
            pass  # it has ended meanwhile
    return found


def field(path, name):
    """A field of a file of /proc in MiB; 0 when the process has gone."""
    try:
        for line in pathlib.Path(path).read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


def memory(pid):
    """The memory of a process and all below it in MiB; pages that several share count once (PSS)."""
    return sum(field(f"/proc/{one}/smaps_rollup", "Pss:") for one in tree(pid))


class Peak:
    """Samples the resident memory of everything below a process until it is left; `largest` in MiB.

    Each process counts with its own high-water mark, so that a peak between two samples is not missed. `below` leaves
    the process itself out, as a server whose children work. `forks` is for one that forks workers: while it has some,
    the pages that they share count once.
    """

    def __init__(self, pid, below=False, forks=False):
        self.pid, self.below, self.forks, self.largest, self._stop = pid, below, forks, 0.0, threading.Event()

    def __enter__(self):
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _watch(self):
        pause = PAUSE
        while not self._stop.wait(pause):
            processes = tree(self.pid)[1 if self.below else 0:]
            shared = self.forks and len(processes) > 1
            file, name = ("smaps_rollup", "Pss:") if shared else ("status", "VmHWM:")
            self.largest = max(self.largest, sum(field(f"/proc/{one}/{file}", name) for one in processes))
            # Linux walks all pages to share them out, and holds the process up meanwhile.
            pause = 20 * PAUSE if shared else PAUSE


def run(command, forks=False, **options):
    """Runs to the end; seconds, peak memory in MiB, standard output. A failure shows what was said. `forks`: see Peak."""
    begin = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    with Peak(child.pid, forks=forks) as peak:
        out, said = child.communicate()
    seconds = time.perf_counter() - begin
    if child.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))} ended with {child.returncode}:\n{said[-4000:]}")
    return seconds, peak.largest, out


def end(child, patience=20):
    """Asks a child that leads its own process group to end, and insists after a while."""
    if child.poll() is None:
        os.killpg(child.pid, 15)
        try:
            child.wait(patience)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, 9)
            child.wait()

"""How busy a training is: of each kind of thread of a process, the share of time on a core, ready for one, and waiting.

    python3 benches/peers/busy.py PID [SECONDS]     # PID of meuse-deep, which its server's log does not tell: pgrep meuse-deep

Threads are called `compute` and `loader`. Ready means that another thread had the core. What is left is waiting: for
rows, for another thread, for the disk. Reads /proc/PID/task/TID/schedstat, in which Linux counts nanoseconds.
"""

import collections
import os
import pathlib
import sys
import time


def threads(pid):
    """Of each thread its name, and the seconds that it was on a core and ready for one."""
    found = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            running, ready, _ = (int(field) for field in (task / "schedstat").read_text().split())
            found[task.name] = ((task / "comm").read_text().strip(), running / 1e9, ready / 1e9)
        except OSError:
            pass  # it has ended meanwhile
    return found


def shares(before, after, seconds):
    """By the names of threads: how many there are, and their mean shares of running, ready and waiting."""
    sums = collections.defaultdict(lambda: [0, 0.0, 0.0])
    for task, (name, running, ready) in after.items():
        if task in before:
            sums[name][0] += 1
            sums[name][1] += running - before[task][1]
            sums[name][2] += ready - before[task][2]
    return {
        name: (count, running / count / seconds, ready / count / seconds, 1 - (running + ready) / count / seconds)
        for name, (count, running, ready) in sums.items()
    }


def main():
    pid, seconds = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 30.0
    before, begun = threads(pid), time.monotonic()
    time.sleep(seconds)
    after, passed = threads(pid), time.monotonic() - begun
    found = shares(before, after, passed)
    print(f"{'threads':<16} {'':>3} {'on a core':>10} {'ready':>8} {'waiting':>8}")
    for name, (count, *parts) in sorted(found.items(), key=lambda item: -item[1][1]):
        print(f"{name:<16} {count:>3} {parts[0]:>10.1%} {parts[1]:>8.1%} {parts[2]:>8.1%}")
    cores = len(os.sched_getaffinity(0))
    used = sum(count * running for count, running, _, _ in found.values())
    print(f"{used:.2f} of {cores} cores are busy with it: {used / cores:.1%}")


if __name__ == "__main__":
    main()

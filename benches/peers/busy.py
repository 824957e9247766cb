"""How busy a training is: of each kind of thread of a process, the share of time on a core, ready for one, and waiting.

    python3 benches/peers/busy.py "$(pgrep -x meuse-deep)" [SECONDS]

The threads of an epoch are called `compute` and `loader`. Ready means that another thread had the core. What is left is
waiting: for rows, for another thread, for the disk. Reads /proc/PID/task/TID/schedstat, in which Linux counts
nanoseconds, again and again, since the threads of an epoch end with it.
"""

import collections
import os
import pathlib
import sys
import time

PAUSE = 0.1


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


class Sums:
    """By the names of threads, the seconds of all of them together: there, running, ready."""

    def __init__(self):
        self.seconds = collections.defaultdict(lambda: [0.0, 0.0, 0.0])

    def add(self, before, after, passed):
        """What lies between two looks, of the threads that were there at both."""
        for task, (name, running, ready) in after.items():
            if task in before:
                sums = self.seconds[name]
                for place, more in enumerate((passed, running - before[task][1], ready - before[task][2])):
                    sums[place] += more

    def shares(self, seconds):
        """How many threads of a name there were on the mean, and their shares of running, ready and waiting."""
        return {
            name: (there / seconds, running / there, ready / there, 1 - (running + ready) / there)
            for name, (there, running, ready) in self.seconds.items()
        }


def main():
    pid, seconds = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 30.0
    sums, begun = Sums(), time.monotonic()
    before, looked = threads(pid), begun
    while looked < begun + seconds:
        time.sleep(PAUSE)
        after, now = threads(pid), time.monotonic()
        sums.add(before, after, now - looked)
        before, looked = after, now
    found = sums.shares(looked - begun)
    print(f"{'threads':<16} {'':>5} {'on a core':>10} {'ready':>8} {'waiting':>8}")
    for name, (count, *parts) in sorted(found.items(), key=lambda item: -item[1][0] * item[1][1]):
        print(f"{name:<16} {count:>5.1f} {parts[0]:>10.1%} {parts[1]:>8.1%} {parts[2]:>8.1%}")
    cores = len(os.sched_getaffinity(0))
    used = sum(count * running for count, running, _, _ in found.values())
    print(f"{used:.2f} of {cores} cores are busy with it: {used / cores:.1%}")


if __name__ == "__main__":
    main()

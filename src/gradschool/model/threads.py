"""The number of threads to compute with: one or all, chosen by timing.

At the end of every operation the threads of OpenMP wait for the slowest of them. Operations of a small network are so
short that this wait costs more than the threads save. If another program uses a core, every wait lasts until that
program is interrupted, and the work almost stops. Operations of a large network gain from all threads in both cases.
No rule holds for every network and machine, so steps of the work itself are timed.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch

T = TypeVar("T")
QUOTA = Path("/sys/fs/cgroup/cpu.max")
ALL = torch.get_num_threads()  # at import, before anything sets another number
SET_BY_USER = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
GAIN = 1.15  # how much faster another number must be; smaller differences are noise
SLOW = 1.5  # times the usual duration of a step
SLOW_STEPS = 3  # in a row, before the numbers are compared again
LONG_STEP = 5.0  # seconds; a longer step is timed once, a shorter one twice
# Seconds between comparisons: at most, and at least if steps are slow. Each comparison also waits for COST times its
# own duration, so that comparing takes at most a twentieth of the time.
INTERVAL, SLOW_INTERVAL, COST = 300.0, 10.0, 20


def choose_threads(quota: Path = QUOTA) -> tuple[int, str]:
    """The highest useful number of threads, and the reason: a container may have fewer cores than it sees."""
    for name in SET_BY_USER:
        if name in os.environ:
            return ALL, f"{name} is set"
    try:
        limit, period = quota.read_text().split()
        allowed = max(1, int(limit) // int(period))
    except (OSError, ValueError):  # no such file, or "max": no quota
        return ALL, "one for each core"
    if allowed < ALL:
        return allowed, "the limit of this container"
    return ALL, "one for each core"


class Threads:
    """Runs the steps of one kind of work with one thread or with `most`, whichever is faster.

    Steps are compared when the work begins, when they have become slow, and every few minutes. A comparison repeats a
    step and discards all results but the last, so a step must be repeatable. With `most` of 1 nothing is ever compared
    or set.
    """

    def __init__(
        self,
        most: int = 1,
        *,
        clock: Callable[[], float] = time.perf_counter,
        use: Callable[[int], None] = torch.set_num_threads,
    ) -> None:
        self.most, self.count = most, 1
        self.seconds: dict[int, float] = {}  # of one step by number of threads, at the last comparison
        self._clock, self._use = clock, use
        self._due, self._earliest = float("-inf"), float("-inf")
        self._usual, self._slow = 0.0, 0

    def start_with(self, count: int) -> None:
        """Take a number of threads that an earlier process chose, so that a resumed training rounds as it did."""
        if 1 <= count <= self.most:
            self.count, self._due = count, self._clock() + INTERVAL

    @property
    def reason(self) -> str:
        """The present choice with the measured times, for a note."""
        times = " and ".join(f"{seconds:.2g} s with {count}" for count, seconds in sorted(self.seconds.items()))
        return f"computes with {self.count} of {self.most} threads" + (f"; a step takes {times}" if times else "")

    def run(self, step: Callable[[], T], size_of: Callable[[T], float] = lambda _: 1.0) -> T:
        """Do one step; `size_of` its result is its amount of work, by which steps of different sizes are compared."""
        if self.most == 1:
            return step()
        self.settle(step)
        began = self._clock()
        result = step()
        self._watch((self._clock() - began) / max(size_of(result), 1.0))
        return result

    def settle(self, step: Callable[[], object]) -> None:
        """Set the number of threads; if a comparison is due, with the help of a step."""
        if self.most == 1:
            return
        if self._clock() >= self._due:
            self._compare(step)
        self._use(self.count)

    def _compare(self, step: Callable[[], object]) -> None:
        began, before = self._clock(), self.count
        self.seconds = {}
        for count in (before, 1 if before > 1 else self.most):
            self._use(count)
            least = self._time(step)
            if least < LONG_STEP and least < 2 * min(self.seconds.values(), default=least):
                least = min(least, self._time(step))
            self.seconds[count] = least
        fastest = min(self.seconds, key=self.seconds.__getitem__)
        if self.seconds[fastest] * GAIN < self.seconds[before]:
            self.count = fastest
        now = self._clock()
        cost = COST * (now - began)
        self._due, self._earliest = now + max(INTERVAL, cost), now + max(SLOW_INTERVAL, cost)
        self._usual, self._slow = 0.0, 0

    def _time(self, step: Callable[[], object]) -> float:
        began = self._clock()
        step()
        return self._clock() - began

    def _watch(self, seconds: float) -> None:
        """Compare again soon if steps take much longer than usual, which is a moving average."""
        self._usual = 0.9 * self._usual + 0.1 * seconds if self._usual else seconds
        self._slow = self._slow + 1 if seconds > SLOW * self._usual else 0
        if self._slow >= SLOW_STEPS:
            self._due = min(self._due, self._earliest)


def threads_for(device: torch.device) -> Threads:
    """The choice for work on a device; only a CPU's is measured, and only if the user has not set a number."""
    measured = device.type == "cpu" and not any(name in os.environ for name in SET_BY_USER)
    return Threads(choose_threads()[0] if measured else 1)

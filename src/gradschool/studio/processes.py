"""Processes of work: whether one runs, how much memory it takes, and which one climbs a run."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil

from gradschool.run import LOCK

LOCKS = Path("/proc/locks")
SAME_TIME = 1.0  # seconds between two readings of when one process began


def find_process(pid: int, began: float) -> psutil.Process | None:
    """The process with this id that began at this time, if it still runs."""
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - began) < SAME_TIME
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def memory_of(process: psutil.Process | None) -> int:
    """The memory in bytes that a process and those that it started take; 0 if it has ended."""
    if process is None:
        return 0
    total = 0
    with suppress(psutil.Error):
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.Error):
                total += one.memory_info().rss
    return total


def interrupt(process: psutil.Process, *, hard: bool = False) -> None:
    """Ask the group of a process to end, as Ctrl-C does; `hard` ends it at once."""
    number = (signal.SIGKILL if hard else signal.SIGINT) if os.name == "posix" else signal.SIGTERM
    with suppress(OSError, psutil.Error):
        if os.name == "posix" and os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)


def climber(run: Path) -> psutil.Process | None:
    """The process that climbs a run, by the lock that it holds; None if there is none, or if the system does not tell.

    The lock itself is not tried: a climb that begins at this moment would find it taken.
    """
    try:
        lock = (run / LOCK).stat()
        place = f"{os.major(lock.st_dev):02x}:{os.minor(lock.st_dev):02x}:{lock.st_ino}"
        for line in LOCKS.read_text().splitlines():
            words = line.split()
            if "->" not in words and len(words) > 5 and words[5] == place:
                return psutil.Process(int(words[4]))
    except (OSError, ValueError, psutil.Error):
        return None
    return None

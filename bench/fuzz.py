"""Hostile files at every door by which the files of others come in: each must open, or end in an error for the user.

    python -m bench.fuzz [--seconds N] [--only DOOR] [--seed N] [--number N] [--keep DIR]

Valid samples (bench/samples.py) are damaged (bench/mutations.py) and given to the project's own functions
(bench/doors.py), in this process. Anything but success or an error of the project's own classes is a finding; so is an
input that takes more than SLOW seconds of processor time or MEMORY bytes, and an attempt to connect, to start a
program, to load a pickle, or to write outside of temporary folders. DIR takes the inputs of findings; --number repeats
one input of one door. Writes bench/results/fuzz.json, also if it is stopped early (Ctrl-C, SIGTERM): all doors are
tried in turns.
"""

import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import psutil

from bench.doors import DOORS, Door
from bench.mutations import mutated
from bench.samples import Sample
from bench.usage import documented
from gradschool.data.encoding import Unreadable
from gradschool.environment import environment
from gradschool.errors import GradschoolError
from gradschool.files import write_json

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results"
REFUSALS = (GradschoolError, Unreadable)
SLOW = 15.0  # seconds of processor time for one input
MEMORY = 4_000_000_000  # bytes for one input, above what the process has
FORBIDDEN = ("socket.connect", "os.system", "os.exec", "os.posix_spawn", "pickle.find_class", "subprocess.Popen")
OWN_PORTS = 1024  # from here on, the system gives them to servers that ask for any
LINES = 30  # of a traceback
TURNS = 20  # of each door
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
PLACES = (tempfile.gettempdir(), "/dev/", "/proc/self/")


class Slow(BaseException):
    """An input takes too long; no `except Exception` of a library hides it."""


class Ended(BaseException):
    """The user, or the system, ends the program early; no `except Exception` of a library hides it."""


@dataclass
class Watch:
    """An audit hook of Python that notes what no file may make the process do, while it is on."""

    on: bool = False
    seen: list[str] = field(default_factory=list)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Note an event."""
        if not self.on:
            return
        if event == "open" and isinstance(arguments[0], str) and isinstance(arguments[2], int):
            if arguments[2] & WRITES and not str(Path(arguments[0]).absolute()).startswith(PLACES):
                self.seen.append(f"writes {arguments[0]}")
        elif event in FORBIDDEN and not _own_child(event, arguments):
            self.seen.append(f"{event} {str(arguments)[:200]}")


def _own_child(event: str, arguments: tuple[Any, ...]) -> bool:
    """Whether a program is a child that converts documents, renders templates or runs a file in llama.cpp."""
    if event == "socket.connect":  # to llama.cpp, which is such a child
        address = arguments[1]
        return isinstance(address, tuple) and address[0] == "127.0.0.1" and address[1] >= OWN_PORTS
    command = [str(part) for part in arguments[1]] if event == "subprocess.Popen" else []
    return command[:3] == [sys.executable, "-P", "-m"] and command[3].startswith("gradschool.")


@dataclass
class Tried:
    """What became of the inputs of one door."""

    inputs: int = 0
    opened: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # by the class of the error
    seconds: float = 0.0
    slowest: float = 0.0
    findings: dict[str, dict[str, Any]] = field(default_factory=dict)  # by kind: the first one, and how many


def damaged(door: Door, samples: Sequence[Sample], seed: int, number: int) -> Sample:
    """One input of a door; the same for the same seed and number."""
    chance = random.Random(f"{seed} {door.name} {number}")
    sample = chance.choice(samples)
    files = dict(sample.files)
    for _ in range(chance.choice((1, 1, 1, 2))):
        name = chance.choice(sample.damaged or sorted(files))
        files[name] = mutated(name, files[name], chance)
    if sample.sealed and chance.random() < 0.9:  # as whoever makes a file can seal it
        files = sample.sealed(files)
    return Sample(files, sample.opened)


def give(door: Door, sample: Sample, watch: Watch) -> tuple[str, str]:
    """Give an input to a door; returns the class of the error for the user and the finding, if there are any."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as temporary:
        sample.write(Path(temporary) / "given")
        refused = finding = ""
        watch.seen.clear()
        try:
            with _limited():
                watch.on = True
                door.enter(Path(temporary) / "given" / sample.opened)
        except REFUSALS as error:
            refused = type(error).__name__
        except Slow:
            finding = f"slow: more than {SLOW:g} s"
        except Exception:
            finding = "\n".join(traceback.format_exc().replace(f"{ROOT}/", "").splitlines()[-LINES:])
        finally:
            watch.on = False
        others = {path.name for path in Path(temporary).iterdir()} - {"given", "into"}
        return refused, finding or "; ".join(watch.seen) or (f"writes {sorted(others)}" if others else "")


@contextmanager
def _limited() -> Iterator[None]:
    """Limit the time and memory of this process."""

    def slow(number: int, frame: FrameType | None) -> NoReturn:
        raise Slow

    before, limits = signal.signal(signal.SIGPROF, slow), resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + MEMORY, limits[1]))
    signal.setitimer(signal.ITIMER_PROF, SLOW)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
        resource.setrlimit(resource.RLIMIT_AS, limits)


def kind_of(finding: str) -> str:
    """What findings of one kind have in common: the error, and the last line of the project that it came through."""
    lines = finding.strip().splitlines()
    places = [line.strip() for line in lines if "/gradschool/" in line]
    return f"{places[-1] if places else ''} {lines[-1].partition(':')[0]}".strip()


def try_door(
    door: Door,
    watch: Watch,
    seed: int,
    numbers: Iterator[int],
    seconds: float,
    keep: Path | None = None,
    tried: Tried | None = None,
) -> Tried:
    """Give inputs to a door, until there are no more numbers or the time is over; what became of them is added up."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as temporary:
        samples = door.samples(Path(temporary))
    tried, began = tried or Tried(), time.monotonic()
    for number in numbers:
        sample, start = damaged(door, samples, seed, number), time.process_time()
        refused, finding = give(door, sample, watch)
        tried.inputs += 1
        tried.slowest = max(tried.slowest, time.process_time() - start)
        tried.refused.update([refused] if refused else [])
        tried.opened += not (refused or finding)
        if finding:
            known = tried.findings.setdefault(kind_of(finding), {"number": number, "text": finding, "times": 0})
            known["times"] += 1
            if keep and known["times"] == 1:
                sample.write(keep / f"{door.name}-{seed}-{number}")
                print(f"{door.name} {number}: {finding}", flush=True)
        if time.monotonic() - began > seconds:
            break
    tried.seconds += time.monotonic() - began
    return tried


def watched() -> Watch:
    """A watch that Python's audit events are sent to, from now on."""
    watch = Watch()
    sys.addaudithook(watch)
    return watch


def _numbers(first: int, only: bool) -> Iterator[int]:
    yield first
    while not only:
        first += 1
        yield first


def main(seconds: float, only: str, seed: int, number: int | None, keep: Path) -> int:
    """Give inputs to each door, or to one; returns the number of kinds of findings."""
    own = {name: tempfile.mkdtemp(prefix="fuzz-") for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME")}
    os.environ |= {"HF_HUB_OFFLINE": "1", **own}
    doors = [door for door in DOORS if door.name == only or not only]
    if not doors:
        sys.exit(f"There is no door {only!r}: {', '.join(door.name for door in DOORS)}.")
    for sent in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sent, _end)
    numbers = {door.name: _numbers(number or 0, number is not None) for door in doors}
    watch, found, turns = watched(), {door.name: Tried() for door in doors}, TURNS if number is None else 1
    ended = False
    try:
        for door in doors * turns:
            slot = seconds / len(doors) / turns
            try_door(door, watch, seed, numbers[door.name], slot, keep, found[door.name])
    except Ended:
        ended = True
        print("Ended early; these are the counts so far.", flush=True)
    for name, tried in found.items():
        print(
            f"{name:12} {tried.inputs:7,} inputs: {tried.opened:,} opened, {tried.refused.total():,} refused, "
            f"{len(tried.findings)} kinds of findings; slowest {tried.slowest:.1f} s",
            flush=True,
        )
    if number is None and not only:
        options = {"seconds": seconds, "seed": seed, "ended early": ended}
        counts = {name: _counts(tried) for name, tried in found.items()}
        total = {name: sum(door[name] for door in counts.values()) for name in ("inputs", "opened", "findings")}
        content = {"command": "python -m bench.fuzz", "options": options, **total, "doors": counts}
        write_json(RESULTS / "fuzz.json", content | {"environment": asdict(environment())})
    return sum(len(tried.findings) for tried in found.values())


def _end(number: int, frame: FrameType | None) -> NoReturn:
    for name in (signal.SIGTERM, signal.SIGINT):  # once is enough: the counts are being written
        signal.signal(name, signal.SIG_IGN)
    raise Ended


def _counts(tried: Tried) -> dict[str, Any]:
    counts = {"inputs": tried.inputs, "opened": tried.opened, "refused": dict(tried.refused)}
    times = {"seconds": round(tried.seconds, 1), "slowest": round(tried.slowest, 2)}
    return {**counts, **times, "findings": len(tried.findings), "kinds": list(tried.findings)}


if __name__ == "__main__":
    parser = documented(__doc__)
    parser.add_argument("--seconds", type=float, default=3600.0, help="for all doors together (3600)")
    parser.add_argument("--only", default="", metavar="DOOR", help=f"one of {', '.join(door.name for door in DOORS)}")
    parser.add_argument("--seed", type=int, default=0, help="of the damage (0)")
    parser.add_argument("--number", type=int, help="give this input alone")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-findings"), help="folder for findings (fuzz-findings)")
    given = parser.parse_args()
    sys.exit(min(main(given.seconds, given.only, given.seed, given.number, given.keep), 1))

"""Commands that are killed at random and chosen moments and repeated: how many end as uninterrupted ones.

    python -m bench.kills [--kills N] [--seed N]

Climbs, exports, bundles and preparations (`killed.py` lists them) run once without a kill. Then each is killed
(SIGKILL) after a random time, or as soon as a chosen file is opened, made or renamed: while an index is built, a
network is trained, questions are answered, a package or an export is written. It is repeated and killed again, four
times at most, and then runs to its end; until there were N kills. What says that it is whole must be so after each
kill. At the end, results and files must be those of the uninterrupted command, what was given must be unchanged, no
temporary file and no process may be left. Writes bench/results/kills.json, also after each command.
"""

import itertools
import random
import shutil
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from bench.killed import CASES, ENDED, Case, ended, open_packages, outcome, run, said, start, write_given
from bench.usage import documented
from gradschool.durable import MARKED
from gradschool.environment import environment
from gradschool.errors import GradschoolError
from gradschool.files import hash_tree, write_json

RESULTS = Path(__file__).parent / "results"
LONGEST = 300.0  # seconds for one command
TIMES = 4  # kills of one command
CHILD_SECONDS = 10.0  # in which the child processes of a killed command must end


@dataclass
class Tally:
    """What happened to one command."""

    expected: dict[str, Any]
    seconds: float  # of the uninterrupted command
    kills: Counter[str] = field(default_factory=Counter)  # by moment
    ends: int = 0
    equal: int = 0
    faults: list[str] = field(default_factory=list)


def new_place(home: Path, name: str, case: Case) -> Path:
    """A folder with what a command reads."""
    place = home / name
    shutil.copytree(home / "given", place / "given")
    (place / "base").symlink_to(home / "base")
    if case.begins:
        shutil.copytree(home / case.begins, place / "out")
    return place


def killed(words: list[str], place: Path, moment: str, delay: float) -> tuple[int | None, list[str]]:
    """Run a command, killed at a moment or after some seconds; returns its exit code and faults.

    Files that are not written by Python, such as those of an index, are looked for from here.
    """
    there = set(place.glob(moment)) if moment else set()
    process, began = start(words, place, moment), time.monotonic()
    while process.is_alive():
        if time.monotonic() - began > delay or (moment and set(place.glob(moment)) - there):
            process.kill()
            break
        time.sleep(0.003)
    process.join()
    return process.exitcode, staying(place)


def staying(place: Path) -> list[str]:
    """The processes that still work in a folder after some seconds."""
    until = time.monotonic() + CHILD_SECONDS
    while True:
        found = [one.info for one in psutil.process_iter(["cwd", "cmdline"]) if one.info["cwd"] == str(place)]
        if not found or time.monotonic() > until:
            return [f"a process stayed: {' '.join(one['cmdline'] or ())}" for one in found]
        time.sleep(0.2)


def kill_and_repeat(case: Case, tally: Tally, place: Path, chance: random.Random) -> None:
    """Kill a command several times, each time at another moment, and let it end; counts what happened."""
    out, given, faults = place / "out", hash_tree(place / "given"), list[str]()
    before = outcome(out) if case.begins else None
    try:
        moments = chance.sample([*case.moments, "", ""], TIMES)
        for moment in sorted(moments, key=("", *case.moments).index):
            delay = LONGEST if moment else chance.uniform(0.3, 1.0) * tally.seconds
            code, stay = killed(case.command(place), place, moment, delay)
            faults += stay
            if code != -9:
                faults += [] if code in ENDED else [f"the repeated command ended with {code}: {said(place)}"]
                break
            tally.kills[moment or "random"] += 1
            open_packages(out)
            if ended(out) and outcome(out) not in (before, tally.expected):
                faults.append(f"killed at {moment or 'a random moment'}, it left what is not whole")
            if case.once and out.exists():
                break
        if not (case.once and out.exists()):
            run(case.command(place), place)
        if outcome(out) != tally.expected:
            faults.append("the results differ")
    except (GradschoolError, OSError, RuntimeError) as error:
        faults.append(f"{type(error).__name__}: {error}")
    if hash_tree(place / "given") != given:
        faults.append("what was given has changed")
    faults += [f"{path.name} was left" for path in place.rglob(".*") if MARKED.fullmatch(path.name)]
    tally.ends, tally.equal, tally.faults = tally.ends + 1, tally.equal + (not faults), [*tally.faults, *faults]


def main(kills: int, seed: int) -> None:
    """Kill commands until there were `kills` kills, and compare."""
    chance, tallies = random.Random(seed), dict[str, Tally]()
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(temporary)
        write_given(home)
        for case in CASES:
            place, began = new_place(home, f"straight {case.name}", case), time.monotonic()
            run(case.command(place), place)
            tallies[case.name] = Tally(outcome(place / "out"), time.monotonic() - began)
        for number, case in enumerate(itertools.cycle(CASES)):
            if sum(sum(tally.kills.values()) for tally in tallies.values()) >= kills:
                break
            tally, place = tallies[case.name], new_place(home, f"place {number}", case)
            kill_and_repeat(case, tally, place, chance)
            shutil.rmtree(place)
            write_json(RESULTS / "kills.json", record(tallies, {"kills": kills, "seed": seed}))
            print(case.name, dict(tally.kills), f"{tally.equal} of {tally.ends} equal", *tally.faults, flush=True)


def record(tallies: dict[str, Tally], options: dict[str, int]) -> dict[str, Any]:
    """The content of kills.json."""
    commands: dict[str, dict[str, Any]] = {
        name: {
            "kills": sum(tally.kills.values()),
            "moments": dict(sorted(tally.kills.items())),
            "ends": tally.ends,
            "equal": tally.equal,
            "faults": tally.faults,
        }
        for name, tally in tallies.items()
    }
    totals = {key: sum(one[key] for one in commands.values()) for key in ("kills", "ends", "equal")}
    used = {"command": "python -m bench.kills", "options": options}
    return {**used, **totals, "commands": commands, "environment": asdict(environment())}


if __name__ == "__main__":
    parser = documented(__doc__)
    parser.add_argument("--kills", type=int, default=100, help="number of kills (100)")
    parser.add_argument("--seed", type=int, default=0, help="of moments and times (0)")
    given = parser.parse_args()
    main(given.kills, given.seed)

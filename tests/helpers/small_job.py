"""A small job as a user would write it, climbed from the command line."""

import functools
import json
import os
import re
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock
from typer.main import get_command
from typer.testing import CliRunner, Result

from forked import Forked
from gradschool import cli
from gradschool.run import allow_run

GOODS = ["apples", "bolts", "candles", "doors", "eggs", "files", "gloves", "hinges", "inks", "jars", "kettles", "lamps"]
TOWNS = ["Ashby", "Borth", "Crewe", "Dover", "Epsom", "Frome"]
NUMBERS = ["two", "three", "five", "six", "nine", "ten"]
WAYS = (
    "Please have {n} {g} brought to our shop in {t} on Monday, we are nearly out of them.",
    "The {t} store wants {n} {g}. Nothing else is needed this week, thank you!",
    "Could you put {n} {g} on the next van that goes to {t}?",
    "hello, {t} here again: {n} more {g}, and do wrap them better than last time",
    "We sold everything. Send {n} {g} so that {t} can open tomorrow morning.",
    "Order from {t}. Goods: {g}. How many: {n}. Urgent: no.",
)
JOB = """
task = "Write the order as goods, number and town."
[data]
documents = "documents"
[split]
max_test = 14
max_validation = 6
[goal]
metric = "token_f1"
pass_mark = 0.999
extra_metrics = ["exact_match"]
[[goal.rules]]
name = "short"
kind = "max_words"
value = 9
[prompt]
shots = [0, 2]
nearest = false
[ground]
passages = [1]
[tune]
rank = 4
learning_rates = [0.01, 0.005]
epochs = 1
max_forgetting = 5
audit = false
[answers]
max_new_tokens = 32
"""
GUIDE = """# Goods

Candles and lamps go to every town. Kettles are sold by the piece, eggs by the dozen.

# Towns

The van to Dover leaves on Monday, the one to Frome on Friday.
"""
QUIET = {"COLUMNS": "200", "HF_HUB_OFFLINE": "1"}
MAIN = "from gradschool.cli import main; main()"


def rows(count: int = 72) -> list[dict[str, str]]:
    """Orders in plain words, each in its own way, and how they are to be written down."""
    made = []
    for i in range(count):
        n, g, t = NUMBERS[i // 2 % 6], GOODS[i % 12], TOWNS[(i + i // 12) % 6]
        question = WAYS[(i + i // 6) % 6].format(n=n, g=g, t=t)
        made.append({"id": f"order-{i:03}", "prompt": question, "completion": f"{g}, {n}, {t}"})
    return made


def write_job(folder: Path, job: str = JOB, examples: list[dict[str, str]] | None = None) -> Path:
    """Write a whole job into a folder, documents included."""
    (folder / "documents").mkdir(parents=True, exist_ok=True)
    (folder / "documents" / "guide.md").write_text(GUIDE)
    (folder / "job.toml").write_text(job)
    lines = (json.dumps(row) + "\n" for row in (rows() if examples is None else examples))
    (folder / "examples.jsonl").write_text("".join(lines))
    return folder


def run(*arguments: object, stdin: str | bytes | None = None, columns: int = 200) -> Result:
    """A command in this process: what it wrote and its exit code. Any other exception than SystemExit is raised.

    As `CliRunner.invoke`, which builds all commands again for each call.
    """
    runner, code = CliRunner(), 0
    with runner.isolation(input=stdin, env={"COLUMNS": str(columns)}) as (stdout, stderr, both):
        try:
            program().main([str(a) for a in arguments], prog_name=runner.get_default_prog_name(program()))
        except SystemExit as ended:
            assert isinstance(ended.code, int)
            code = ended.code
        sys.stdout.flush()
        sys.stderr.flush()
        return Result(runner, stdout.getvalue(), stderr.getvalue(), both.getvalue(), None, code, None)


@functools.cache
def program() -> Any:
    """The commands, built once."""
    return get_command(cli.app)


def start(*arguments: object, cwd: Path, env: Mapping[str, str] = {}) -> Forked:
    """A command as a process of its own."""
    return Forked(command, list(map(str, arguments)), cwd=cwd, env={**QUIET, **env})


def command(arguments: list[str]) -> None:
    """The program with these arguments, in this process."""
    from gradschool.cli import main

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a parent in the background may have it ignored
    sys.argv = ["gradschool", *arguments]
    main()


def stopped(pattern: str, run: Path, *arguments: object, cwd: Path) -> Forked:
    """A climb as a process of its own that has stopped at the first event after which the run has such a file."""
    process = Forked(stopping_command, pattern, run, list(map(str, arguments)), cwd=cwd, env=QUIET)
    known = psutil.Process(process.pid)
    while known.status() != psutil.STATUS_STOPPED:
        assert known.is_running() and process.returncode is None, f"the process ended before {pattern}"
        time.sleep(0.01)
    return process


def stopping_command(pattern: str, run: Path, arguments: list[str]) -> None:
    """A climb that stops itself at the first event after which its run has such a file: no race with who waits."""
    from gradschool.cli import screen

    class StoppingScreen(screen.Screen):
        def show(self, event: Any) -> None:
            super().show(event)
            nonlocal pattern
            if pattern and any(run.glob(pattern)):
                pattern = ""
                os.kill(os.getpid(), signal.SIGSTOP)

    screen.Screen = StoppingScreen  # type: ignore[misc]
    command(arguments)


def lines(path: Path) -> list[Any]:
    """The JSON lines of a file that may be under way; an unfinished last one is not counted."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().split("\n")[:-1] if line]


@dataclass(frozen=True)
class Whole:
    """One uninterrupted climb of the small job."""

    home: Path
    code: int
    said: str
    complained: str

    @property
    def job(self) -> Path:
        return self.home / "orders"

    @property
    def run(self) -> Path:
        return self.home / "runs" / "orders-1"

    @property
    def specialist(self) -> Path:
        return self.run / "specialist"

    def done(self, name: str) -> Any:
        return json.loads((self.run / "done" / f"{name}.json").read_text())

    @functools.cached_property
    def events(self) -> list[dict[str, Any]]:
        return lines(self.run / "events.jsonl")


def whole_climb(shared: Path) -> Whole:
    """Climb the small job with the built-in base; the first worker to ask climbs, the others wait for it."""
    home = shared / "whole-climb"
    ended = shared / "whole-climb.json"
    with FileLock(shared / "whole-climb.lock"):
        if not ended.exists():
            whole = climb(home)
            ended.write_text(json.dumps([whole.code, whole.said, whole.complained]))
    whole = Whole(home, *json.loads(ended.read_text()))
    allow_run(whole.run)  # another worker may have climbed it
    return whole


def climb(home: Path, *options: object) -> Whole:
    """Climb the small job below a folder, in a process of its own."""
    write_job(home / "orders")
    process = start("climb", "orders", *options, cwd=home)
    said, complained = process.communicate(timeout=600)
    assert process.returncode in (0, 3), complained
    return Whole(home, process.returncode, said, complained)


def outcome(folder: Path) -> dict[str, Any]:
    """What a climb concluded, without what differs between two equal ones: times, memory, places, and its own key."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(part) for key, part in value.items() if key not in ("seconds", "peak_memory")}
        if isinstance(value, list):
            return [plain(part) for part in value]
        return re.sub(r"^.*/(?=(work|specialist)\b)", "", value) if isinstance(value, str) else value

    return {
        path.stem: plain(json.loads(path.read_text()))
        for path in sorted((folder / "done").glob("*.json"))
        if path.stem != "ledger"
    }


def answers(folder: Path) -> dict[str, list[tuple[str, str]]]:
    """Every answer on disk by file, as (id, text); hashes in names, which depend on the folder, are left out."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path in sorted((folder / "answers").glob("*.jsonl")):
        name = re.sub(r"-[0-9a-f]{12}$", "", path.stem)
        found.setdefault(name, []).extend((row["id"], row["answer"]["text"]) for row in lines(path))
    return {name: sorted(found[name]) for name in found}

"""A run as its folder shows it while it is climbed and afterwards, read without what scores and answers.

`report/facts.py` reads the same folder for the report, with everything that is computed again; here is what a page asks
for every second. Nothing of torch is imported.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import psutil
from pydantic import TypeAdapter

from gradschool.errors import GradschoolError
from gradschool.files import open_file
from gradschool.json_text import parse_json
from gradschool.options import options
from gradschool.options import shown as shown_option
from gradschool.records import Gate, Verdict
from gradschool.run import EVENTS_FILE, KINDS, PACKED, TIME, Run, resume_command
from gradschool.run_keys import BASES, CLIMB, SPLIT, Key, result_key
from gradschool.saved_job import JOB_FILE, is_own_run
from gradschool.settings import Settings
from gradschool.studio.folders import Folders
from gradschool.studio.processes import climber, memory_of

RUNGS = ("base", "prompt", "ground", "tune")  # the ladder of rungs/ladder.py, which imports torch
CHUNK = 1_000_000  # bytes of events in one reply


@dataclass(frozen=True, slots=True)
class Ended:
    """The part of a climb's result that these pages show."""

    verdict: Verdict
    rung: str
    gates: tuple[Gate, ...] = ()  # of the package
    remedies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tried:
    """The part of a rung's candidate that these pages show: the alternatives on validation."""

    validation: float
    tried: tuple[tuple[str, float], ...] = ()


ENDED: Key[Ended] = Key(CLIMB, Ended)


class Summaries:
    """Runs in one line each, which is read again when the run may have changed; any thread may ask."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._seen: dict[Path, tuple[object, dict[str, Any]]] = {}

    def all(self) -> list[dict[str, Any]]:
        """Those of all runs, the latest first."""
        runs = self._folders.runs()
        there = set(runs)
        self._seen = {run: seen for run, seen in self._seen.items() if run in there}
        return [self.of(run) for run in runs]

    def of(self, run: Path) -> dict[str, Any]:
        """That of one run."""
        shown = self._folders.shown(run)
        try:
            state = _state(run)
            seen = self._seen.get(run)
            if seen is None or seen[0] != state:
                seen = self._seen[run] = state, summary(run, shown)
            return seen[1]
        except OSError as error:  # it was removed meanwhile
            return _damaged(run, shown, error)


def summary(folder: Path, shown: str) -> dict[str, Any]:
    """A run in one line; one that cannot be read is named as damaged, whatever it holds."""
    try:
        return _summary(folder) | {"path": shown}
    except Exception as error:  # a run of someone else must not hide the others
        return _damaged(folder, shown, error)


def _damaged(folder: Path, shown: str, error: Exception) -> dict[str, Any]:
    why = error.what if isinstance(error, GradschoolError) else "It cannot be read."
    return {"path": shown, "name": folder.name, "state": "damaged", "why": why}


def _state(folder: Path) -> object:
    """What differs when the summary of a run may differ."""
    files = [path.stat() if path.exists() else None for path in (folder / JOB_FILE, folder / "done", folder / PACKED)]
    process = climber(folder)
    return [(one.st_mtime_ns, one.st_ino) if one else None for one in files], process.pid if process else 0


def _summary(folder: Path) -> dict[str, Any]:
    run = Run.open(folder)
    ended, process = run.saved(ENDED), climber(folder)
    rung = ended.rung if ended else next((rung for rung in reversed(RUNGS) if _has(run, rung)), "")
    result = run.saved(result_key(rung)) if rung else None
    report = result.report if result else None
    bases = [one.base for one in run.saved(BASES) or () if one.chosen] or run.job.settings.bases
    return {
        "name": folder.name,
        "job": run.job.name,
        "base": ", ".join(bases),
        "state": ended.verdict if ended else "running" if process else "stopped",
        "rung": rung,
        "metric": run.job.settings.goal.metric,
        "pass_mark": run.job.settings.goal.pass_mark,
        "score": report.score.mean if report else None,
        "low": report.score.interval.low if report else None,
        "high": report.score.interval.high if report else None,
        "examples": report.score.examples if report else None,
        "own": is_own_run(folder / JOB_FILE),
        "began": (folder / JOB_FILE).stat().st_mtime,
        "packed": (folder / PACKED).is_dir(),
    }


def _has(run: Run, rung: str) -> bool:
    return (run.folder / "done" / f"{result_key(rung).name}.json").exists()


def details(folder: Path) -> dict[str, Any]:
    """What a run has saved: its split, what each rung tried, its result, and the verdict if it has ended."""
    run = Run.open(folder)
    ended, split = run.saved(ENDED), run.saved(SPLIT)
    tried = {rung: found for rung in RUNGS if (found := _tried(run, rung))}
    settings = run.job.settings
    return {
        "job": run.job.name,
        "job_folder": str(run.job.folder),
        "task": settings.task,
        "bases": list(settings.bases),
        "metric": settings.goal.metric,
        "pass_mark": settings.goal.pass_mark,
        "rungs": list(RUNGS),
        "split": str(split) if split else "",
        "parts": {"train": len(split.train), "validation": len(split.validation), "test": len(split.test)}
        if split
        else None,
        "tried": {rung: asdict(found) for rung, found in tried.items()},
        "verdict": ended.verdict if ended else "",
        "packaged": ended.rung if ended else "",
        "gates": [asdict(gate) | {"result": gate.result} for gate in ended.gates] if ended else [],
        "remedies": list(ended.remedies) if ended else [],
        "resume": resume_command(folder),
        "own": is_own_run(folder / JOB_FILE),
        "compared": [asdict(one) for one in run.saved(BASES) or ()],
        "settings": _changed(settings),
    }


def _changed(settings: Settings) -> list[tuple[str, str]]:
    """The settings that differ from their defaults, with the rules."""
    values = [(option, attrgetter(option.path)(settings)) for option in options()]
    changed = [(option.path, shown_option(value)) for option, value in values if value != option.default]
    return [*changed, *((f"rule: {rule.name}", f"{rule.kind} {rule.value}") for rule in settings.goal.rules)]


def _tried(run: Run, rung: str) -> Tried | None:
    with suppress(GradschoolError):
        return run.saved(Key[Tried](rung, Tried))
    return None


def live(folder: Path, after: int) -> dict[str, Any]:
    """The events of a run from a position in its file on, the position after them, and what runs now."""
    process = climber(folder)
    ended = (folder / "done" / f"{CLIMB}.json").exists()
    events, place, size = _events(folder / EVENTS_FILE, after)
    return {
        "events": events,
        "after": place,
        "more": size - place > 0 and bool(events),
        "running": process is not None and not ended,
        "ended": ended,
        "memory": memory_of(process),
        "free": psutil.virtual_memory().available,
        "total": psutil.virtual_memory().total,
    }


def _events(path: Path, after: int) -> tuple[list[dict[str, Any]], int, int]:
    """Events from a position on, where the last whole line of them ends, and the size of the file."""
    if not path.is_file():
        return [], 0, 0
    with open_file(path) as file:
        size = file.seek(0, 2)
        after = after if 0 <= after <= size else 0  # another file has its name
        file.seek(after)
        content = file.read(CHUNK)
        while content and b"\n" not in content and len(content) < size - after:  # one very long line
            content += file.read(CHUNK)
    whole = content.rfind(b"\n") + 1
    return [event for line in content[:whole].splitlines() if (event := _event(line))], after + whole, size


def _event(line: bytes) -> dict[str, Any] | None:
    """An event as these pages read it; None for one that cannot be read, or of an unknown kind."""
    try:
        found: Mapping[str, Any] = parse_json(line)
        kind: TypeAdapter[Any] = KINDS[found["event"]]
        event = kind.dump_python(kind.validate_python(found), mode="json")
        # A loss that is no number is none in JSON.
        plain: dict[str, Any] = json.loads(json.dumps(event), parse_constant=lambda _: None)
        return plain | {"time": TIME.validate_python(found["time"]), "event": found["event"]}
    except (LookupError, TypeError, ValueError, OverflowError):
        return None

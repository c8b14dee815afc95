"""The runs of a folder: list them, compare two, and remove one."""

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from gradschool.files import disk_errors, read_rows
from gradschool.options import options
from gradschool.package.manifest import EVIDENCE, TEST_FILE
from gradschool.records import Difference, RungResult, Scored
from gradschool.report.facts import read_facts
from gradschool.report.verified import as_recorded, doubt
from gradschool.run import FILES, PACKED, RUNS, STEPS, Run
from gradschool.saved_job import JOB_FILE
from gradschool.score.judge import compared


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run in one line: its job and base, and the packaged rung with its score and verdict."""

    run: str
    job: str
    base: str
    state: str  # passed, failed, not proven, not verified, unfinished or damaged
    rung: str = ""
    result: RungResult | None = None
    split: str = ""  # hash
    doubt: str = ""  # why the result that is recorded is not verified
    recorded: str = ""  # what is as its record says, if the user did not begin it


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs, the paired difference of their packaged specialists, and the settings in which they differ."""

    first: RunSummary
    second: RunSummary
    difference: Difference | None  # first - second; None if their test examples or metrics differ
    settings: dict[str, tuple[str, str]]


def list_runs(parent: Path = RUNS) -> list[RunSummary]:
    """All runs in a folder, by name; a damaged one is listed as such."""
    return [summary_of(path.parent) for path in sorted(parent.glob(f"*/{JOB_FILE}"), key=lambda path: path.parent.name)]


def summary_of(folder: Path) -> RunSummary:
    """A run in one line; one that cannot be read is named as damaged, whatever it holds."""
    try:
        return _summary(folder)
    except Exception:  # a run of someone else must not hide the others
        return RunSummary(str(folder), "", "", "damaged")


def _summary(folder: Path) -> RunSummary:
    run = Run.open(folder)
    facts = read_facts(run)
    chosen, split = facts.chosen, facts.split.hash if facts.split else ""
    state, reason = facts.ended.verdict if facts.ended else "unfinished", doubt(facts)
    return RunSummary(
        str(folder),
        run.job.name,
        facts.base,
        "not verified" if reason else state,
        chosen.rung if chosen else "",
        chosen,
        split,
        f"Its record says {state}, but {reason}." if reason else "",
        as_recorded(run),
    )


def compare_runs(first: Path, second: Path) -> Comparison:
    """Compare two runs; raises UsageError if either is not a run."""
    settings, others = (Run.open(folder).job.settings for folder in (first, second))
    differing = {}
    for path in (option.path for option in options()):
        value, other_value = str(attrgetter(path)(settings)), str(attrgetter(path)(others))
        if value != other_value:
            differing[path] = value, other_value
    one, other = summary_of(first), summary_of(second)
    return Comparison(one, other, _paired(one, other), differing)


def comparable(listed: Sequence[RunSummary]) -> tuple[RunSummary, RunSummary] | None:
    """The last two runs of a list whose scores can be compared; None if there are none."""
    for place in range(len(listed) - 1, 0, -1):
        for one in reversed(listed[:place]):
            if _same_test(one, listed[place]):
                return one, listed[place]
    return None


def _same_test(one: RunSummary, other: RunSummary) -> bool:
    """Whether both have a score by the same metric on the same test examples."""
    reports = [run.result.report for run in (one, other) if run.result and run.result.report]
    return len(reports) == 2 and one.split == other.split and reports[0].metric == reports[1].metric


def _paired(one: RunSummary, other: RunSummary) -> Difference | None:
    """The difference of two packaged specialists on the test examples, if these and the metric are the same."""
    if not _same_test(one, other) or not (one.result and one.result.report):
        return None
    rows, others = _rows(Path(one.run)), _rows(Path(other.run))
    return compared(rows, other.run, others, one.result.report.score.interval.level)


def _rows(folder: Path) -> list[Scored]:
    return read_rows(folder / PACKED / EVIDENCE / TEST_FILE, Scored)


def remove_run(folder: Path) -> list[str]:
    """Remove a run, but no file of the user in its folder; returns the names of those that stay.

    Raises UsageError if it is not a run, or if another process climbs it.
    """
    run = Run.open(folder)
    with run, disk_errors(folder):
        for name in (*STEPS, PACKED):
            if (folder / name).is_dir() and not (folder / name).is_symlink():
                shutil.rmtree(folder / name)
        for name in FILES:
            (folder / name).unlink(missing_ok=True)
    with disk_errors(folder), suppress(OSError):  # files of the user are left
        folder.rmdir()
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []

"""The ledger of test sets: which climbs used the same test examples, and how much of the error budget each one spent.

Each climb on a test set is another chance of a false pass. All climbs on one test set together may pass falsely with
twice the error budget: the first one has one error budget, and each later one half of what the earlier ones left.
ledger.jsonl lies next to the runs. It has two lines for each climb: one when its first test question is asked, with a
hash of every test question, and one when it ends, with the error probability that it used.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import filelock

from gradschool.data.normalize import normalized_question
from gradschool.data.proof import part_of_later_climb
from gradschool.errors import ResourceError, UsageError
from gradschool.files import FILE_MODE, PRIVATE, append_line, disk_errors, read_rows, sha256_of
from gradschool.records import Example, Note, Use, Work
from gradschool.run import RUNS, Key, Run

LEDGER = "ledger.jsonl"
SAME = 0.1  # an earlier climb used this test set if it asked at least this fraction of its questions
DIGITS = 16  # of a hash
WAIT = 10.0  # seconds for other processes that write to the ledger
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the ledger: a climb that began has test questions, one that ended has `spent`."""

    id: str
    run: str = ""  # the name of its folder
    budget: float = 0.0  # of this climb, which counts as spent until it has ended
    error_budget: float = 1.0  # of its job
    questions: tuple[str, ...] = ()
    spent: float | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """What a run saves: the name of its lines in the ledger, and its part of the error probability."""

    id: str
    use: Use


CLAIM: Key[Claim] = Key("claim", Claim)


def folder_of(run: Run | None) -> Path:
    """The folder of the runs, which the ledger lies in."""
    return run.folder.resolve().parent if run else RUNS


def tested_before(examples: Iterable[Example], folder: Path) -> frozenset[str]:
    """The ids of the examples whose questions were in the test set of an earlier climb."""
    known = {question for entry in _read(folder) for question in entry.questions}
    return frozenset(example.id for example in examples if _hash(example) in known)


def expected_use(test: Sequence[Example], error_budget: float, folder: Path, run: Run | None = None) -> Use:
    """How the next climb would use this test set; a run that has begun to use it keeps its part."""
    claim = run.saved(CLAIM) if run else None
    return claim.use if claim else _use(_earlier(_read(folder), test), error_budget)


def claim(run: Run, test: Sequence[Example], error_budget: float) -> Work[Use]:
    """Enter the run into the ledger, before its first test question is asked; returns its use of the test set.

    A resumed run keeps what it claimed. Without permission to write the ledger, a warning says so.
    """
    folder = folder_of(run)
    try:
        with disk_errors(folder), filelock.FileLock(folder / f".{LEDGER}.lock", WAIT, PRIVATE & FILE_MODE):
            entries = _read(folder)
            own = run.saved(CLAIM)
            if own is None:
                own = run.save(CLAIM, Claim(secrets.token_hex(8), _use(_earlier(entries, test), error_budget)))
            if own.id not in {entry.id for entry in entries}:
                name, questions = run.folder.resolve().name, tuple(map(_hash, test))
                append_line(folder / LEDGER, asdict(Entry(own.id, name, own.use.budget, error_budget, questions)))
    except filelock.Timeout as error:
        raise UsageError(
            f"{folder / LEDGER} is in use by another process.", "", f"try again; remove .{LEDGER}.lock if none runs."
        ) from error
    except ResourceError as error:
        yield Note(f"{error.what} Later climbs on this test set will not count this one.", "warning")
        own = run.saved(CLAIM)
        return own.use if own else expected_use(test, error_budget, folder)
    return own.use


def settle(run: Run, spent: float) -> None:
    """Enter what a run has spent, once its last rung is tested."""
    own, path = run.saved(CLAIM), folder_of(run) / LEDGER
    if (
        own
        and path.exists()
        and not any(entry.id == own.id and entry.spent is not None for entry in _read(path.parent))
    ):
        append_line(path, {"id": own.id, "spent": spent})


def warning(use: Use, error_budget: float) -> str:
    """What it means to climb on a test set that was used before, and what to do about it; empty for the first climb."""
    if use.climb == 1:
        return ""
    return (
        f"{times(use)} Its error budget is therefore {_percent(use.budget)} instead of {_percent(error_budget)}. This "
        "holds only if nothing was changed because of the earlier test answers. For a full budget, test on new "
        "examples: add some, or take them from the training examples with `--fresh-test`."
    )


def times(use: Use) -> str:
    """Which climb on its test set a climb is, and the chance of a false pass in all of them; empty for the first."""
    if use.climb == 1:
        return ""
    which = f"{ORDINALS[use.climb - 1].capitalize()} climb" if use.climb <= len(ORDINALS) else f"Climb {use.climb}"
    return f"{which} on this test set: the chance of a false pass in one of them is up to {_percent(use.chance)}."


def _percent(probability: float) -> str:
    return f"{100 * probability:.3g} %"


def _use(earlier: Sequence[Entry], error_budget: float) -> Use:
    spent = _spent(earlier)
    parts = [spent[entry.id] / entry.error_budget for entry in earlier]
    budget = error_budget * part_of_later_climb(sum(parts))
    return Use(climb=len(earlier) + 1, budget=budget, chance=min(1.0, sum(spent.values()) + budget))


def _earlier(entries: Sequence[Entry], test: Sequence[Example]) -> list[Entry]:
    """The climbs that used this test set, each with what it spent."""
    asked, spent = set(map(_hash, test)), _spent(entries)
    return [
        replace(entry, spent=spent.get(entry.id, entry.budget))
        for entry in entries
        if entry.questions and len(asked.intersection(entry.questions)) >= SAME * len(asked)
    ]


def _spent(entries: Sequence[Entry]) -> dict[str, float]:
    return {entry.id: entry.spent for entry in entries if entry.spent is not None}


def _read(folder: Path) -> list[Entry]:
    return read_rows(folder / LEDGER, Entry, "move it away; the climbs that it names then no longer count.")


def _hash(example: Example) -> str:
    return sha256_of(normalized_question(example))[:DIGITS]

"""The ledger of test sets: which climbs used the same test examples, and how much of the error budget each one spent.

Each climb on a test set is another chance of a false pass. All climbs on one test set together may pass falsely with
twice the error budget: the first one has one error budget, and each later one half of what the earlier ones left.
Test sets may overlap in part. A climb counts with the earlier ones that asked some of its questions and with all that
those counted with, so that no seed gives a share of old questions for free, and a later climb never counts fewer.
ledger.jsonl is next to the runs. A climb adds a line with a hash and a sketch of every test question before it asks the
first one, another with its budget, and a third with what it used of that, once its last rung is tested. Lines are only
appended, so that climbs that begin at the same time need no lock: the order of the lines is that of the climbs.

A damaged line is an error, because the climb that it names would not count. Only the part of a line that a killed climb
leaves is passed over: that climb had not asked a question yet, or its whole budget counts.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from gradschool.data.asked_before import asked_again, hashed, sketched
from gradschool.data.proof import MIN_BUDGET, part_of_later_climb
from gradschool.data.sketches import EARLIER_KIND, KIND, Sketches, sketches_of
from gradschool.durable import sync
from gradschool.errors import DamagedError, DataError, ResourceError
from gradschool.files import append_line, each_line, read_rows
from gradschool.json_text import parse_json
from gradschool.records import Example, Note, Use, Work
from gradschool.run import RUNS, Run
from gradschool.run_keys import Key
from gradschool.values import Fraction

LEDGER = "ledger.jsonl"
SAME = 0.1  # earlier climbs do not count if together they asked less than this fraction of the questions
BEGIN = b'{"id": "'  # of every line
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
NAME: Key[str] = Key("ledger", str)  # of a run's lines in the ledger
USE: Key[Use] = Key("use", Use)


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the ledger; `id` is the same in all lines of a run."""

    id: str
    run: str = ""  # the name of its folder
    error_budget: Annotated[float, Field(gt=0, le=1)] = 1.0  # of its job
    questions: tuple[str, ...] = ()
    sketches: str = ""  # of the questions; earlier versions wrote none
    kind: str = EARLIER_KIND  # of the sketches; earlier versions wrote none
    spent: Fraction | None = None  # of the error probability: the budget while it climbs, then what it used
    earlier: tuple[str, ...] = ()  # the climbs that it counted with; earlier versions wrote none

    def __post_init__(self) -> None:
        """Raise ValueError for what is no sketches."""
        self.known()

    def known(self) -> Sketches:
        """The sketches of the questions."""
        return sketches_of(self.sketches, self.kind)


def folder_of(run: Run | None) -> Path:
    """The folder of the runs, which the ledger is in."""
    return run.folder.resolve().parent if run else RUNS


def tested_before(examples: Sequence[Example], folder: Path) -> frozenset[str]:
    """The ids of the examples whose questions, or nearly the same ones, were in the test set of an earlier climb."""
    entries = _read(folder)
    known = {question for entry in entries for question in entry.questions}
    again = asked_again(examples, known, np.concatenate([sketches_of(""), *(entry.known() for entry in entries)]))
    return frozenset(example.id for example, was_asked in zip(examples, again, strict=True) if was_asked)


def expected_use(test: Sequence[Example], error_budget: float, folder: Path, run: Run | None = None) -> Use:
    """How the next climb would use this test set; a run that has begun to use it keeps its part."""
    claimed = _claimed(run, error_budget) if run else None
    if claimed:
        return claimed
    entries = _read(folder)
    return _use(entries, _counted(entries, test), error_budget)


def _claimed(run: Run, error_budget: float) -> Use | None:
    """What a run has claimed; one that an earlier version tested, without a ledger, has the whole budget."""
    if run.saved(NAME) is None and run.results():
        return Use(budget=error_budget, chance=error_budget)
    use = run.saved(USE)
    if use and not 0 < use.budget <= error_budget:
        raise DamagedError(
            f"{run.folder} is damaged.",
            f"It has saved an error budget of {use.budget:g}, and that of its job is {error_budget:g}.",
            f"delete done/{USE.name}.json in it; the step is then run again.",
        )
    return use


def claim(run: Run, test: Sequence[Example], error_budget: float) -> Work[Use]:
    """Enter the run into the ledger, before its first test question is asked; returns its use of the test set.

    A resumed run keeps what it claimed. If the ledger cannot be written, a warning says so.
    """
    use = _claimed(run, error_budget)
    if use and run.saved(NAME) is None:
        return use
    path, name = folder_of(run) / LEDGER, run.save(NAME, secrets.token_hex(8))
    try:
        if name not in {entry.id for entry in _read(path.parent)}:
            entry = {"id": name, "run": run.folder.resolve().name, "error_budget": error_budget}
            append_line(path, entry | {"questions": [*map(hashed, test)], "sketches": sketched(test), "kind": KIND})
            sync(path)
        if use is None:
            entries = _read(path.parent)
            own = [entry.id for entry in entries].index(name)
            ended = [entry for entry in entries[own:] if entry.spent is not None]
            before = [*entries[:own], *ended]
            counted = _counted(before, test)
            use = run.save(USE, _use(before, counted, error_budget))
            append_line(path, {"id": name, "spent": use.budget, "earlier": counted})
    except ResourceError as error:
        yield Note(f"{error.what} Later climbs on this test set will not count this one.", "warning")
        return expected_use(test, error_budget, path.parent, run)
    return use


def settle(run: Run, spent: float) -> None:
    """Enter what a run has used of its budget, once its last rung is tested."""
    name, entries = run.saved(NAME), _read(folder_of(run))
    if name and name in _spent(entries) and _spent(entries)[name] != spent:
        append_line(folder_of(run) / LEDGER, {"id": name, "spent": spent})


def warning(use: Use, error_budget: float) -> str:
    """What it means to climb on a test set that was used before, and what to do about it; empty for the first climb."""
    if use.climb == 1:
        return ""
    now, full = _percent(use.budget), _percent(error_budget)
    unseen = "This holds only if nothing was changed because of the earlier test answers."
    if now == full:
        return f"{times(use)} Its error budget is still {full}, because the earlier ones spent none of it. {unseen}"
    return (
        f"{times(use)} Its error budget is therefore {now} instead of {full}. {unseen} For a full budget, test on new "
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


def _use(entries: Sequence[Entry], earlier: Sequence[str], error_budget: float) -> Use:
    """The use of a test set by a climb that counts with these earlier ones."""
    spent, budgets = _spent(entries), {one.id: one.error_budget for one in entries if one.questions}
    used = {id_: spent.get(id_, budgets[id_]) for id_ in earlier}
    budget = error_budget * part_of_later_climb(sum(used[id_] / budgets[id_] for id_ in earlier))
    if budget < MIN_BUDGET:
        raise DataError(
            f"Nothing is left of the error budget of this test set: {len(earlier)} climbs asked some of its questions.",
            "Those that have not ended count in full.",
            "test on new examples: add some, or take them from the training examples with `--fresh-test`. If another "
            "climb on it is running, wait for it, and continue this one with --resume.",
        )
    return Use(climb=len(earlier) + 1, budget=budget, chance=min(1.0, sum(used.values()) + budget))


def _counted(entries: Sequence[Entry], test: Sequence[Example]) -> list[str]:
    """The earlier climbs that a climb counts with, in their order: by questions in common, or through one of these.

    Those with the fewest questions in common that together asked less than SAME of the test do not count: a few common
    questions do not make one test set of two.
    """
    runs = {one.id: one for one in entries if one.questions}  # a line that was copied counts once
    asked = {id_: np.array(asked_again(test, {*one.questions}, one.known())) for id_, one in runs.items()}
    left_out, counted = np.zeros(len(test), dtype=bool), set[str]()
    for id_ in sorted(asked, key=lambda id_: int(asked[id_].sum())):
        left_out |= asked[id_]
        if left_out.sum() >= SAME * len(test):
            counted.add(id_)
    for id_ in reversed(runs):  # a climb only counts with earlier ones
        if id_ in counted:
            counted.update(*(one.earlier for one in entries if one.id == id_))
    return [id_ for id_ in runs if id_ in counted]


def _spent(entries: Sequence[Entry]) -> dict[str, float]:
    return {entry.id: entry.spent for entry in entries if entry.spent is not None}


def _read(folder: Path) -> list[Entry]:
    path, fix = folder / LEDGER, "move it away; the climbs that it names then no longer count."
    if path.is_symlink() or (path.exists() and not path.is_file()):  # lines would be added to whatever it leads to
        raise DamagedError(f"{path} is a link, or not a file.", "Climbs add lines to it.", fix)
    for number, line in enumerate(each_line(path) if path.exists() else (), 1):
        if not _is_json(line) and not _is_unfinished(line.strip()):
            raise DamagedError(
                f"{path} is damaged.", f"Line {number} is not JSON: the climb that it names is lost.", fix
            )
    entries, named = read_rows(path, Entry, fix), set[str]()
    for entry in entries:
        if entry.questions:
            named.add(entry.id)
        elif entry.spent is None or entry.id not in named:
            why = f"It names the climb {entry.id}, and no line says which questions that one tested."
            raise DamagedError(f"{path} is damaged.", why, fix)
    return entries


def _is_json(line: bytes) -> bool:
    try:
        parse_json(line)
    except ValueError:
        return False
    return True


def _is_unfinished(line: bytes) -> bool:
    """Whether a line is what a killed process leaves of one: its beginning without its end."""
    return line.startswith(BEGIN[: len(line)]) and not line.endswith(b"}") and b"\0" not in line

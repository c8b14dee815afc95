"""Findings about the data as rows of text, for whatever screen shows them."""

from collections.abc import Sequence

from gradschool.data.check import Checked
from gradschool.data.labels import classes
from gradschool.data.read import Reading
from gradschool.data.sizing import needed_to_prove, provable_mark
from gradschool.data.split import split_of
from gradschool.records import Example, Split
from gradschool.settings import Goal


def column_rows(reading: Reading) -> list[tuple[str, str]]:
    """(column or key, what became of it)."""
    return list(reading.columns.items())


def issue_rows(checked: Checked) -> list[tuple[str, str, str, str]]:
    """(kind, what was done, how many, the first of them), most frequent first."""
    first = {(issue.kind, issue.severity): issue for issue in reversed(checked.issues)}
    counted = checked.count_by_kind().items()
    return [
        (kind, severity, f"{count:,}", f"{first[kind, severity].source}: {first[kind, severity].text}")
        for (kind, severity), count in counted
    ]


def split_rows(examples: Sequence[Example], split: Split) -> list[tuple[str, str, str, str]]:
    """(part, examples, groups, classes or a dash) for train, validation and test."""
    rows = []
    labelled = classes(examples) is not None
    for name, part in zip(("train", "validation", "test"), split_of(examples, split), strict=True):
        kinds = f"{len({example.ideal.strip() for example in part}):,}" if labelled else "–"
        rows.append((name, f"{len(part):,}", f"{len({example.group for example in part}):,}", kinds))
    return rows


def proof(split: Split, goal: Goal, looks: int) -> str:
    """What this test set can prove, in a sentence."""
    tests = len(split.test)
    able = (
        f"{tests:,} test examples can prove a pass mark of at most {provable_mark(tests, goal.error_budget, looks):.3f}"
    )
    if goal.pass_mark is None:
        return f"{able}; no goal.pass_mark is set."
    needed = needed_to_prove(goal.pass_mark, goal.error_budget, looks)
    if needed <= tests:
        return f"{able}, so {goal.pass_mark:g} is within reach."
    if goal.pass_mark >= 1:
        return f"{able}; a mark of 1 can never be proved from a sample."
    return f"{able}; {goal.pass_mark:g} needs at least {needed:,.0f}, all right: add examples or lower it."

"""The comparison of several bases in words, as the terminal, the model card and the report page show it."""

import shlex
from collections.abc import Iterator, Sequence

from gradschool.data.proof import VALIDATION_LEVEL
from gradschool.environment import gigabytes
from gradschool.records import ComparedBase

TITLE = "The bases, compared on validation"


def about_bases(bases: Sequence[ComparedBase]) -> str:
    """How the bases were compared and one was chosen; empty if the job names one."""
    scores = [one.score for one in bases if one.score]
    if not scores:
        return ""
    return (
        f"{scores[0].examples} validation examples, and none of the test set. The climb goes on over the smallest base "
        f"that is not proven worse than the best one, in pairs; each bound is at {VALIDATION_LEVEL:.0%} confidence."
    )


def size_of(one: ComparedBase) -> str:
    """The size of a base's files."""
    return gigabytes(one.bytes) if one.bytes else "not known"


def behind_best(one: ComparedBase) -> str:
    """How far the best base is above this one, with bounds."""
    if one.difference is None:
        return "the best" if one.score else ""
    low, high = one.difference.interval.low, one.difference.interval.high
    return f"{one.difference.mean:+.3f} ({low:+.3f} to {high:+.3f})"


def advice_on_bases(bases: Sequence[ComparedBase]) -> Iterator[str]:
    """Advise the best base if it scored higher than the chosen one, although that was not proven."""
    for one in bases:
        if one.chosen and one.difference and one.difference.mean > 0:
            yield (
                f"Another base: on validation, {one.difference.other} was above {one.base} by {behind_best(one)}, "
                f"which {one.score.examples if one.score else 0} examples do not prove. To climb over it, "
                f"name it alone: --base-model {shlex.quote(one.difference.other)}."
            )

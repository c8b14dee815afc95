"""A limit of time for scoring the answers in a run: rules, texts of others and the fit of a metric may need any."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from gradschool.errors import ResourceError

SECONDS = 60.0  # of processor time, for all answers in a run; a thousand answers usually take less than one
SCORE_IT = "score the specialist on examples of your own: gradschool score."
MAX_FIT = 2_000_000  # bytes of texts to which a metric is fitted within that time; some 2,000 letters
# When the time is over, and what to do then.
_end: ContextVar[tuple[float, str]] = ContextVar("end", default=(math.inf, ""))


@contextmanager
def scoring_within() -> Iterator[None]:
    """End scoring in this block with a ResourceError after `SECONDS`."""
    yield from _within(
        "Scoring them takes",
        "Rules with slow patterns, very long texts, or a metric that is fitted anew, can take any time.",
        SCORE_IT,
    )


@contextmanager
def fitting_within(fix: str) -> Iterator[None]:
    """End the fit of a metric in this block with a ResourceError after `SECONDS`, which says what to do."""
    yield from _within("Fitting its metric takes", "Whoever made it chose the texts of the fit.", fix)


def _within(what: str, why: str, fix: str) -> Iterator[None]:
    seconds = SECONDS
    token = _end.set((time.process_time() + seconds, fix))
    try:
        yield
    except OutOfTime:
        raise ResourceError(f"{what} more than {seconds:g} s of processor time.", why, fix) from None
    finally:
        _end.reset(token)


def demand_small_fit(size: int) -> None:
    """Raise ResourceError if texts of so many bytes are too many to fit a metric to them within the limit."""
    end, fix = _end.get()
    if size > MAX_FIT and end < math.inf:
        raise ResourceError(
            f"The metric is not fitted anew: its texts have {size / 1e6:,.0f} MB.",
            f"At most {MAX_FIT / 1e6:g} MB of others are fitted to, because that takes time.",
            fix,
        )


class OutOfTime(Exception):
    """Scoring has taken longer than it may."""


def demand_time() -> None:
    """Raise OutOfTime if scoring has taken longer than it may; called before whatever may take a second."""
    if time.process_time() > _end.get()[0]:
        raise OutOfTime

"""A limit of time for scoring the answers in a run: rules, texts of others and the fit of a metric may need any."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from gradschool.errors import ResourceError

SECONDS = 60.0  # of processor time, for all answers in a run; a thousand answers usually take less than one
MAX_FIT = 2_000_000  # bytes of texts to which a metric is fitted within that time; some 2,000 letters
_end: ContextVar[float] = ContextVar("end", default=math.inf)


@contextmanager
def scoring_within() -> Iterator[None]:
    """End scoring in this block with a ResourceError after `SECONDS`."""
    seconds = SECONDS
    token = _end.set(time.process_time() + seconds)
    try:
        yield
    except OutOfTime:
        raise ResourceError(
            f"Scoring them takes more than {seconds:g} s of processor time.",
            "Rules with slow patterns, very long texts, or a metric that is fitted anew, can take any time.",
            "score the specialist on examples of your own: gradschool score.",
        ) from None
    finally:
        _end.reset(token)


def demand_small_fit(size: int) -> None:
    """Raise ResourceError if texts of so many bytes are too many to fit a metric to them within the limit."""
    if size > MAX_FIT and _end.get() < math.inf:
        raise ResourceError(
            f"Their metric is not fitted anew: its texts have {size / 1e6:,.0f} MB.",
            f"At most {MAX_FIT / 1e6:g} MB are, because that takes time.",
            "score the specialist on examples of your own: gradschool score.",
        )


class OutOfTime(Exception):
    """Scoring has taken longer than it may."""


def demand_time() -> None:
    """Raise OutOfTime if scoring has taken longer than it may; called before whatever may take a second."""
    if time.process_time() > _end.get():
        raise OutOfTime

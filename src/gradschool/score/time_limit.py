"""A limit of time for scoring the answers in a run: rules and texts of others may need any."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from gradschool.errors import ResourceError

SECONDS = 60.0  # of processor time, for all answers in a run; a thousand answers usually take less than one
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
            "Rules with slow patterns, or very long texts, can take any time.",
            "score the specialist on examples of your own: gradschool score.",
        ) from None
    finally:
        _end.reset(token)


class OutOfTime(Exception):
    """Scoring has taken longer than it may."""


def demand_time() -> None:
    """Raise OutOfTime if scoring has taken longer than it may; called before whatever may take a second."""
    if time.process_time() > _end.get():
        raise OutOfTime

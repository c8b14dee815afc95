"""Run a generator of events: to its end, or with its events mapped to others."""

from collections.abc import Callable, Generator
from typing import Any, TypeVar

from gradschool.records import Event, Work

T = TypeVar("T")
E = TypeVar("E")


def result_of(work: Generator[Any, None, T]) -> T:
    """Run a generator of events to its end, drop the events, and return its result."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            result: T = end.value
            return result


def passed_on(work: Work[T], change: Callable[[Event], E | None]) -> Generator[E, None, T]:
    """The same work with each event as `change` returns it; None leaves it out."""
    while True:
        try:
            event = change(next(work))
        except StopIteration as end:
            result: T = end.value
            return result
        if event is not None:
            yield event

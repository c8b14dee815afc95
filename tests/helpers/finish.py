"""Running long work to its end."""

from collections.abc import Generator
from typing import Any, TypeVar

T = TypeVar("T")


def finish(work: Generator[Any, None, T]) -> tuple[T, list[Any]]:
    """The result of long work, and its events."""
    events: list[Any] = []
    while True:
        try:
            events.append(next(work))
        except StopIteration as stop:
            return stop.value, events

"""Show the events of long work: progress bars with the remaining time, notes and results as lines."""

import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Column

from gradschool.cli.lines import FULL_WIDTH, escape, say
from gradschool.model.engine import Engine
from gradschool.model.remote import new_notes
from gradschool.package.verdicts import bounded, decided
from gradschool.records import Event, Note, Progress, RungResult, Step, Work

T = TypeVar("T")
MB = 10**6  # bytes
PLAIN_EVERY = 10.0  # seconds between progress lines if the output is not a terminal
VERDICT_STYLE = {"passed": "green", "failed": "red", "not proven": "yellow"}


class Screen(AbstractContextManager["Screen"]):
    """Shows events as progress bars in a terminal, or as a few plain lines in a file or pipe.

    With `verbose`, notes of level "detail" are shown too.
    """

    def __init__(self, console: Console, verbose: bool = False) -> None:
        self.console, self.verbose = console, verbose
        self._bars = Bars(
            TextColumn("  {task.description}", table_column=Column(overflow="fold")),
            *([BarColumn()] if console.width >= FULL_WIDTH else []),
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[unit]}", table_column=Column(no_wrap=True)),
            TimeRemainingColumn(table_column=Column(no_wrap=True)),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.warnings: list[str] = []
        self._what, self._bar, self._done = "", TaskID(0), 0
        self._began, self._first, self._last_line = 0.0, 0, 0.0

    def __enter__(self) -> "Screen":
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def follow(self, work: Work[T]) -> T:
        """Run work to its end, show its events and return its result."""
        while True:
            try:
                event = next(work)
            except StopIteration as end:
                self._end()
                result: T = end.value
                return result
            self.show(event)

    def show(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Progress) and event.unit == "bytes":
            self._advance(event.what, event.done // MB, -(-event.total // MB), "MB")
        elif isinstance(event, Progress):
            self._advance(event.what, event.done, event.total, event.unit)
        elif isinstance(event, Step):
            losses = [("", event.loss), *event.other_losses.items()]
            shown = ", ".join(f"{name} loss {loss:.3f}".strip() for name, loss in losses)
            self._advance("training", event.step, event.steps, f"steps, {shown}")
        elif isinstance(event, Note):
            self.warnings += [event.text] * (event.level == "warning")
            if event.level != "detail" or self.verbose:
                say(self.console, f"  {escape(event.text)}", style="yellow" if event.level == "warning" else "dim")
        else:
            self._end()
            say(self.console, rung_line(event))

    def _advance(self, what: str, done: int, total: int, unit: str) -> None:
        now = time.monotonic()
        if what != self._what or done < self._done:
            self._end()
            self._what, self._began, self._first, self._last_line = what, now, done, now
            if self.console.is_terminal:
                self._bar = self._bars.add_task(escape(what), total=total or None, unit=unit)
        self._done = done
        if self.console.is_terminal:
            self._bars.update(self._bar, completed=done, total=total or None, unit=unit)
        elif now - self._last_line >= PLAIN_EVERY:
            self._last_line = now
            left = (now - self._began) / max(1, done - self._first) * (total - done)
            about = f", about {left:.0f} s left" if total and (done - self._first) * 10 >= total else ""
            of = f" of {total}" if total else ""
            self.console.print(f"  {escape(what)}: {done}{of} {unit}{about}", highlight=False, soft_wrap=True)

    def _end(self) -> None:
        if self._what and self.console.is_terminal:
            self._bars.remove_task(self._bar)
        self._what = ""


def rung_line(result: RungResult) -> str:
    """The result of a rung in one line."""
    if result.report is None:
        return f"[bold]{escape(result.rung)}[/]: skipped, {escape(result.skipped)}"
    style = VERDICT_STYLE[result.report.verdict]
    failed = "".join(f"; failed gate: {escape(gate.name)}" for gate in result.gates if not gate.held)
    coverage = result.report.coverage
    answered = f" on the {coverage.share.mean:.0%} that it answers" if coverage else ""
    scored = f"{bounded(result.report.score)}{answered}"
    return f"[bold]{escape(result.rung)}[/]: {scored} [{style}]{decided(result.report)}[/]{failed}"


def show_notes(console: Console, engine: Engine) -> None:
    """Show what an engine has found out about its server since the last call."""
    for note in new_notes(engine):
        say(console, f"  {escape(note)}", style="yellow")

"""Print the comparison of several bases that a job names."""

from collections.abc import Sequence

from rich.console import Console

from gradschool.cli.lines import escape, say
from gradschool.cli.rows import show_rows
from gradschool.environment import duration, gigabytes
from gradschool.package.base_words import TITLE, about_bases, behind_best, size_of
from gradschool.package.verdicts import bounds
from gradschool.records import ComparedBase
from gradschool.survey import Surveyed


def show_bases(console: Console, bases: Sequence[ComparedBase]) -> None:
    """Print each base with its score, size and speed, then why it was chosen or not."""
    if not bases:
        return
    say(console, f"{TITLE}: {about_bases(bases)}")
    rows = []
    for one in bases:
        name = f"[bold]{escape(one.base)}[/]" if one.chosen else escape(one.base)
        if one.score is None:
            rows.append((name, "left out", "", "", size_of(one) if one.bytes else "", "", ""))
            continue
        score = f"{one.score.mean:.3f}", bounds(one.score.interval)
        speed = f"{one.tokens_per_second:.0f}" if one.tokens_per_second else ""
        rows.append((name, *score, behind_best(one), size_of(one), speed, duration(one.seconds)))
    show_rows(console, ("base", "score", "bounds", "the best is above", "size", "tokens/s", "time"), rows)
    for one in bases:
        chosen = "[bold]chosen[/], " if one.chosen else ""
        by = f" ({one.recipe})" if one.recipe else ""
        say(console, f"  {escape(one.base)}{escape(by)}: {chosen}{escape(one.reason)}")


def show_surveyed(console: Console, bases: Sequence[Surveyed], used: str) -> None:
    """Print each base that a job names: its size, its context, and the examples that it cannot read."""
    if not bases:
        return
    say(console, f"A climb compares these bases on validation; below, tokens are those of {escape(used)}.")
    rows = []
    for one in bases:
        if one.left_out:
            rows.append((escape(one.base), "left out", "", "", ""))
            continue
        size = gigabytes(one.bytes) if one.bytes else "not known"
        tunes = "yes" if one.trains else "no"
        rows.append((escape(one.base), size, f"{one.context_length:,}", str(len(one.unread)), tunes))
    show_rows(console, ("base", "size", "context", "examples it cannot read", "can be tuned"), rows)
    for one in bases:
        if one.left_out:
            say(console, f"  {escape(one.base)}: {escape(one.left_out)}")

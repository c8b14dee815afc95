"""The command `runs`: list runs, compare two, and remove some."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gradschool import errors
from gradschool.cli.app import AsJson, command, out, print_json
from gradschool.cli.lines import command_line, escape, say
from gradschool.cli.rows import show_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradschool.runs import Comparison, RunSummary


@command
def runs(
    which: Annotated[
        list[Path] | None, typer.Argument(metavar="RUN", help="two runs to compare, or runs to remove; none: list all")
    ] = None,
    folder: Annotated[Path, typer.Option("--in", help="the folder whose runs are listed")] = Path("runs"),
    remove: Annotated[bool, typer.Option("--remove", help="remove the runs that are named")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="remove without asking")] = False,
    as_json: AsJson = False,
) -> None:
    """List runs with their scores; compare two: `runs RUN RUN`; remove some: `runs --remove RUN`."""
    from gradschool.runs import RunSummary, compare_runs, list_runs, summary_of

    named = which or []
    if remove:
        _remove(named, yes, as_json=as_json)
    elif len(named) == 2:
        compared = compare_runs(*named)
        print_json(compared) if as_json else _show_comparison(compared)
    elif len(named) > 2:
        raise errors.UsageError("Two runs can be compared.", f"{len(named)} are named.", "name two runs.")
    else:
        listed = [summary_of(one) for one in named] or list_runs(folder)
        print_json(listed, list[RunSummary]) if as_json else _show(listed, folder)


def _show(listed: "Sequence[RunSummary]", folder: Path) -> None:
    if not listed:
        say(out, f"There are no runs in {escape(str(folder))}; each climb makes one.")
        return
    from gradschool.runs import comparable

    _show_rows(listed)
    if pair := comparable(listed):
        command = command_line(out, "gradschool", "runs", *(one.run for one in pair))
        out.print(f"  {command}", markup=False, highlight=False, soft_wrap=True)


def _show_rows(listed: "Sequence[RunSummary]") -> None:
    from gradschool.package.verdicts import bounds

    rows = []
    for one in listed:
        report = one.result.report if one.result else None
        score = f"{report.score.mean:.3f}\n{bounds(report.score.interval)}" if report else ""
        state = f"{one.state}\nnot begun here" if one.recorded else one.state
        rows.append((escape(one.run), escape(one.base), escape(one.rung), score, state))
    show_rows(out, ("run", "base", "rung", "score", "state"), rows, left=range(5))
    for one in listed:
        if one.doubt:
            say(out, f"{escape(one.run)} is not verified. {escape(one.doubt)}", style="yellow")
        if one.recorded:
            say(out, f"{escape(one.run)}: {one.recorded}", style="yellow")


def _show_comparison(compared: "Comparison") -> None:
    from gradschool.package.verdicts import bounds

    _show_rows([compared.first, compared.second])
    if compared.difference:
        interval = bounds(compared.difference.interval, signed=True)
        say(
            out,
            f"Difference, first minus second, on the same test examples: {compared.difference.mean:+.3f} ({interval}).",
        )
    else:
        say(out, "Their scores cannot be compared: they are not finished, or the test examples or the metric differ.")
    for path, (first, second) in compared.settings.items():
        say(out, f"  {path}: {escape(first)} → {escape(second)}")


def _remove(named: "Sequence[Path]", yes: bool, *, as_json: bool) -> None:
    from gradschool.run import Run
    from gradschool.runs import remove_run

    if not named:
        raise errors.UsageError("There is nothing to remove.", "No run is named.", "`gradschool runs` lists them.")
    for one in named:
        Run.open(one)  # before anything is removed
    if not yes:
        again = command_line(out, "gradschool", "runs", "--remove", *named, "--yes")
        if not sys.stdin.isatty():
            raise errors.UsageError("Runs are removed only if you confirm.", "", f"`{again}`")
        typer.confirm(f"Remove {', '.join(map(str, named))} with their specialists?", abort=True, err=as_json)
    removed = []
    for one in named:
        stays = remove_run(one)
        removed.append({"run": str(one), "files that stay": stays})
        if not as_json:
            rest = f"; your files stay: {escape(', '.join(stays))}" if stays else ""
            say(out, f"Removed: {escape(str(one))}{rest}")
    if as_json:
        print_json(removed)

"""The commands around a climb: check a job, climb it, report on it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from gradschool import errors
from gradschool.cli.app import JobPath, command, out, with_settings
from gradschool.job import read_job


@command
@with_settings
def climb(
    job: Annotated[
        Path | None, typer.Argument(help="a folder with job.toml, a .toml file, or a file of examples")
    ] = None,
    run: Annotated[Path | None, typer.Option(help="folder for this run; default: runs/NAME-1, -2, …")] = None,
    resume: Annotated[Path | None, typer.Option(help="go on with a run that was interrupted")] = None,
    *,
    overrides: Mapping[str, Any],
) -> None:
    """Climb: prompt, ground, tune, until a rung is proven to reach the pass mark; then package it and test that."""
    if "WORLD_SIZE" in os.environ:  # started by torchrun
        from gradschool.tune.train_job import help_train
        from gradschool.tune.world import join

        if (world := join()).rank:
            help_train(world)
            return
    from gradschool.cli.screen import Screen
    from gradschool.cli.tables import show_climbed
    from gradschool.climb import climb as climb_job
    from gradschool.climb import discard_unless_begun
    from gradschool.run import Run, next_folder
    from gradschool.tune.world import current

    if resume is not None:
        if job is not None or overrides:
            raise errors.UsageError(
                "--resume goes on with a run as it was begun.",
                "It takes no job and no settings.",
                "give --resume RUN alone.",
            )
        held = Run.open(resume)
    elif job is None:
        raise errors.UsageError(
            "There is nothing to climb.",
            "No job was given.",
            "gradschool climb JOB; `gradschool climb examples/contracts` is one.",
        )
    else:
        read = read_job(job, overrides)
        held = Run.start(run or next_folder(read.name), read)
    try:
        with held, Screen(out) as screen:
            out.print(f"[bold]{escape(held.job.name)}[/] → {escape(str(held.folder))}", highlight=False)
            climbed = screen.follow(held.written(climb_job(held)))
            current().broadcast(None)  # no more trainings
    except errors.GradschoolError:
        if resume is None:
            discard_unless_begun(held)
        raise
    show_climbed(out, climbed, held.folder)
    if climbed.verdict != "passed":
        raise typer.Exit(errors.EXIT_NOT_PASSED)


@command
@with_settings
def check(
    job: JobPath,
    rows: Annotated[int, typer.Option(help="how many examples to show with the tokens that are learnt")] = 2,
    issues: Annotated[Path | None, typer.Option(help="write all remarks here, one per line")] = None,
    *,
    overrides: Mapping[str, Any],
) -> None:
    """Show what the data holds, what is wrong with it, what a test can prove, and which tokens would be learnt."""
    from gradschool.check import examine
    from gradschool.cli.screen import Screen
    from gradschool.cli.tables import show_examined
    from gradschool.files import write_text

    with Screen(out) as screen:
        examined = screen.follow(examine(read_job(job, overrides), rows))
    show_examined(out, examined)
    if issues:
        write_text(issues, "".join(f"{issue}\n" for issue in examined.issues))


@command
def report(
    run: Annotated[Path, typer.Argument(help="a run's folder, such as runs/contracts-1")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="where to write the page; default: report.html in the run")
    ] = None,
) -> None:
    """Write one self-contained HTML page about a run: the ladder, the losses, answers side by side, failures, cost."""
    from gradschool.files import write_text
    from gradschool.report.page import page
    from gradschool.run import Run

    path = output or run / "report.html"
    write_text(path, page(Run.open(run)))
    out.print(f"Written: {escape(str(path))}", highlight=False, soft_wrap=True)

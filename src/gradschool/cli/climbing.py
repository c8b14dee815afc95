"""The commands around a climb: check a job, climb it, report on it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gradschool import errors
from gradschool.cli.app import (
    AllowHost,
    AsJson,
    JobPath,
    TrustCode,
    TrustRun,
    Verbose,
    allow_hosts,
    command,
    err,
    interrupted,
    out,
    print_json,
    with_settings,
    write_issues,
)
from gradschool.cli.lines import escape, say
from gradschool.files import demand_writable, write_text
from gradschool.job import Job, read_job

if TYPE_CHECKING:
    from gradschool.run import Run


@command
@with_settings
def climb(
    job: Annotated[
        Path | None, typer.Argument(help="a folder with job.toml, a .toml file, or a file of examples")
    ] = None,
    run: Annotated[Path | None, typer.Option(help="folder for this run; default: runs/NAME-1, -2, …")] = None,
    resume: Annotated[Path | None, typer.Option(help="continue an interrupted run")] = None,
    allow_host: AllowHost = None,
    trust_code: TrustCode = False,
    trust_run: TrustRun = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
    *,
    overrides: Mapping[str, Any],
) -> None:
    """Climb the ladder until a rung is proven to reach the pass mark; then package the specialist and test that."""
    from gradschool.run import allow_run, resume_command

    if trust_run and resume:
        allow_run(resume)
    named = _named(job, resume, overrides)  # before what takes seconds to import
    from gradschool.cli.screen import Screen
    from gradschool.cli.tables import show_climbed
    from gradschool.climbing import climb as climb_run
    from gradschool.run_keys import SPLIT
    from gradschool.tune.train_job import help_train_under_torchrun

    if help_train_under_torchrun():
        return
    allow_hosts(allow_host)
    opened = _open_run(named, run, overrides, trust_code)
    console = err if as_json else out
    try:
        with opened, Screen(console, verbose) as screen:
            say(console, f"[bold]{escape(opened.job.name)}[/] → {escape(str(opened.folder))}")
            climbed = screen.follow(opened.recorded(climb_run(opened)))
    except errors.GradschoolError as error:
        if opened.new and opened.saved(SPLIT) is not None:  # a climb begun anew looks at the test set once more
            goes_on = f"`{resume_command(opened.folder)}` continues this climb; without it, another one begins."
            error.fix = f"{error.fix.rstrip('.')}. {goes_on}" if error.fix else goes_on
        raise
    except KeyboardInterrupt:
        raise interrupted(f"continue with `{resume_command(opened.folder)}`") from None
    if as_json:
        print_json(climbed)
    else:
        show_climbed(out, climbed, opened.folder)
    if climbed.verdict != "passed":
        raise typer.Exit(errors.EXIT_NOT_PASSED)


def _named(job: Path | None, resume: Path | None, overrides: Mapping[str, Any]) -> "Job | Run":
    """The job or the run that is named; raises UsageError for both and for none."""
    from gradschool.run import Run, resume_command

    if resume is not None and (job is not None or overrides):
        raise errors.UsageError(
            "--resume continues a run with the job and the settings it began with.",
            "A job or settings were given too.",
            f"`{resume_command(resume)}`",
        )
    if resume is not None:
        return Run.open(resume)
    if job is None:
        raise errors.UsageError(
            "There is nothing to climb.",
            "No job was given.",
            "name a folder with job.toml, a .toml file, or a file of examples.",
        )
    return read_job(job, overrides)


def _open_run(named: "Job | Run", folder: Path | None, overrides: Mapping[str, Any], trust_code: bool) -> "Run":
    from gradschool.run import Run

    if isinstance(named, Run):
        _trust(named.job, {}, trust_code)
        return named
    return Run.start(_trust(named, overrides, trust_code), folder)


def _trust(job: Job, overrides: Mapping[str, Any], trust_code: bool) -> Job:
    """The same job, after remembering what the user named or allowed."""
    from gradschool.model.hosts import named_by_user
    from gradschool.score import metrics

    named_by_user(overrides.get("base_model"), overrides.get("remote.api_key_env"))
    if trust_code:
        metrics.trust_code(job.settings.goal, job.folder)
    return job


@command
@with_settings
def check(
    job: JobPath,
    rows: Annotated[int, typer.Option(help="how many examples to show with the tokens that are trained on")] = 2,
    issues: Annotated[Path | None, typer.Option(help="write all warnings here, one per line")] = None,
    allow_host: AllowHost = None,
    trust_code: TrustCode = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
    *,
    overrides: Mapping[str, Any],
) -> None:
    """Show the data and its issues, what the test set can prove, and which tokens would be trained on."""
    if issues:
        demand_writable(issues)
    allow_hosts(allow_host)
    named = read_job(job, overrides)  # before what takes seconds to import
    from gradschool.cli.screen import Screen
    from gradschool.cli.tables import show_examined, show_issues
    from gradschool.examine import examine

    try:
        with Screen(err if as_json else out, verbose) as screen:
            examined = screen.follow(examine(_trust(named, overrides, trust_code), rows))
    except errors.GradschoolError as error:
        show_issues(err if as_json else out, error.issues)
        write_issues(issues, error.issues)
        error.issues = ()  # shown
        raise
    if as_json:
        print_json(examined)
    else:
        show_examined(out, examined)
    write_issues(issues, examined.issues)


@command
def report(
    run: Annotated[Path, typer.Argument(help="a run's folder, such as runs/contracts-1")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="where to write the page; default: report.html in the run")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write one self-contained HTML page about a run: the ladder, the losses, answers side by side, failures, cost."""
    from gradschool.report.page import page
    from gradschool.run import Run
    from gradschool.runs import summary_of

    path, opened = output or run / "report.html", Run.open(run)
    demand_writable(path)
    write_text(path, page(opened))
    if as_json:
        print_json({"written": str(path), "run": summary_of(run)})
    else:
        say(out, f"Written: {escape(str(path))}")

"""The command line: parse, call, show. Nothing heavy is imported before a command needs it."""

import functools
import inspect
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from gradschool import __version__, errors
from gradschool.settings import Option, options, read_job, settings_markdown, shown

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Turn a general language model into a specialist, on your own machine, and prove it.",
)
out, err = Console(), Console(stderr=True)
main = app

JobPath = Annotated[Path, typer.Argument(help="a folder with job.toml, a .toml file, or a file of examples")]
SpecialistPath = Annotated[Path, typer.Argument(help="a specialist's folder, such as runs/contracts-1/specialist")]
BaseOption = Annotated[str | None, typer.Option("--base", help="another place of the same base model")]


def command(function: Callable[..., None]) -> Callable[..., None]:
    """A command of the program: a person's mistake ends in a message and the exit code that errors.py lists."""

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> None:
        try:
            function(*args, **kwargs)
        except errors.GradschoolError as error:
            err.print(f"[red]{escape(error.what)}[/]", highlight=False, soft_wrap=True)
            for line in (error.why, error.fix and f"What to do: {error.fix}"):
                if line:
                    err.print(escape(line), highlight=False, soft_wrap=True)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            err.print("Interrupted. What is done is kept; a climb goes on with `gradschool climb --resume RUN`.")
            raise typer.Exit(errors.EXIT_INTERRUPTED) from None
        except SystemExit as end:  # rich ends the program so where a BrokenPipeError meets it
            raise typer.Exit(0 if isinstance(end.__context__, BrokenPipeError) else errors.EXIT_BUG) from None
        except BrokenPipeError:  # the reader of our output went away, as `head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None

    return app.command()(guarded)


def with_settings(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command one option for each setting, made from settings.py; they arrive together as `overrides`."""
    known = {option.flag.lstrip("-").replace("-", "_"): option for option in options()}

    @functools.wraps(function)
    def collecting(*args: Any, **kwargs: Any) -> None:
        given = {known[name]: value for name in known if (value := kwargs.pop(name)) is not None}
        function(*args, overrides={option.path: parsed(option, text) for option, text in given.items()}, **kwargs)

    own = [p for p in inspect.signature(function).parameters.values() if p.name != "overrides"]
    flags = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_annotation(option))
        for name, option in known.items()
    ]
    collecting.__signature__ = inspect.Signature([*own, *flags])  # type: ignore[attr-defined]
    collecting.__annotations__ = {p.name: p.annotation for p in (*own, *flags)}
    return collecting


def _annotation(option: Option) -> Any:
    default = "" if option.default in (None, "", ()) else f" [dim]\\[{shown(option.default)}][/]"
    unit = f" ({option.unit})" if option.unit else ""
    table = option.path.rpartition(".")[0]
    panel = f"job.toml: \\[{table}]" if table else "job.toml"
    metavar = option.type.upper().replace(" ", "-") if len(option.type) < 15 else "TEXT"
    return Annotated[
        str | None,
        typer.Option(option.flag, help=escape(option.help) + unit + default, rich_help_panel=panel, metavar=metavar),
    ]


def parsed(option: Option, text: str) -> Any:
    """A command-line value: lists are written with commas, the rest as in job.toml without quotes."""
    return [part.strip() for part in text.split(",") if part.strip()] if option.type.startswith("list") else text


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
    from gradschool.climb import climb as climb_job
    from gradschool.climb import discard_unless_begun
    from gradschool.run import Run, next_folder
    from gradschool.screen import Screen
    from gradschool.tables import show_climbed

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
    from gradschool.files import write_text
    from gradschool.screen import Screen
    from gradschool.tables import show_examined

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
    from gradschool.package.page import page
    from gradschool.run import Run

    path = output or run / "report.html"
    write_text(path, page(Run.open(run)))
    out.print(f"Written: {escape(str(path))}", highlight=False, soft_wrap=True)


@command
def chat(
    specialist: SpecialistPath,
    compare: Annotated[bool, typer.Option("--compare", help="let the bare base answer too")] = False,
    base: BaseOption = None,
) -> None:
    """Talk with a specialist; an empty line or Ctrl-D ends it."""
    from gradschool.package.bundle import open_specialist
    from gradschool.records import Conversation, Message
    from gradschool.screen import Screen
    from gradschool.specialist import Recipe, Specialist

    with Screen(out) as screen:
        opened = screen.follow(open_specialist(specialist, base))
    speakers = {"specialist": opened}
    if compare:
        speakers = {"base": Specialist(opened.engine, Recipe(decoding=opened.recipe.decoding))} | speakers
    said: dict[str, Conversation] = dict.fromkeys(speakers, ())
    while question := _asked():
        for name, speaker in speakers.items():
            said[name] += (Message("user", question),)
            out.print(f"[bold]{name}[/]: ", end="")
            answer = ""
            for piece in speaker.stream(said[name]):
                answer += piece
                out.print(piece, end="", markup=False, highlight=False, soft_wrap=True)
            out.print()
            said[name] += (Message("assistant", answer),)


def _asked() -> str:
    try:
        said = out.input("[bold]you[/]: ") if sys.stdin.isatty() else sys.stdin.readline()
        return said.encode(errors="replace").decode().strip()  # half characters cannot be asked
    except EOFError:
        return ""
    except UnicodeDecodeError as error:
        raise errors.DataError(
            "What you typed is not UTF-8 text.", str(error), "set your terminal to UTF-8."
        ) from error


@command
def answer(specialist: SpecialistPath, base: BaseOption = None) -> None:
    """Answer questions from standard input (a JSON object or plain text per line) as JSON lines, in their order."""
    from gradschool.package.bundle import open_specialist
    from gradschool.questions import read_questions
    from gradschool.screen import Screen

    questions = read_questions(sys.stdin)
    with Screen(err) as screen:
        opened = screen.follow(open_specialist(specialist, base))
    waiting: dict[int, dict[str, Any]] = {}
    following = 0
    for position, said in opened.answer([question.conversation for question in questions]):
        waiting[position] = questions[position].answered(said)
        while following in waiting:
            typer.echo(json.dumps(waiting.pop(following), ensure_ascii=False))
            following += 1


@command
def score(
    specialist: SpecialistPath,
    examples: Annotated[Path, typer.Argument(help="examples it has not seen, in any form that `climb` reads")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="write every answer with its scores here, as JSON lines")
    ] = None,
    base: BaseOption = None,
) -> None:
    """Score a specialist on further examples, by the metric and the rules of its own job."""
    from gradschool.scoring import score_specialist
    from gradschool.screen import Screen
    from gradschool.tables import show_report

    with Screen(err) as screen:
        judged = screen.follow(score_specialist(specialist, examples, output, base))
    show_report(out, judged)


@command
def settings(
    markdown: Annotated[bool, typer.Option("--markdown", help="as the page docs/settings.md")] = False,
) -> None:
    """List every setting with its type, default and meaning."""
    if markdown:
        typer.echo(settings_markdown(), nl=False)
        return
    for option in options():
        default = "none" if option.default in (None, "", ()) else shown(option.default)
        about = ", ".join(part for part in (option.type, option.unit) if part)
        line = f"[bold]{escape(option.path)}[/] = {escape(default)}  [dim]{escape(about)}; {option.flag}[/]"
        out.print(line, f"    {escape(option.help)}", sep="\n", highlight=False, soft_wrap=True)


@command
def version() -> None:
    """Say which version this is."""
    out.print(__version__, highlight=False)

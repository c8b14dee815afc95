"""Shared by all commands: the application, error reporting, and one option for each setting."""

import functools
import inspect
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from gradschool import errors
from gradschool.settings import RENAMED, Option, options, renamed_options, shown

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Turn a general language model into a specialist, on your own machine, and prove it.",
    epilog="No examples yet? `gradschool prepare` builds the folder from a mailbox, documents or a ticket export.",
)
out, err = Console(), Console(stderr=True)

JobPath = Annotated[Path, typer.Argument(help="a folder with job.toml, a .toml file, or a file of examples")]
SpecialistPath = Annotated[Path, typer.Argument(help="a specialist's folder, such as runs/contracts-1/specialist")]
BaseOption = Annotated[str | None, typer.Option("--base", help="another location of the same base model")]


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Register a command; a GradschoolError becomes a message and its exit code (see errors.py)."""

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
            err.print("Interrupted. Finished work is saved; continue a climb with `gradschool climb --resume RUN`.")
            raise typer.Exit(errors.EXIT_INTERRUPTED) from None
        except SystemExit as end:  # rich exits this way on a BrokenPipeError
            raise typer.Exit(0 if isinstance(end.__context__, BrokenPipeError) else errors.EXIT_BUG) from None
        except BrokenPipeError:  # the reader of our output closed the pipe, as `head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None

    return app.command()(guarded)


def with_settings(function: Callable[..., None]) -> Callable[..., None]:
    """Add an option for each setting in settings.py to a command, which receives them as `overrides`."""
    known = {option.flag.lstrip("-").replace("-", "_"): option for option in (*options(), *renamed_options())}

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
    if option.path in RENAMED:  # reading the job reports the new name
        return Annotated[str | None, typer.Option(option.flag, hidden=True)]
    default = "" if option.default in (None, "", ()) else f" [dim]\\[{shown(option.default)}][/]"
    unit = f" ({option.unit})" if option.unit else ""
    table = option.path.rpartition(".")[0]
    panel = f"job.toml: \\[{table}]" if table else "job.toml"
    metavar = option.type.upper().replace(" ", "-") if len(option.type) < 15 else "TEXT"
    if option.default is False:  # a flag without a value
        return Annotated[
            bool | None, typer.Option(option.flag, help=escape(option.help), rich_help_panel=panel, show_default=False)
        ]
    return Annotated[
        str | None,
        typer.Option(option.flag, help=escape(option.help) + unit + default, rich_help_panel=panel, metavar=metavar),
    ]


def parsed(option: Option, text: str | bool) -> Any:
    """The value of an option: lists are separated by commas, other values are written as in job.toml without quotes."""
    if isinstance(text, str) and option.type.startswith("list"):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text

"""Shared by all commands: the application, error reporting, and one option for each setting."""

import copy
import functools
import inspect
import itertools
import os
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from typer.core import TyperOption

from gradschool import errors
from gradschool.cli.helping import HelpfulCommand, HelpfulGroup
from gradschool.cli.lines import PlainConsole, say
from gradschool.file_names import not_utf8
from gradschool.options import MAIN, RENAMED, Option, Renamed, flag_of, keyword_of, options, shown
from gradschool.version import __version__
from gradschool.visible import one_line, visible

app = typer.Typer(
    cls=HelpfulGroup,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Turn a general language model into a specialist, on your own machine, and prove it.",
    epilog="No examples yet? `gradschool prepare` builds the folder from a mailbox, documents or a ticket export.",
)
out, err = PlainConsole(), PlainConsole(stderr=True)
MAX_SHOWN = 300  # characters of the name of a file, in an error
HELP = {option.path: option.help for option in options()}  # of options that other commands have as well
QUESTION = re.compile(r"-{1,2}(?:\d|[^\s=]*\s)")  # that begins with a minus
BYTE = re.compile(r"[\udc80-\udcff]")  # what Python makes of a byte in a file's name that is not UTF-8
# By their old flags. Options that are not settings have no path, and `flag_of` makes a flag of their name.
RENAMED_FLAGS = {flag_of(old): new for old, new in RENAMED.items()} | {"--most-drop": Renamed("max_drop")}

JobPath = Annotated[Path, typer.Argument(help="a folder with job.toml, a .toml file, or a file of examples")]
SpecialistPath = Annotated[Path, typer.Argument(help="folder of a specialist or of its run, such as runs/contracts-1")]
Verbose = Annotated[bool, typer.Option("--verbose", help="also show details, such as number formats and threads")]
AsJson = Annotated[bool, typer.Option("--json", help="print the result as JSON; progress goes to standard error")]
BaseOption = Annotated[str | None, typer.Option("--base", help="another location of the same base model; remembered")]
RUNTIMES = {"torch": "torch", "llama": "llama", "local": "torch", "llama.cpp": "llama"}  # also their former names


def parse_runtime(text: str) -> str:
    """The runtime that a user names; raises UsageError for another word."""
    if text not in RUNTIMES:
        raise _reported(
            errors.UsageError(f"There is no runtime {text!r}.", "", "--runtime torch, or --runtime llama (llama.cpp).")
        )
    return RUNTIMES[text]


RuntimeOption = Annotated[
    Any,
    typer.Option(
        "--runtime",
        parser=parse_runtime,
        metavar="torch|llama",
        help="what runs the base: torch, or llama for a base in GGUF, which llama.cpp runs as it is; default: torch",
    ),
]
AllowHost = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-host",
        metavar="HOST[=VARIABLE]",
        help="allow this model server, with the API key in VARIABLE (default: OPENAI_API_KEY); remembered",
    ),
]
TrustCode = Annotated[
    bool,
    typer.Option("--trust-code", help="allow the Python code of its metric, or its long fit; remembered"),
]

TrustRun = Annotated[
    bool,
    typer.Option("--trust-run", help="let a run that you did not begin here read the files of its job; remembered"),
]


def allow_hosts(hosts: list[str] | None) -> None:
    """Remember the hosts that the user allows."""
    if hosts:
        from gradschool.model.hosts import allow_host

        for host in hosts:
            allow_host(host)


def demand_there(*specialists: str | Path) -> None:
    """Raise UsageError for a path that does not exist, before modules that take seconds to import."""
    from gradschool.model.opening import names_base
    from gradschool.package.manifest import specialist_folder

    for path in map(Path, specialists):
        if not (path.exists() or names_base(path)):
            specialist_folder(path)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def gradschool(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Turn a general language model into a specialist, on your own machine, and prove it."""


def print_json(value: Any, type_: Any = None) -> None:
    """Print a value as JSON; records are read as `type_`, or as the type of the value."""
    from gradschool.files import adapter_of

    typer.echo(visible(adapter_of(type_ or type(value)).dump_json(value, indent=2).decode()))


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Register a command; a GradschoolError becomes a message and its exit code (see errors.py)."""

    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> None:
        try:
            function(*args, **kwargs)
        except errors.GradschoolError as error:
            raise _reported(error) from None
        except KeyboardInterrupt:
            raise interrupted() from None
        except SystemExit as end:  # rich exits this way on a BrokenPipeError
            raise typer.Exit(0 if isinstance(end.__context__, BrokenPipeError) else errors.EXIT_BUG) from None
        except BrokenPipeError:  # the reader of our output closed the pipe, as `head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except OSError as error:
            if error.filename is None:
                raise
            raise _reported(_refused(error)) from None
        except RuntimeError as error:  # what `Path.resolve` makes of links that lead to each other
            if not isinstance(cause := error.__context__, OSError) or cause.filename is None:
                raise
            raise _reported(_refused(cause)) from None
        except UnicodeEncodeError as error:
            if not BYTE.search(error.object[error.start : error.end]):
                raise
            raise _reported(not_utf8(error)) from None

    return app.command(cls=Command)(guarded)


class Command(HelpfulCommand):
    """A command; an old name of one of its options is an error that names the new one, with or without a value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments, unless one of them is an old name of an option."""
        own = {flag for parameter in self.params for flag in parameter.opts}
        for arg in itertools.takewhile(lambda arg: arg != "--", args):
            old = arg.partition("=")[0]
            new = RENAMED_FLAGS.get(old)
            if new and flag_of(new.path) in own:
                raise _reported(
                    errors.UsageError(f"{old!r} {new.now(flag_of)}.", "", f"see {ctx.command_path} --help.")
                )
        try:
            return super().parse_args(ctx, self._with_questions(args))
        except Exception as error:  # of a class that typer does not export
            # It quotes arguments, which may be names of files that others chose.
            if isinstance(message := getattr(error, "message", None), str):
                error.message = visible(message)  # type: ignore[attr-defined]
            raise

    def _with_questions(self, args: list[str]) -> list[str]:
        """The arguments; in a command that takes questions, one that begins with a minus has a space before it.

        It is a text of several words, or begins with a number, and is no option and no value of one.
        """
        if not any(parameter.name == "questions" for parameter in self.params):
            return args
        options = {flag: parameter for parameter in self.params for flag in parameter.opts}
        taking = {flag for flag, parameter in options.items() if not getattr(parameter, "is_flag", True)}
        before = ["", *args]
        return [
            f" {arg}" if QUESTION.match(arg) and arg.partition("=")[0] not in options and last not in taking else arg
            for arg, last in zip(args, before, strict=False)
        ]


def _refused(error: OSError) -> errors.UsageError:
    """The error for a file or folder that the system refuses, such as one with a name that is too long."""
    return errors.UsageError(
        f"{str(error.filename)[:MAX_SHOWN]} cannot be used.",
        f"The system says: {error.strerror or type(error).__name__}.",
        "check its name, and whether you may read it.",
    )


def _reported(error: errors.GradschoolError) -> typer.Exit:
    """Print an error; returns the exception that ends the program with its exit code."""
    say(err, escape(one_line(error.what)), style="red")
    for line in (error.why, error.fix and f"What to do: {error.fix}"):
        if line:
            say(err, escape(line))
    if count := len(error.issues):
        found = "1 issue was found" if count == 1 else f"{count} issues were found"
        say(err, f"Before this, {found} in the examples; `check` with its option --issues lists them in a file.")
    return typer.Exit(error.exit_code)


def write_issues(path: Path | None, issues: Iterable[Any]) -> None:
    """Write issues or warnings to a file that the user names, one per line."""
    from gradschool.files import write_text

    if path:
        write_text(path, "".join(f"{visible(' '.join(str(issue).split()))}\n" for issue in issues))


def interrupted(fix: str = "") -> typer.Exit:
    """Report Ctrl-C and what continues the work; returns the exception that ends the program."""
    say(err, "Interrupted." + (f" Finished work is saved. What to do: {escape(fix)}" if fix else ""))
    return typer.Exit(errors.EXIT_INTERRUPTED)


def with_settings(function: Callable[..., None]) -> Callable[..., None]:
    """Add an option for each setting in settings.py to a command, which receives them as `overrides`.

    Its --help shows those that most jobs need, and its --help-all shows all.
    """
    known = {keyword_of(option.path): option for option in options()}

    @functools.wraps(function)
    def collecting(*args: Any, **kwargs: Any) -> None:
        kwargs.pop(HELP_ALL.name)
        given = {known[name]: value for name in known if (value := kwargs.pop(name)) is not None}
        function(*args, overrides={option.path: parsed(option, text) for option, text in given.items()}, **kwargs)

    own = [p for p in inspect.signature(function).parameters.values() if p.name != "overrides"]
    flags = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_annotation(option))
        for name, option in known.items()
    ]
    collecting.__signature__ = inspect.Signature([*own, *flags, HELP_ALL])  # type: ignore[attr-defined]
    collecting.__annotations__ = {p.name: p.annotation for p in (*own, *flags, HELP_ALL)}
    return collecting


def _show_all_options(ctx: typer.Context, asked: bool) -> None:
    if asked:
        full = copy.copy(ctx.command)
        full.params = [copy.copy(parameter) for parameter in full.params]
        for parameter in full.params:
            if isinstance(parameter, TyperOption):
                parameter.hidden = False
        typer.echo(full.get_help(ctx))
        raise typer.Exit


HELP_ALL = inspect.Parameter(
    "help_all",
    inspect.Parameter.KEYWORD_ONLY,
    default=False,
    annotation=Annotated[
        bool,
        typer.Option(
            "--help-all",
            help="Show the options for all settings of job.toml and exit.",
            is_eager=True,
            callback=_show_all_options,
        ),
    ],
)


def _annotation(option: Option) -> Any:
    default = "" if option.default in (None, "", ()) else f" [dim]\\[{shown(option.default)}][/]"
    unit = f" ({option.unit})" if option.unit else ""
    table = option.path.rpartition(".")[0]
    panel = f"job.toml: \\[{table}]" if table else "job.toml"
    hidden = option.path not in MAIN
    metavar = option.type.upper().replace(" ", "-") if len(option.type) < 15 else "TEXT"
    if option.default is False:  # a flag without a value
        return Annotated[
            bool | None,
            typer.Option(
                option.flag, help=escape(option.help), rich_help_panel=panel, show_default=False, hidden=hidden
            ),
        ]
    return Annotated[
        str | None,
        typer.Option(
            option.flag,
            help=escape(option.help) + unit + default,
            rich_help_panel=panel,
            metavar=metavar,
            hidden=hidden,
        ),
    ]


def parsed(option: Option, text: str | bool) -> Any:
    """The value of an option: lists are separated by commas, other values are written as in job.toml without quotes.

    The bases of a list are too; the name of a folder or file may have commas.
    """
    if not isinstance(text, str) or not (option.type.startswith("list") or option.path == "base_model"):
        return text
    if option.path == "base_model" and ("," not in text or os.path.lexists(text)):
        return text
    return [part.strip() for part in text.split(",") if part.strip()]

"""The commands `settings` and `version`."""

from typing import Annotated

import typer
from rich.markup import escape

from gradschool.cli.app import AsJson, command, out, print_json
from gradschool.cli.lines import say
from gradschool.settings import Option, options, settings_markdown, shown
from gradschool.version import __version__


@command
def settings(
    markdown: Annotated[bool, typer.Option("--markdown", help="print the page docs/settings.md")] = False,
    as_json: AsJson = False,
) -> None:
    """List every setting with its type, default and meaning."""
    if markdown:
        typer.echo(settings_markdown(), nl=False)
        return
    if as_json:
        print_json(list(options()), list[Option])
        return
    for option in options():
        default = "none" if option.default in (None, "", ()) else shown(option.default)
        about = ", ".join(part for part in (option.type, option.unit) if part)
        say(out, f"[bold]{escape(option.path)}[/] = {escape(default)}  [dim]{escape(about)}; {option.flag}[/]")
        say(out, f"    {escape(option.help)}")


@command
def version() -> None:
    """Print the version."""
    out.print(__version__, highlight=False)

"""The commands `settings` and `version`."""

from typing import Annotated

import typer
from rich.markup import escape

from gradschool.cli.app import command, out
from gradschool.settings import options, settings_markdown, shown
from gradschool.version import __version__


@command
def settings(
    markdown: Annotated[bool, typer.Option("--markdown", help="print the page docs/settings.md")] = False,
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
    """Print the version."""
    out.print(__version__, highlight=False)

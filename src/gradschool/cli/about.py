"""The commands `settings` and `version`."""

from typing import Annotated

import typer
from rich.markup import escape

from gradschool.cli.app import AsJson, command, out, print_json
from gradschool.cli.lines import say
from gradschool.options import Option, options, rule_keys, shown
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
        print_json([*options(), *rule_keys()], list[Option])
        return
    for option in (*options(), *rule_keys()):
        default = "none" if option.default in (None, "", ()) else shown(option.default)
        about = ", ".join(part for part in (option.type, option.unit) if part)
        about += f"; {option.flag or 'in job.toml only'}"
        say(out, f"[bold]{escape(option.path)}[/] = {escape(default)}  [dim]{escape(about)}[/]")
        say(out, f"    {escape(option.help)}")


@command
def version() -> None:
    """Print the version."""
    out.print(__version__, highlight=False)


def settings_markdown() -> str:
    """docs/settings.md: a table of every setting."""
    lines = ["# Settings", "", "Written by `gradschool settings --markdown`; do not edit by hand.", ""]
    lines += ["Set an option in `job.toml` under its table, or pass its flag to `climb` or `check`.", ""]
    table = None
    for option in options():
        section = option.path.rpartition(".")[0]
        if section != table:
            table = section
            heading = f"## [{table}]" if table else "## Top level"
            lines += ["", heading, "", "| key | flag | type | default | meaning |", "| --- | --- | --- | --- | --- |"]
        default = "" if option.default in (None, "", ()) else f"`{shown(option.default)}`"
        unit = f" ({option.unit})" if option.unit else ""
        key = option.path.rpartition(".")[2]
        kind = option.type.replace("|", "\\|")
        lines.append(f"| `{key}` | `{option.flag}` | {kind}{unit} | {default} | {option.help} |")
    lines += ["", "## [[goal.rules]]", "", "| key | meaning |", "| --- | --- |"]
    lines += [f"| `{key.path.rpartition('.')[2]}` | {key.help} |" for key in rule_keys()]
    return "\n".join(lines) + "\n"

"""The help of a command; in narrow terminals, each option has a line of its own, and its meaning is below it."""

from typing import Any

from rich.markup import escape
from typer.core import TyperArgument, TyperCommand, TyperGroup

from gradschool.cli.lines import FULL_WIDTH, PlainConsole, say, width_of

INDENT = " " * 6


class HelpfulCommand(TyperCommand):
    """A command whose help fits the terminal."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        if not _narrow_help(self, ctx):
            super().format_help(ctx, formatter)


class HelpfulGroup(TyperGroup):
    """A group of commands whose help fits the terminal."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the help."""
        if not _narrow_help(self, ctx):
            super().format_help(ctx, formatter)


def _narrow_help(command: TyperCommand | TyperGroup, ctx: Any) -> bool:
    """Print the help of a command if the terminal is narrow; returns whether it is."""
    console = PlainConsole()
    if width_of(console) >= FULL_WIDTH:
        return False
    say(console, f"{escape(command.get_usage(ctx))}\n\n{command.help or ''}")
    panels: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is None:  # hidden
            continue
        name, text = record
        meaning = getattr(parameter, "help", None) or ""  # markup; what follows it in the text is none
        usual = "Arguments" if isinstance(parameter, TyperArgument) else "Options"
        panel = getattr(parameter, "rich_help_panel", None) or usual
        panels.setdefault(panel, []).append((name, meaning + escape(text.removeprefix(meaning))))
    if isinstance(command, TyperGroup):
        commands = [(name, command.get_command(ctx, name)) for name in command.list_commands(ctx)]
        panels["Commands"] = [(name, one.help or "") for name, one in commands if one and not one.hidden]
    for panel, rows in panels.items():
        say(console, f"\n[bold]{panel}[/]")
        for name, meaning in rows:
            say(console, f"  [bold cyan]{escape(name)}[/]")
            say(console, f"{INDENT}{meaning}")
    if command.epilog:
        say(console, f"\n{command.epilog}")
    return True

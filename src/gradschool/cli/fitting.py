"""The command that estimates memory before anything is downloaded or loaded."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from gradschool.cli.app import command, out
from gradschool.job import read_job
from gradschool.records import Decoding
from gradschool.settings import Tune

if TYPE_CHECKING:
    from gradschool.model.memory import Workload

NAMES = {"answer": "answer", "lora": "LoRA", "4-bit lora": "LoRA, 4 bits", "full": "full"}
STYLES = {"yes": "green", "no": "red"}


@command
def fit(
    base: Annotated[
        str | None, typer.Argument(help="a known base, a folder or a Hub id; default: a table of all known bases")
    ] = None,
    job: Annotated[Path | None, typer.Option(help="take lengths and settings from this job")] = None,
    tokens: Annotated[int, typer.Option(min=2, help="tokens of the longest example, answer included")] = 1024,
    new_tokens: Annotated[int, typer.Option(min=1, help="tokens of the longest answer")] = Decoding().max_new_tokens,
    rank: Annotated[int, typer.Option(min=1, help="rank of the LoRA layers")] = Tune().rank,
) -> None:
    """Estimate the memory that a base needs for training and answering, here and on common GPUs."""
    from gradschool.estimate import workload_of
    from gradschool.model.memory import Workload

    workload = workload_of(read_job(job)) if job else Workload(tokens, 0, new_tokens, rank)
    if base is None:
        _show_all(workload)
    else:
        _show(base, workload)


def _show_all(workload: "Workload") -> None:
    from gradschool.estimate import config_of, devices_for, fits_of, known_bases, parameters_of
    from gradschool.model.memory import gigabytes

    table = _table("base", "size", *NAMES.values())
    for name in known_bases():
        config = config_of(name)
        parameters = parameters_of(config)
        fits = fits_of(config, workload, devices_for(parameters, cards=()))
        table.add_row(name, _billions(parameters), *(gigabytes(one.minimum) for one in fits))
    out.print(table)
    out.print(
        f"Minimum memory here, with examples of up to {workload.longest:,} tokens. "
        "`gradschool fit BASE` shows details of one base.",
        highlight=False,
    )


def _show(base: str, workload: "Workload") -> None:
    from gradschool.estimate import config_of, devices_for, fits_of, parameters_of
    from gradschool.model.memory import gigabytes

    config = config_of(base)
    parameters = parameters_of(config)
    devices = devices_for(parameters)
    out.print(
        f"[bold]{escape(base)}[/]: {_billions(parameters)} parameters; "
        f"examples of up to {workload.longest:,} tokens, answers of up to {workload.new_tokens:,}.",
        highlight=False,
    )
    table = _table("", "minimum", "comfortable", *(device.name for device in devices))
    for one in fits_of(config, workload, devices):
        verdicts = [f"[{STYLES.get(word, 'yellow')}]{word}[/]" for word in one.devices]
        table.add_row(NAMES[one.use], gigabytes(one.minimum), gigabytes(one.comfortable), *verdicts)
    out.print(table)
    kind = {"cpu": "CPU", "cuda": "GPU", "mps": "GPU"}[devices[0].kind]
    out.print(f"here: {kind}, {gigabytes(devices[0].free)} free; the other columns are GPUs.", highlight=False)
    out.print("tight: one row at a time. slowly: activations are checkpointed. 4 bits: quantized base (bitsandbytes).")


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1))
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    return table


def _billions(count: int) -> str:
    return f"{count / 1e9:.1f} B" if count >= 1e9 else f"{count / 1e6:.0f} M"

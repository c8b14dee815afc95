"""The command that estimates memory before anything is downloaded or loaded."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gradschool.cli.app import HELP, AsJson, command, out, print_json
from gradschool.cli.lines import command_line, escape, say
from gradschool.cli.rows import show_rows
from gradschool.job import read_job
from gradschool.records import Decoding
from gradschool.settings import Tune

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gradschool.estimate import BaseMemory

NAMES = {"answer": "answer", "lora": "LoRA", "4-bit lora": "LoRA,\n4 bits", "full": "full"}
STYLES = {"yes": "green", "no": "red"}


@command
def fit(
    base: Annotated[
        str | None,
        typer.Argument(help="a known base, a folder or a Hub id, or a list with commas; default: all known bases"),
    ] = None,
    job: Annotated[Path | None, typer.Option(help="take lengths and settings from this job")] = None,
    tokens: Annotated[int, typer.Option(min=2, help="tokens of the longest example, answer included")] = 1024,
    new_tokens: Annotated[int, typer.Option(min=1, help="tokens of the longest answer")] = Decoding().max_new_tokens,
    rank: Annotated[int, typer.Option(min=1, help=HELP["tune.rank"])] = Tune().rank,
    as_json: AsJson = False,
) -> None:
    """Estimate the memory that a base needs for training and answering, here and on common GPUs."""
    from gradschool.estimate import BaseMemory, base_memory, known_bases, workload_of
    from gradschool.model.memory import Workload

    workload = workload_of(read_job(job)) if job else Workload(tokens, 0, new_tokens, rank)
    if base is None:
        bases = [base_memory(name, workload, cards=(), timed=False) for name in known_bases()]
    else:
        named = [base] if Path(base).exists() else [name.strip() for name in base.split(",") if name.strip()]
        bases = [base_memory(name, workload) for name in named]
    if as_json:
        print_json(bases, list[BaseMemory])
    elif base is None:
        _show_all(bases)
    else:
        for one in bases:
            _show(one)


def _show_all(bases: "Sequence[BaseMemory]") -> None:
    from gradschool.environment import gigabytes

    rows = [(one.base, _billions(one.parameters), *(gigabytes(use.minimum) for use in one.uses)) for one in bases]
    show_rows(out, ("base", "size", *NAMES.values()), rows)
    say(
        out,
        f"Minimum memory here, with examples of up to {bases[0].workload.longest:,} tokens. "
        f"`{command_line(out, 'gradschool', 'fit', bases[0].base)}` shows details of one base.",
    )


def _show(one: "BaseMemory") -> None:
    from gradschool.environment import duration, gigabytes
    from gradschool.estimate import EXAMPLES

    say(
        out,
        f"[bold]{escape(one.base)}[/]: {_billions(one.parameters)} parameters; "
        f"examples of up to {one.workload.longest:,} tokens, answers of up to {one.workload.new_tokens:,}.",
    )
    rows = [
        ("minimum", *(gigabytes(use.minimum) for use in one.uses)),
        ("comfortable", *(gigabytes(use.comfortable) for use in one.uses)),
    ]
    times = [duration(use.seconds) if use.seconds else "" for use in one.uses]
    rows.append((f"{EXAMPLES} examples", *times))
    for number, device in enumerate(one.devices):
        words = [use.devices[number] for use in one.uses]
        rows.append((device, *(f"[{STYLES.get(word, 'yellow')}]{word}[/]" for word in words)))
    show_rows(out, ("", *(NAMES[use.use] for use in one.uses)), rows)
    kind = {"cpu": "CPU", "cuda": "GPU", "mps": "GPU"}[one.kind]
    say(out, f"here: {kind}, {gigabytes(one.free)} free; the other devices are GPUs.")
    say(out, f"{EXAMPLES} examples: the time of one pass over as many of the longest, about, here.")
    say(out, "tight: one row at a time. slowly: activations are checkpointed. 4 bits: quantized base (bitsandbytes).")


def _billions(count: int) -> str:
    return f"{count / 1e9:.1f} B" if count >= 0.9995e9 else f"{count / 1e6:.0f} M"

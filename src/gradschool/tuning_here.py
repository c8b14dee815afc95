"""Whether each base on this machine can be tuned here, in how much memory and time: estimates of `fit`, remembered.

An estimate imports torch, and may time some layers of the base to know the number format that a run would choose; once
it is known, a list needs neither.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from gradschool.environment import FLOAT32_SHARE, free_memory
from gradschool.errors import GradschoolError
from gradschool.model.installed import InstalledBase
from gradschool.records import Progress, Work
from gradschool.remembered import Remembered
from gradschool.version import __version__

LONGEST = 1024  # tokens of the longest example, as `fit` assumes


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a LoRA training of a base takes: bytes at minimum, the free bytes with which it is possible, and seconds.

    `state` is that of the files and of the machine for which it was made; `kind` is the device.
    """

    state: str
    kind: str
    minimum: int
    free: int
    seconds: float
    problem: str = ""


ESTIMATES: Remembered[dict[str, Estimate]] = Remembered(
    "tuning.json",  # estimates by the paths of bases
    TypeAdapter(dict[str, Estimate]),
    {},
    "the memory that bases need then has to be estimated once more",
)


def with_tuning(bases: Sequence[InstalledBase]) -> Work[list[InstalledBase]]:
    """Bases with whether they can be tuned here; those that are not known yet are estimated now."""
    known = _remembered()
    usable = [one for one in bases if not one.problem and one.path]
    new: dict[str, Estimate] = {}
    for done, base in enumerate(usable):
        estimate = known.get(base.path)
        if estimate is None or estimate.state != _state(base) or not _is_possible(estimate):
            yield Progress("estimating memory", done, len(usable), "bases")
            new[base.path] = _estimated(base)
    if new:
        yield Progress("estimating memory", len(usable), len(usable), "bases")
        _remember(new)
    return [_with(base, new.get(base.path) or known.get(base.path)) for base in bases]


def _with(base: InstalledBase, estimate: Estimate | None) -> InstalledBase:
    if base.problem or estimate is None:
        return base
    if estimate.problem:
        return replace(base, problem=estimate.problem)
    return replace(
        base,
        tunable=_is_possible(estimate),
        tuning_bytes=estimate.minimum,
        tuning_seconds=estimate.seconds,
    )


def _is_possible(estimate: Estimate) -> bool:
    """Whether the free memory is enough now; for a GPU, it was when the estimate was made."""
    return not estimate.problem and (estimate.kind != "cpu" or free_memory() >= estimate.free)


def _state(base: InstalledBase) -> str:
    """What an estimate depends on; a CPU may choose the wider number format only if memory is plenty."""
    path = Path(base.path)
    file = path / "config.json" if path.is_dir() else path
    try:
        changed = file.stat().st_mtime_ns
    except OSError:
        changed = 0
    plenty = 4 * base.parameters <= FLOAT32_SHARE * free_memory()
    return f"{__version__} {base.bytes} {changed} {plenty}"


def _estimated(base: InstalledBase) -> Estimate:
    from gradschool.estimate import base_memory, free_for_training
    from gradschool.model.memory import Workload

    state = _state(base)
    try:
        memory = base_memory(base.path, Workload(LONGEST), cards=(), methods=("lora",))
    except GradschoolError as error:
        return Estimate(state, "", 0, 0, 0.0, f"{error.what} {error.why}".strip())
    lora = next(use for use in memory.uses if use.use == "lora")
    possible = lora.devices[0] != "no"
    free = free_for_training(lora.minimum) if memory.kind == "cpu" or possible else 0
    return Estimate(state, memory.kind, lora.minimum, free, lora.seconds, "")


def _remembered() -> dict[str, Estimate]:
    try:
        return ESTIMATES.read()
    except GradschoolError:  # nothing can be remembered here, or the file is damaged and is written anew
        return {}


def _remember(new: dict[str, Estimate]) -> None:
    try:
        ESTIMATES.change(lambda known: {**known, **new})
    except GradschoolError:  # it is estimated again next time
        return

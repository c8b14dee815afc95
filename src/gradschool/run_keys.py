"""What the steps of a run save: the name of each value and its type, and the names of trainings."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from gradschool.records import BaseIdentity, ComparedBase, NumberFormat, RungResult, Split

T = TypeVar("T")
CLIMB = "climbed"  # the name of a climb's saved result, whose record belongs to climbing.py
RESULT = "-result"  # after the name of a rung: its result
FINAL, CURVES = "training", "curve-"  # names of trainings: the one that the rung proposes; of a learning curve


@dataclass(frozen=True)
class Key(Generic[T]):
    """The name of a saved value, and its type as pydantic's TypeAdapter takes it (a class, a union, a generic)."""

    name: str
    type: Any


# Values that every run saves. Keys of values whose records belong to higher layers are next to these records.
SPLIT: Key[Split] = Key("split", Split)
INPUTS: Key[dict[str, str]] = Key("inputs", dict[str, str])  # hashes of guidelines and metric files
DOCUMENTS: Key[dict[str, str]] = Key("documents", dict[str, str])  # hash of the documents, once they are indexed
ENGINE: Key[BaseIdentity] = Key("engine", BaseIdentity)
BASES: Key[tuple[ComparedBase, ...]] = Key("bases", tuple[ComparedBase, ...])  # if the job names several
FORMAT: Key[NumberFormat] = Key("format", NumberFormat)  # that a local base answers in
TRAINING_FORMAT: Key[NumberFormat] = Key("tune-format", NumberFormat)
PACKAGE: Key[str] = Key("package", str)  # folder of the packaged specialist


def result_key(rung: str) -> Key[RungResult]:
    """The key of a rung's result on the test examples."""
    return Key(f"{rung}{RESULT}", RungResult)


def curve_name(count: int) -> str:
    """The beginning of the names of what a learning curve trains on `count` examples."""
    return f"{CURVES}{count}"


def curve_count(training: str) -> int | None:
    """The number of examples of a training, by its name, if it belongs to a learning curve."""
    number = training.removeprefix(CURVES).partition("-")[0]
    return int(number) if training.startswith(CURVES) and number.isdecimal() else None

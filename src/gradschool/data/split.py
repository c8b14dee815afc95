"""Which examples are learnt from, chosen on and judged on: frozen, and without a way for answers to leak across."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from gradschool.data.components import components
from gradschool.data.labels import classes
from gradschool.data.sizing import Sizes, sizes
from gradschool.errors import DataError
from gradschool.files import sha256_of
from gradschool.records import Example, Split
from gradschool.settings import Goal, SplitSettings

PARTS = ("train", "test", "validation")  # in the order in which a tie is decided
OVERFULL = 1.25  # how much of its share a part may get by time
MIN_UNITS = 3  # one for each part
# A group fills at most this share of the test, or the next one where groups are larger: the bounds of a score are
# taken over groups, and one that outweighs the others would leave them wide apart.
LARGEST_SHARES, CHOICE = (0.1, 0.2, 0.4), 1.25  # small enough must be so many examples, in sizes of the test
MIN_TEST = 10  # examples; a test that groups push below half of this (or of what is planned) is refused


@dataclass(frozen=True, slots=True)
class _Unit:
    """Examples that must stay together, with a key drawn from contents alone."""

    key: str
    label: str
    ids: tuple[str, ...]
    time: float = 0.0  # of its latest example, seconds since 1970


def freeze_split(
    examples: Sequence[Example], split: SplitSettings, goal: Goal, near: Sequence[Sequence[str]], looks: int
) -> Split:
    """Divide examples into train, validation and test, so that no group and no near-duplicates stand on two sides.

    Examples that share a group or a cluster of `near` (ids, from `near_duplicates`) stay together, also through
    others. The order is drawn from a hash of the contents and the seed: it does not depend on the file's order. Where
    answers are classes, each part gets its share of each class. `looks` is how often the test set will be opened.

    By time, the units whose last example is latest are the test, and those before them validation: nothing that is
    learnt is later than any unit of the test ends. Units without a date are learnt.

    Raises DataError for under 12 examples, for one answer only, where groups leave too little to judge on, and by time
    where dates are missing.
    """
    units = _units(examples, near, split.seed) if examples else []
    size = sizes(len(examples), len(units), split, goal, looks)
    answers = {example.ideal.strip() for example in examples}
    if len(answers) == 1:
        raise DataError(
            f"All {len(examples)} ideal answers are the same: {answers.pop()[:60]!r}.",
            "With one class only there is nothing to learn, and any score would be meaningless.",
            "add examples with other answers, or check that data.output_column names the right column.",
        )
    if len(units) < MIN_UNITS:
        raise _too_few_units(examples, units)
    if split.by == "time":
        parts = _assign_by_time(_dated(units, examples), size)
    else:
        parts = _assign(units, size)
        _keep_classes(parts)
    ids = {part: _in_drawn_order(parts[part]) for part in PARTS}
    if 2 * len(ids["test"]) < min(MIN_TEST, size.test):
        raise _too_few_units(examples, units)
    frozen = Split(ids["train"], ids["validation"], ids["test"], "")
    return Split(frozen.train, frozen.validation, frozen.test, _hash(examples, frozen))


def split_of(examples: Sequence[Example], split: Split) -> tuple[list[Example], list[Example], list[Example]]:
    """The examples of each part: train, validation, test."""
    by_id = {example.id: example for example in examples}
    train, validation, test = (
        [by_id[id_] for id_ in part if id_ in by_id] for part in (split.train, split.validation, split.test)
    )
    return train, validation, test


def verify_split(examples: Sequence[Example], split: Split) -> None:
    """Raise DataError where the examples are no longer those that were divided: their scores could not be compared."""
    if _hash(examples, split) == split.hash:
        return
    divided, present = {*split.train, *split.validation, *split.test}, {example.id for example in examples}
    gone, new = len(divided - present), len(present - divided)
    raise DataError(
        "The examples changed since they were divided into train, validation and test.",
        f"{gone} are gone and {new} are new."
        if gone or new
        else "The ids are the same, but a text or the split is not.",
        "start a new climb with the changed examples, or put the old file back and go on.",
    )


def _content(example: Example) -> list[list[str]]:
    return [[message.role, message.content] for message in example.messages]


def _hash(examples: Sequence[Example], split: Split) -> str:
    contents = {example.id: _content(example) for example in examples}
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    known = {name: [[id_, contents.get(id_)] for id_ in sorted(ids)] for name, ids in parts.items()}
    extra = sorted(contents.keys() - {*split.train, *split.validation, *split.test})
    return sha256_of([known, extra])


def _units(examples: Sequence[Example], near: Sequence[Sequence[str]], seed: int) -> list[_Unit]:
    """Connected components over examples, their groups and their clusters of near-duplicates."""
    place = {example.id: position for position, example in enumerate(examples)}
    links: list[tuple[int, int]] = []
    first_of: dict[str, int] = {}
    for position, example in enumerate(examples):
        links.append((first_of.setdefault(example.group, position), position))
    for cluster in near:
        known = [place[id_] for id_ in cluster if id_ in place]
        links += [(known[0], other) for other in known[1:]]
    component = components(len(place), links)
    members: defaultdict[int, list[tuple[str, str, str]]] = defaultdict(list)
    labelled = classes(examples) is not None
    for number, example in zip(component.tolist(), examples, strict=True):
        label = example.ideal.strip() if labelled else ""
        members[number].append((sha256_of([seed, _content(example)]), example.id, label))
    units = []
    for member in map(sorted, members.values()):
        units.append(_Unit(member[0][0], member[0][2], tuple(id_ for _, id_, _ in member)))
    # Sorted by class, size, then chance: dealt in this order, each part gets its share of classes and of large groups.
    return sorted(units, key=lambda unit: (unit.label, -len(unit.ids), unit.key, unit.ids))


def _assign(units: Sequence[_Unit], size: Sizes) -> dict[str, list[_Unit]]:
    """Deal units in order, each to the part that lacks most of its share and has room; oversized ones go to train."""
    largest = _largest_judged([len(unit.ids) for unit in units], size.test)
    target = {"test": size.test, "validation": size.validation, "train": size.train}
    filled = dict.fromkeys(PARTS, 0)
    parts: dict[str, list[_Unit]] = {part: [] for part in PARTS}
    for unit in units:
        judged = len(unit.ids) <= largest
        fits = [part for part in PARTS if filled[part] + len(unit.ids) <= target[part]]
        room = [part for part in fits if judged or part != "test"] or ["train"]
        part = max(room, key=lambda name: (target[name] - filled[name]) / target[name])
        parts[part].append(unit)
        filled[part] += len(unit.ids)
    for part in PARTS:
        if not parts[part]:
            giver = max(PARTS, key=lambda name: len(parts[name]))
            _move(parts, giver, part, min(parts[giver], key=lambda unit: len(unit.ids)))
    return parts


def _largest_judged(sizes: Sequence[int], test: int) -> int:
    """The largest unit that may stand in a test of so many examples; larger ones are learnt from."""
    for share in LARGEST_SHARES:
        largest = max(1, int(share * test))
        if sum(size for size in sizes if size <= largest) >= CHOICE * test:
            return largest
    return test


def _dated(units: Sequence[_Unit], examples: Sequence[Example]) -> list[_Unit]:
    """The units with their time; raises DataError where fewer than half of the examples have a date."""
    times = {example.id: seconds(example.date) for example in examples}
    known = sum(time is not None for time in times.values())
    if known * 2 < len(examples):
        raise DataError(
            f"split.by = 'time', but {len(examples) - known} of {len(examples)} examples have no date.",
            "A date is ISO 8601 (2019-05-03, with or without a time), under the key `date` or data.date_column.",
            "add dates, name the column with data.date_column, or divide by chance (split.by = 'chance').",
        )
    return [replace(unit, time=max((times[id_] or 0.0 for id_ in unit.ids), default=0.0)) for unit in units]


def seconds(date: str) -> float | None:
    """A date in ISO 8601 as seconds since 1970, in UTC where it names no zone; None where it is none."""
    try:
        moment = datetime.fromisoformat(date.strip())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _assign_by_time(units: Sequence[_Unit], size: Sizes) -> dict[str, list[_Unit]]:
    """The latest units to the test until it is full, then to validation; what is too large for its room is learnt."""
    parts: dict[str, list[_Unit]] = {part: [] for part in PARTS}
    target = {"test": size.test, "validation": size.validation}
    filled = dict.fromkeys(PARTS, 0)
    waiting = sorted(units, key=lambda unit: (-unit.time, unit.key, unit.ids))
    for unit in waiting:
        part = next((name for name in ("test", "validation") if filled[name] < target[name]), "train")
        # A unit may overfill a part by a quarter, so that the order of time is kept; one that is larger is learnt.
        if part != "train" and filled[part] + len(unit.ids) > max(OVERFULL * target[part], target[part] + 1):
            part = "train"
        parts[part].append(unit)
        filled[part] += len(unit.ids)
    for part in PARTS:
        if not parts[part]:
            giver = max(PARTS, key=lambda name: len(parts[name]))
            _move(parts, giver, part, min(parts[giver], key=lambda unit: (unit.time, unit.key)))
    return parts


def _keep_classes(parts: dict[str, list[_Unit]]) -> None:
    """A class with three units or more must be learnt, whatever the deal did."""
    learnt = {unit.label for unit in parts["train"]}
    held_out: defaultdict[str, list[tuple[str, _Unit]]] = defaultdict(list)
    for part in ("validation", "test"):
        for unit in parts[part]:
            held_out[unit.label].append((part, unit))
    for label, places in held_out.items():
        if label not in learnt and len(places) >= MIN_UNITS:
            part, unit = next(((p, u) for p, u in places if len(parts[p]) > 1), places[0])
            _move(parts, part, "train", unit)


def _in_drawn_order(units: Sequence[_Unit]) -> tuple[str, ...]:
    """Ids without the order of dealing: whoever takes the first few must not get one class alone."""
    return tuple(id_ for unit in sorted(units, key=lambda unit: (unit.key, unit.ids)) for id_ in unit.ids)


def _move(parts: dict[str, list[_Unit]], giver: str, taker: str, unit: _Unit) -> None:
    parts[giver].remove(unit)
    parts[taker].append(unit)


def _too_few_units(examples: Sequence[Example], units: Sequence[_Unit]) -> DataError:
    largest = max(len(unit.ids) for unit in units)
    together = f"{largest} of {len(examples)} examples belong together (one group, or nearly the same questions)"
    return DataError(
        f"The examples cannot be divided: {together}.",
        f"What belongs together stays on one side, and only {len(units)} such unit{'s' * (len(units) > 1)} "
        f"exist{'s' * (len(units) == 1)}; otherwise the test would ask what was learnt by heart.",
        "check data.group_column (it should name the document or customer, not a constant), "
        "raise data.near_duplicate if the questions do differ, or add examples from elsewhere.",
    )

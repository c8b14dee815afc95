"""Split examples into train, validation and test; groups and near-duplicates stay on one side."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from gradschool.data.components import Nodes, components
from gradschool.data.labels import classes
from gradschool.data.normalize import as_typed
from gradschool.data.power import best_cap
from gradschool.data.proof import look_level
from gradschool.data.sizing import Sizes, sizes
from gradschool.errors import DataError, UsageError
from gradschool.files import sha256_of
from gradschool.records import Example, Split
from gradschool.settings import Goal, SplitSettings

PARTS = ("train", "test", "validation")  # in the order that decides ties
OVERFULL = 1.25  # how far a part may exceed its size in a split by time
MIN_UNITS = 3  # one per part
# A group fills at most this fraction of the test set, or the next if groups are larger: confidence bounds are computed
# over groups, and one that outweighs the others would make them wide.
MAX_FRACTIONS, CHOICE = (0.1, 0.2, 0.4), 1.25  # small groups must have so many examples, in multiples of the test size
NOTED = 0.1  # how far a part is from its planned size, as a fraction of the test size, before the reason names groups
MIN_TEST = 10  # examples; a test set below half of this (or of its planned size) is an error


@dataclass(frozen=True, slots=True)
class _Unit:
    """Examples that must stay together, with a sort key that depends only on their contents."""

    key: str
    label: str
    ids: tuple[str, ...]
    time: float = 0.0  # of its latest example, seconds since 1970
    used: bool = False  # in an earlier test


def freeze_split(
    examples: Sequence[Example],
    split: SplitSettings,
    goal: Goal,
    near: Sequence[Sequence[str]],
    looks: int,
    used: Collection[str] = (),
) -> Split:
    """Split examples into train, validation and test, such that no group and no near-duplicates are in two parts.

    Examples that share a group or a cluster of `near` (ids, from `near_duplicates`) stay together, transitively. The
    order comes from a hash of contents and seed, not from file order. If the answers are class labels, the split is
    stratified. `looks` is how many evaluations on the test set are planned. Where large groups would make the bounds
    wide, only some examples of each test group are tested (see `best_cap`), and the others are left out. Examples whose
    ids are in `used` are not tested, nor are those that must stay with them.

    In a split by time, the units with the latest last example are the test set, and those before them validation: no
    training example is later than the end of any test unit. Units without a date go to train.

    Raises DataError for fewer than 12 examples, for a single answer, if groups or `used` leave too few test examples,
    and for a split by time if dates are missing.
    """
    units = _units(examples, near, split.seed, frozenset(used)) if examples else []
    size = sizes(len(examples), len(units), split, goal, looks)
    answers = {as_typed(example.ideal).strip() for example in examples}
    if len(answers) == 1:
        raise DataError(
            f"All {len(examples)} ideal answers are the same: {answers.pop()[:60]!r}.",
            "With a single class there is nothing to train on, and any score is meaningless.",
            "add examples with other answers, or check that data.output_column names the right column.",
        )
    if len(units) < MIN_UNITS:
        raise _too_few_units(examples, units)
    _demand_fresh(units, size, split)
    if split.by == "time":
        parts = _assign_by_time(_dated(units, examples), size)
    else:
        parts = _assign(units, size)
        _keep_classes(parts)
    ids = {part: _in_hash_order(parts[part]) for part in PARTS}
    if 2 * len(ids["test"]) < min(MIN_TEST, size.test):
        raise _too_few_units(examples, units)
    clusters = tuple(tuple(cluster) for cluster in near)
    reason, cap = _reason(units, size, ids), _cap(parts["test"], goal, looks)
    tested = _in_hash_order([replace(unit, ids=unit.ids[: cap or None]) for unit in parts["test"]])
    known = frozenset(tested)
    left_out = tuple(id_ for id_ in ids["test"] if id_ not in known)
    frozen = Split(ids["train"], ids["validation"], tested, "", reason, clusters, cap, left_out)
    return replace(frozen, hash=_hash(examples, frozen))


def _cap(units: Sequence[_Unit], goal: Goal, looks: int) -> int:
    """How many examples of each test unit to test; 0: all of them."""
    if goal.pass_mark is None:
        return 0
    return best_cap([len(unit.ids) for unit in units], goal.pass_mark, look_level(goal.error_budget, max(looks, 1)))


def _reason(units: Sequence[_Unit], size: Sizes, ids: Mapping[str, Sequence[str]]) -> str:
    """Why the parts have these sizes, and which groups kept them from the planned sizes."""
    off = max(abs(len(ids["test"]) - size.test), abs(len(ids["validation"]) - size.validation))
    examples, largest = sum(map(len, ids.values())), max(len(unit.ids) for unit in units)
    if largest == 1 or off < max(2, NOTED * size.test):
        return size.reason
    return (
        f"{size.reason}; and groups and near-duplicates stay together: {len(units)} units, the largest of {largest} "
        f"examples, so that not {size.train}, {size.validation} and {size.test} of the {examples} are in the parts"
    )


def split_of(examples: Sequence[Example], split: Split) -> tuple[list[Example], list[Example], list[Example]]:
    """The examples of each part: train, validation, test.

    In validation and test the group of an example is its unit, because bounds count what is independent.
    """
    by_id = {example.id: example for example in examples}
    unit_of = {example.id: example for example in as_units(examples, split.near)}
    train = [by_id[id_] for id_ in split.train if id_ in by_id]
    validation, test = ([unit_of[id_] for id_ in part if id_ in by_id] for part in (split.validation, split.test))
    return train, validation, test


def as_units(examples: Sequence[Example], near: Sequence[Sequence[str]]) -> list[Example]:
    """The examples with one group for all that hang together: by their groups and by near-duplicates, transitively.

    `near` are clusters of ids. The group of a unit is that of its first example.
    """
    first = _components(examples, near).tolist()
    return [replace(one, group=examples[number].group) for number, one in zip(first, examples, strict=True)]


def verify_split(examples: Sequence[Example], split: Split) -> None:
    """Raise DataError if the examples changed since the split: scores would not be comparable."""
    if _hash(examples, split) == split.hash:
        return
    divided, present = split.ids, {example.id for example in examples}
    gone, new = len(divided - present), len(present - divided)
    raise DataError(
        "The examples changed since they were split into train, validation and test.",
        f"{gone} are gone and {new} are new."
        if gone or new
        else "The ids are the same, but a text or the split is not.",
        "start a new climb with the changed examples, or restore the old file and continue.",
    )


def _content(example: Example) -> list[list[str]]:
    return [
        [message.role, message.content, *(image.sha256 for image in message.images)] for message in example.messages
    ]


def _hash(examples: Sequence[Example], split: Split) -> str:
    contents = {example.id: _content(example) for example in examples}
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    known = {name: [[id_, contents.get(id_)] for id_ in sorted(ids)] for name, ids in parts.items()}
    extra = sorted(contents.keys() - {*split.train, *split.validation, *split.test})
    return sha256_of([known, extra])


def _units(examples: Sequence[Example], near: Sequence[Sequence[str]], seed: int, used: frozenset[str]) -> list[_Unit]:
    """Connected components of examples, linked by groups and by clusters of near-duplicates."""
    members: defaultdict[int, list[tuple[str, str, str]]] = defaultdict(list)
    labelled = classes(examples) is not None
    for number, example in zip(_components(examples, near).tolist(), examples, strict=True):
        label = example.ideal.strip() if labelled else ""
        members[number].append((sha256_of([seed, _content(example)]), example.id, label))
    units = []
    for member in map(sorted, members.values()):
        ids = tuple(id_ for _, id_, _ in member)
        units.append(_Unit(member[0][0], member[0][2], ids, used=not used.isdisjoint(ids)))
    # this order stratifies classes and spreads large groups.
    return sorted(units, key=lambda unit: (unit.label, -len(unit.ids), unit.key, unit.ids))


def _components(examples: Sequence[Example], near: Sequence[Sequence[str]]) -> Nodes:
    """The number of each example's component; examples are linked by their groups and by clusters of ids."""
    place = {example.id: position for position, example in enumerate(examples)}
    links: list[tuple[int, int]] = []
    first_of: dict[str, int] = {}
    for position, example in enumerate(examples):
        links.append((first_of.setdefault(example.group, position), position))
    for cluster in near:
        known = [place[id_] for id_ in cluster if id_ in place]
        links += [(known[0], other) for other in known[1:]]
    return components(len(place), links)


def _assign(units: Sequence[_Unit], size: Sizes) -> dict[str, list[_Unit]]:
    """Assign each unit to the part that lacks the largest fraction of its size and space; oversized ones to train."""
    fresh = [len(unit.ids) for unit in units if not unit.used]
    largest, seen = _largest_test_unit(fresh, size.test), 0
    target = {"test": size.test, "validation": size.validation, "train": size.train}
    filled = dict.fromkeys(PARTS, 0)
    parts: dict[str, list[_Unit]] = {part: [] for part in PARTS}
    for unit in units:
        judged = len(unit.ids) <= largest and not unit.used
        fits = [part for part in PARTS if filled[part] + len(unit.ids) <= target[part]]
        open_parts = [part for part in fits if judged or part != "test"] or ["train"]
        seen += 0 if unit.used else len(unit.ids)
        if sum(fresh) < sum(target.values()) and judged and filled["test"] * sum(fresh) < size.test * seen:
            open_parts = [part for part in fits if part == "test"] or open_parts
        part = max(open_parts, key=lambda name: (target[name] - filled[name]) / target[name])
        parts[part].append(unit)
        filled[part] += len(unit.ids)
    for part in PARTS:
        if not parts[part]:
            giver = max(PARTS, key=lambda name: len(parts[name]))
            _move(parts, giver, part, min(parts[giver], key=lambda unit: len(unit.ids)))
    return parts


def _largest_test_unit(sizes: Sequence[int], test: int) -> int:
    """The largest unit that may be in a test set of that size; larger ones go to train."""
    for fraction in MAX_FRACTIONS:
        largest = max(1, int(fraction * test))
        if sum(size for size in sizes if size <= largest) >= CHOICE * test:
            return largest
    return test


def _dated(units: Sequence[_Unit], examples: Sequence[Example]) -> list[_Unit]:
    """The units with their time; raises DataError if fewer than half of the examples have a date."""
    times = {example.id: seconds(example.date) for example in examples}
    known = sum(time is not None for time in times.values())
    if known * 2 < len(examples):
        raise DataError(
            f"split.by = 'time', but {len(examples) - known} of {len(examples)} examples have no date.",
            "A date is ISO 8601 (2019-05-03, with or without a time), under the key `date` or data.date_column.",
            "add dates, name the column with data.date_column, or split at random (split.by = 'chance').",
        )
    return [replace(unit, time=max((times[id_] or 0.0 for id_ in unit.ids), default=0.0)) for unit in units]


def seconds(date: str) -> float | None:
    """A date in ISO 8601 as seconds since 1970, in UTC if it has no time zone; None if it is not a date."""
    try:
        moment = datetime.fromisoformat(date.strip())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _assign_by_time(units: Sequence[_Unit], size: Sizes) -> dict[str, list[_Unit]]:
    """Assign the latest units to test until it is full, then to validation; the rest and units too large to train."""
    parts: dict[str, list[_Unit]] = {part: [] for part in PARTS}
    target = {"test": size.test, "validation": size.validation}
    limit = max(size.test + size.validation, sum(len(unit.ids) for unit in units) // 2)
    filled = dict.fromkeys(PARTS, 0)
    waiting = sorted(units, key=lambda unit: (-unit.time, unit.key, unit.ids))
    for unit in waiting:
        part = next((name for name in ("test", "validation") if filled[name] < target[name]), "train")
        # A unit may exceed the size of a part by a quarter, which keeps the order of time, but not take the half that
        # is for training; a larger one goes to train.
        held_out = filled["test"] + filled["validation"] + len(unit.ids)
        most = max(OVERFULL * target.get(part, 0), target.get(part, 0) + 1)
        if part != "train" and (filled[part] + len(unit.ids) > most or held_out > limit):
            part = "train"
        parts[part].append(unit)
        filled[part] += len(unit.ids)
    for part in PARTS:
        if not parts[part]:
            giver = max(PARTS, key=lambda name: len(parts[name]))
            _move(parts, giver, part, min(parts[giver], key=lambda unit: (unit.time, unit.key)))
    return parts


def _keep_classes(parts: dict[str, list[_Unit]]) -> None:
    """Move a unit to train for each class with three units or more that has none there."""
    trained = {unit.label for unit in parts["train"]}
    held_out: defaultdict[str, list[tuple[str, _Unit]]] = defaultdict(list)
    for part in ("validation", "test"):
        for unit in parts[part]:
            held_out[unit.label].append((part, unit))
    for label, places in held_out.items():
        if label not in trained and len(places) >= MIN_UNITS:
            part, unit = next(((p, u) for p, u in places if len(parts[p]) > 1), places[0])
            _move(parts, part, "train", unit)


def _in_hash_order(units: Sequence[_Unit]) -> tuple[str, ...]:
    """Ids in hash order: the first few must not all be of one class."""
    return tuple(id_ for unit in sorted(units, key=lambda unit: (unit.key, unit.ids)) for id_ in unit.ids)


def _move(parts: dict[str, list[_Unit]], giver: str, taker: str, unit: _Unit) -> None:
    parts[giver].remove(unit)
    parts[taker].append(unit)


def _demand_fresh(units: Sequence[_Unit], size: Sizes, split: SplitSettings) -> None:
    """Raise an error if too few units were in no earlier test; nothing happens if all were in none."""
    fresh = sum(len(unit.ids) for unit in units if not unit.used and len(unit.ids) <= size.test)
    if not any(unit.used for unit in units):
        return
    if split.by == "time":
        raise UsageError(
            "A split by time cannot take a fresh test set from the training examples.",
            "These are older than the test set, and the latest examples would be trained on.",
            "leave out --fresh-test, and add later examples.",
        )
    if fresh < size.test:
        raise DataError(
            f"There are too few examples for a fresh test set: {fresh}, and it needs {size.test}.",
            "All others were in the test set of an earlier climb, or belong to a group that was.",
            f"add {size.test - fresh} examples, lower --max-test, or leave out --fresh-test: the verdict then counts "
            "the earlier climbs.",
        )


def _too_few_units(examples: Sequence[Example], units: Sequence[_Unit]) -> DataError:
    largest = max(len(unit.ids) for unit in units)
    together = f"{largest} of {len(examples)} examples belong together (one group, or near-duplicate questions)"
    return DataError(
        f"The examples cannot be split: {together}.",
        f"Examples that belong together stay in one part, and only {len(units)} such unit{'s' * (len(units) > 1)} "
        f"exist{'s' * (len(units) == 1)}; otherwise the test set would repeat training examples.",
        "check data.group_column (it should name the document or customer, not a constant), "
        "raise data.near_duplicate if the questions do differ, or add examples from other sources.",
    )

"""The metric for answers in JSON: F1 over fields."""

import json
import math
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_matrix

from gradschool.data.normalize import as_typed, compose
from gradschool.json_text import parse_json, unfenced
from gradschool.records import Example
from gradschool.score.metric import MetricResult, Unscorable

Field: TypeAlias = tuple[tuple[str | int, ...], str, Any]  # the path of its keys, its kind, its value
# Of comparing two values, in calls of `matched`, of which a second does about 10,000. An answer may be twice as large
# as the largest ideal answer (see `work`).
MAX_WORK, ANSWER = 50_000, 2
ITEM = 0.2  # the square root of the work for two items that need no call: a list has about a thousand of them at most
MAX_DEPTH = 100


def read_json(text: str, key: Callable[[str], str] = str) -> Any:
    """Read one JSON value; a Markdown fence (```) around it is allowed, any other text before or after is not.

    `key` changes the keys of objects. Raises ValueError that says where the text is not JSON, or which key an object
    has twice: its value is ambiguous.
    """
    return parse_json(unfenced(text), _no_constant, partial(_object, key))


def fields(value: Any, *, ordered: bool = False) -> Counter[Field]:
    """Count all innermost values by their path of keys; positions in lists count only if `ordered`.

    Strings are trimmed and in one form, as `exact_match` compares them; numbers are compared as numbers (1 equals 1.0,
    but neither true nor "1"); {} and [] are values.
    """
    found: Counter[Field] = Counter()
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while waiting:  # a loop, because recursion could overflow the stack
        path, value = waiting.pop()
        if isinstance(value, dict) and value:
            waiting += (((*path, key), inner) for key, inner in value.items())
        elif isinstance(value, list) and value:
            waiting += (((*path, place if ordered else -1), inner) for place, inner in enumerate(value))
        elif isinstance(value, str):
            found[path, "text", as_typed(value).strip()] += 1
        elif isinstance(value, bool | None | dict | list):
            found[path, "constant", json.dumps(value)] += 1
        else:
            found[path, "number", value] += 1
    return found


def work(value: Any, depth: int = 0) -> float:
    """At most how many calls it takes to compare a JSON value with one of the same shape; infinite if it is too deep.

    Two values take at most the root of the product of both numbers (Cauchy and Schwarz): each pair of items of two
    lists is compared, and these numbers multiply in lists of lists.
    """
    if depth > MAX_DEPTH:
        return math.inf
    if isinstance(value, dict):
        return 1 + sum(work(inner, depth + 1) for inner in value.values())
    if not isinstance(value, list):
        return 1
    items = [item for item in value if _nested(item)]
    return 1 + sum(math.sqrt(work(item, depth + 1)) if _holds_pairs(item) else ITEM for item in items) ** 2


def matched(one: Any, other: Any) -> int:
    """The number of fields that two JSON values share, with the items of lists paired so that it is highest."""
    if isinstance(one, dict) and isinstance(other, dict) and one and other:
        return sum(matched(one[key], other[key]) for key in one.keys() & other.keys())
    if isinstance(one, list) and isinstance(other, list) and one and other:
        return _paired(one, other)
    return (fields(one) & fields(other)).total() if not _nested(one) and not _nested(other) else 0


def _paired(one: list[Any], other: list[Any]) -> int:
    """The shared fields of two lists: of equal items first, then of the best pairs of the others."""
    left, right = ([(_key(item), item) for item in items] for items in (one, other))
    equal = Counter(key for key, _ in left) & Counter(key for key, _ in right)
    shared = sum(sum(count for _, count in key) * number for key, number in equal.items())
    # Single values that are not equal share nothing.
    mine, yours = ([item for item in _without(side, equal) if _nested(item)] for side in (left, right))
    if not mine or not yours:
        return shared
    scores = _common(mine, yours)
    rows, columns = linear_sum_assignment(scores, maximize=True)
    return shared + int(scores[rows, columns].sum())


def _common(one: Sequence[Any], other: Sequence[Any]) -> NDArray[np.int64]:
    """The fields that each item shares with each of the others: (one, other)."""
    counted: list[list[Counter[Any]]] = [[Counter(fields(item)) for item in items] for items in (one, other)]
    numbers: dict[Hashable, int] = {}  # of fields; the second one of equal fields has another number
    mine, yours = (_incidence(items, numbers) for items in counted)
    size = max(1, len(numbers))
    scores = np.asarray((_matrix(mine, size) @ _matrix(yours, size).T).toarray(), dtype=np.int64)
    pairs = [np.array([_holds_pairs(item) for item in items]) for items in (one, other)]
    for row, column in np.argwhere((scores > 0) & np.logical_and.outer(*pairs)):
        scores[row, column] = matched(one[row], other[column])  # values of different items do not add up
    return scores


def _nested(value: Any) -> bool:
    return isinstance(value, dict | list) and bool(value)


def _holds_pairs(value: Any) -> bool:
    """Whether a value has a list of objects or lists, whose items must be paired; other lists are sets of values."""
    return any(-1 in path[:-1] for path, _, _ in fields(value))


def _incidence(items: Sequence[Counter[Any]], numbers: dict[Hashable, int]) -> list[list[int]]:
    """The numbers of the fields of each item."""
    return [
        [numbers.setdefault((field, again), len(numbers)) for field, count in item.items() for again in range(count)]
        for item in items
    ]


def _matrix(rows: Sequence[Sequence[int]], columns: int) -> csr_matrix:
    """A matrix with a 1 in these columns of each row."""
    ends = np.cumsum([0, *map(len, rows)])
    flat = np.array(list(chain.from_iterable(rows)), dtype=np.int64)
    return csr_matrix((np.ones(len(flat), dtype=np.int64), flat, ends), shape=(len(rows), columns))


def _key(item: Any) -> frozenset[tuple[Hashable, int]]:
    """What makes two items equal, whatever the order of their keys."""
    return frozenset(fields(item, ordered=True).items())


def _without(items: list[tuple[frozenset[tuple[Hashable, int]], Any]], equal: Counter[Any]) -> list[Any]:
    left = Counter(equal)
    rest = []
    for key, item in items:
        if left[key]:
            left[key] -= 1
        else:
            rest.append(item)
    return rest


def json_fields(answer: str, example: Example) -> MetricResult:
    """The F1 score over the JSON fields of an answer.

    A field is a path of nested keys with its value; items of a list may be in any order, but each is compared with one
    item as a whole, so that values that are swapped between items do not match. Parts: "valid JSON", and
    "exact" (all values equal, lists in order). An answer that is not JSON scores 0. An ideal answer that is not JSON is
    Unscorable, and so are values with so many objects in lists that pairing them would take too long.
    """
    ideal = read_ideal(example.ideal, str(example.source))
    try:
        answered = read_json(compose(answer), as_typed)
    except ValueError:
        return MetricResult(0.0, {"valid JSON": 0.0, "exact": 0.0})
    if work(answered) * work(ideal) > (ANSWER * MAX_WORK) ** 2:
        raise Unscorable(f"the answer has too many objects in its lists to be paired with those of {example.source}.")
    given, wanted = fields(answered), fields(ideal)
    value = 2 * matched(answered, ideal) / (given.total() + wanted.total())
    exact = fields(answered, ordered=True) == fields(ideal, ordered=True)
    return MetricResult(value, {"valid JSON": 1.0, "exact": float(exact)})


def read_ideal(text: str, source: str) -> Any:
    """The value of an ideal answer; raises Unscorable if it is not JSON, or too large to be compared with answers."""
    try:
        ideal = read_json(compose(text), as_typed)
    except ValueError as error:
        raise Unscorable(f"the ideal answer ({source}) is not JSON: {error}.") from error
    if work(ideal) > MAX_WORK:
        raise Unscorable(
            f"the ideal answer ({source}) has too many objects in its lists, or too many levels, for json_fields to "
            "pair them with those of an answer; about a thousand objects are possible."
        )
    return ideal


def _object(key: Callable[[str], str], pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object from its pairs of keys and values."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if key(name) in found:
            raise ValueError(f"the key {name!r} occurs twice in an object")
        found[key(name)] = value
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")

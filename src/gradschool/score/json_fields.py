"""The metric for answers in JSON: F1 over fields."""

import json
import re
from collections import Counter
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from gradschool.data.normalize import compose
from gradschool.files import parse_json
from gradschool.records import Example
from gradschool.score.metric import MetricResult, Unscorable
from gradschool.score.text import as_typed

MAX_PAIRED = 200  # items of a list that are paired with each other
MAX_PAIRS = 500_000  # of values in two answers; lists in lists in lists would need any number
_FENCE = re.compile(r"```[ \t]*\w*[ \t]*\r?\n(.*?)\r?\n?[ \t]*```", re.DOTALL)


def read_json(text: str, key: Callable[[str], str] = str) -> Any:
    """Read one JSON value; a Markdown fence (```) around it is allowed, any other text before or after is not.

    `key` changes the keys of objects. Raises ValueError that says where the text is not JSON, or which key an object
    has twice: its value is ambiguous.
    """
    fenced = _FENCE.fullmatch(text.strip())
    return parse_json(fenced[1] if fenced else text.strip(), _no_constant, partial(_object, key))


def fields(value: Any, *, ordered: bool = False) -> Counter[Hashable]:
    """Count all innermost values by their path of keys; positions in lists count only if `ordered`.

    Strings are trimmed and in one form, as `exact_match` compares them; numbers are compared as numbers (1 equals 1.0,
    but neither true nor "1"); {} and [] are values.
    """
    found: Counter[Hashable] = Counter()
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


def matched(one: Any, other: Any) -> int:
    """The number of fields that two JSON values share, with the items of lists paired so that it is highest."""
    try:
        return _Pairing().matched(one, other)
    except (RecursionError, TooManyPairs):
        return (fields(one) & fields(other)).total()


class TooManyPairs(Exception):
    """Pairing the items of two lists would take too long."""


class _Pairing:
    """Pairs the items of lists in two values; raises TooManyPairs after `MAX_PAIRS` of them."""

    def __init__(self) -> None:
        self._left = MAX_PAIRS

    def matched(self, one: Any, other: Any) -> int:
        self._left -= 1
        if self._left < 0:
            raise TooManyPairs
        if isinstance(one, dict) and isinstance(other, dict) and one and other:
            return sum(self.matched(one[key], other[key]) for key in one.keys() & other.keys())
        if isinstance(one, list) and isinstance(other, list) and one and other:
            return self._paired(one, other)
        return (fields(one) & fields(other)).total() if not _nested(one) and not _nested(other) else 0

    def _paired(self, one: list[Any], other: list[Any]) -> int:
        """The shared fields of two lists: of equal items first, then of the best pairs of the others."""
        left, right = ([(_key(item), item) for item in items] for items in (one, other))
        equal = Counter(key for key, _ in left) & Counter(key for key, _ in right)
        shared = sum(sum(count for _, count in key) * number for key, number in equal.items())
        rest = [_without(side, equal)[:MAX_PAIRED] for side in (left, right)]
        if not all(rest):
            return shared
        scores = np.array([[self.matched(a, b) for b in rest[1]] for a in rest[0]])
        rows, columns = linear_sum_assignment(scores, maximize=True)
        return shared + int(scores[rows, columns].sum())


def _nested(value: Any) -> bool:
    return isinstance(value, dict | list) and bool(value)


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
    "exact" (all values equal, lists in order). An answer that is not JSON scores 0; an ideal answer that is not JSON
    is Unscorable.
    """
    try:
        ideal = read_json(compose(example.ideal), as_typed)
    except ValueError as error:
        raise Unscorable(f"the ideal answer ({example.source}) is not JSON: {error}.") from error
    try:
        answered = read_json(compose(answer), as_typed)
    except ValueError:
        return MetricResult(0.0, {"valid JSON": 0.0, "exact": 0.0})
    given, wanted = fields(answered), fields(ideal)
    value = 2 * matched(answered, ideal) / (given.total() + wanted.total())
    exact = fields(answered, ordered=True) == fields(ideal, ordered=True)
    return MetricResult(value, {"valid JSON": 1.0, "exact": float(exact)})


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

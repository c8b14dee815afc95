"""JSON and TOML that others wrote, read within a depth: what is nested deeper could end the process."""

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Any

MAX_DEPTH = 200  # of values in values: functions that call themselves for each come to their end
TOO_DEEP = "it is nested too deeply"
FENCE = re.compile(r"```[ \t]*\w*[ \t]*\r?\n(.*?)\r?\n?[ \t]*```", re.DOTALL)
HALF = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")  # in JSON: perhaps one of two that make a character


def unfenced(text: str) -> str:
    """The text within the Markdown fence (```) around all of it, or the text itself; without white space around."""
    fenced = FENCE.fullmatch(text.strip())
    return (fenced[1] if fenced else text).strip()


def parse_json(
    content: str | bytes,
    parse_constant: Callable[[str], Any] | None = None,
    parse_object: Callable[[list[tuple[str, Any]]], Any] | None = None,
) -> Any:
    """The value that JSON represents; raises ValueError for what is none, or is nested too deeply.

    Half of a character (a lone surrogate), which JSON can write and no file can hold, is refused too.
    `parse_constant` is called for NaN and infinities, and `parse_object` with the pairs of each object, as by
    `json.loads`.
    """
    text = content if isinstance(content, str) else content.decode(json.detect_encoding(content))
    value = parse_any_json(text, parse_constant, parse_object)
    if HALF.search(text):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise ValueError("it holds half of a character (a lone surrogate)") from error
    return value


def parse_any_json(
    text: str,
    parse_constant: Callable[[str], Any] | None = None,
    parse_object: Callable[[list[tuple[str, Any]]], Any] | None = None,
) -> Any:
    """As `parse_json`, for readers that repair halves of characters themselves."""
    try:
        value = json.loads(text, parse_constant=parse_constant, object_pairs_hook=parse_object)
    except RecursionError as error:
        raise ValueError(TOO_DEEP) from error
    if text.count("[") + text.count("{") > MAX_DEPTH:
        demand_shallow(value)
    return value


def demand_shallow(value: Any) -> None:
    """Raise ValueError for values within values within values that are deeper than `MAX_DEPTH`."""
    level = [value] if isinstance(value, Mapping | list) else []
    for _ in range(MAX_DEPTH + 1):
        inner = (one.values() if isinstance(one, Mapping) else one for one in level)
        level = [one for part in inner for one in part if isinstance(one, Mapping | list)]
        if not level:
            return
    raise ValueError(TOO_DEEP)


def each_text(value: Any, change: Callable[[str], str], keys: bool = False) -> Any:
    """A JSON value with every string changed; the keys of objects only with `keys`."""
    if isinstance(value, Mapping):
        return {change(key) if keys else key: each_text(item, change, keys) for key, item in value.items()}
    if isinstance(value, list):
        return [each_text(item, change, keys) for item in value]
    return change(value) if isinstance(value, str) else value


def parse_toml(content: bytes) -> dict[str, Any]:
    """The table that TOML represents, in UTF-8; raises ValueError for what is none, or is nested too deeply."""
    try:
        value = tomllib.loads(content.decode("utf-8-sig"))
    except RecursionError as error:
        raise ValueError(TOO_DEEP) from error
    demand_shallow(value)
    return value

"""Parts of the values in an export: text in lists and objects, HTML, names and times."""

import html
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from gradschool.data.encoding import repair
from gradschool.data.formats import keys_by_name
from gradschool.prepare.mail.html_lines import html_lines
from gradschool.prepare.mail.lines import paragraphs
from gradschool.prepare.transcripts.stamps import MARKS

Json: TypeAlias = Mapping[str, Any]
TAG = re.compile(
    r"</?(?:p|div|br|span|a|b|i|em|strong|ul|ol|li|table|tr|td|blockquote|h[1-6]|img|pre|code|at|attachment|emoji)"
    r"\b[^<>]*/?>",
    re.IGNORECASE,
)
TEXT_KEYS = ("text", "content", "body", "value", "plain")
MAX_DEPTH = 6
NAME_KEYS = ("real_name", "display_name", "name", "nickname", "full_name")
NAME_PARTS = (("first_name", "last_name"), ("first", "last"), ("given_name", "family_name"))
OTHER_NAMES = ("username", "login", "n", "email", "id")


def text_in(value: Any, depth: int = 0) -> str:
    """The text in a value: a string, a list of strings and of objects with a text, or such an object."""
    if isinstance(value, str):
        return repair(MARKS.sub("", value))[0]
    if depth > MAX_DEPTH:
        return ""
    if isinstance(value, list):
        return "".join(text_in(part, depth + 1) for part in value)
    if isinstance(value, dict):
        return next((text for key in TEXT_KEYS if (text := text_in(value.get(key), depth + 1))), "")
    return ""


def plain_text(value: Any) -> str:
    """The text in a value, without markup if it is HTML."""
    text = text_in(value)
    if TAG.search(text):
        return paragraphs([line.text for line in html_lines(text) if line.hint != "quoted"])
    return html.unescape(text).strip() if "&" in text else text.strip()


def name_in(value: Any) -> str:
    """The name of a person: a string or number, or an object with a name."""
    if isinstance(value, dict):
        keys = keys_by_name(value)
        whole = (name_in(value[keys[word]]) for word in NAME_KEYS if word in keys)
        parts = (" ".join(_parts_of_name(value, keys, pair)) for pair in NAME_PARTS)
        rest = (name_in(value[keys[word]]) for word in OTHER_NAMES if word in keys)
        return next(filter(None, (*whole, *parts, *rest)), "")
    if isinstance(value, bool) or value is None:
        return ""
    return repair(MARKS.sub("", str(value)))[0].strip() if isinstance(value, str | int) else ""


def _parts_of_name(value: Json, keys: Mapping[str, str], pair: tuple[str, str]) -> list[str]:
    """The first and the last name; nothing if the object has no such keys."""
    return [name for word in pair if word in keys and (name := name_in(value[keys[word]]))]


def time_in(value: Any) -> float | None:
    """A time in seconds since 1970: from ISO 8601, or seconds, milliseconds or microseconds since 1970."""
    if isinstance(value, bool) or value is None or isinstance(value, dict | list):
        return None
    text = str(value).strip()
    if re.fullmatch(r"\d{9,17}(\.\d*)?", text):
        seconds = float(text)
        while seconds > 1e11:
            seconds /= 1000
        return seconds
    text = re.sub(r"\s?UTC$", "+00:00", text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def objects(value: Any) -> list[Json]:
    """The objects in a list; empty if it is none."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def is_key(value: Any, nodes: Json) -> bool:
    """Whether a value of a file names one of the nodes."""
    return isinstance(value, str) and value in nodes


def branch(nodes: Json, last: Any, parent_key: str) -> Iterator[Any]:
    """The nodes of a tree from its root to the node `last`; a cycle ends it."""
    path: list[Any] = []
    seen: set[str] = set()
    while isinstance(last, str) and last not in seen and isinstance(nodes.get(last), dict):
        seen.add(last)
        path.append(nodes[last])
        last = nodes[last].get(parent_key)
    yield from reversed(path)


def last_leaf(nodes: Json, parent_key: str) -> str | None:
    """The last node of a tree that is nobody's parent, in the order of the file."""
    parents = {str(node.get(parent_key)) for node in _values(nodes)}
    return next((key for key in reversed(list(nodes)) if isinstance(nodes[key], dict) and key not in parents), None)


def _values(nodes: Json) -> Iterable[Json]:
    return (node for node in nodes.values() if isinstance(node, dict) and not isinstance(node, list))

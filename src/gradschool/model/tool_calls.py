"""Calls of tools in an answer, parsed back from the text that a base writes."""

import json
import re
import secrets
import string
from collections.abc import Collection
from typing import Any

from gradschool.json_text import demand_shallow
from gradschool.model.tool_format import ToolFormat
from gradschool.model.tool_turns import ToolCall

ID_LENGTH = 9  # Mistral's templates take no other
BETWEEN = " \t\r\n,;"  # what is written between two calls
HALF = re.compile("[\ud800-\udfff]")


class ToolCallFilter:
    """The text of a stream that is certainly no call; what may be one is held until the end.

    `begun` is what the answer begins with before its JSON, if it was made to begin with a call: a name, or nothing.
    """

    def __init__(self, format: ToolFormat, names: Collection[str], begun: str | None = None) -> None:
        self._format, self._names, self._begun = format, names, begun
        self._held, self._calling, self._plain = "", begun is not None, False
        self._starts = format.bare  # then an answer begins with the white space that the prompt lacks

    def add(self, text: str) -> str:
        """Add text."""
        self._held += text.lstrip() if self._starts else text
        self._starts = self._starts and not self._held
        if self._calling:
            return ""
        if marker := self._format.marker:
            place = self._held.find(marker)
            self._calling = place >= 0
            certain = self._held[: place if self._calling else len(self._held) - self._possible(marker)]
            return self._release(len(certain.rstrip()))
        begun = self._held.lstrip()
        if not self._plain and not begun:
            return ""
        self._calling = not self._plain and begun.startswith(("{", "["))
        self._plain = not self._calling
        return "" if self._calling else self._release(len(self._held))

    def end(self) -> tuple[str, list[ToolCall]]:
        """The rest of the text, and the calls in it; JSON that is none, or calls another tool, is text."""
        if self._begun is not None:
            calls, _ = _call_at(self._begun + self._held, 0, self._format, self._names)
            return ("", calls) if calls else (self._held, [])
        return parse(self._held, self._format, self._names) if self._calling else (self._held, [])

    def _release(self, count: int) -> str:
        text, self._held = self._held[:count], self._held[count:]
        return text

    def _possible(self, marker: str) -> int:
        """How many characters at the end could begin a marker."""
        longest = min(len(self._held), len(marker) - 1)
        return next((n for n in range(longest, 0, -1) if self._held.endswith(marker[:n])), 0)


def parse(text: str, format: ToolFormat, names: Collection[str]) -> tuple[str, list[ToolCall]]:
    """The text of an answer without its calls, and the calls of tools with these names.

    A call that cannot be read stays in the text.
    """
    said, calls, at, marker = "", list[ToolCall](), 0, format.marker
    while (place := text.find(marker, at)) >= 0:
        found, end = _calls_at(text, place + len(marker), format, names)
        if not found:
            end = place + max(1, len(marker))
            said, at = said + text[at:end], end
            if not marker:  # a call is all of the answer
                break
            continue
        said, at = said + text[at:place].rstrip(), end
        calls += found
    return ((said + text[at:]).rstrip() if calls else text), calls


def _calls_at(text: str, at: int, format: ToolFormat, names: Collection[str]) -> tuple[list[ToolCall], int]:
    """The calls after a marker, and where the text after them begins."""
    calls, closing = list[ToolCall](), format.closing.strip().removeprefix("]").strip()
    while True:
        found, end = _call_at(text, _skip(text, at), format, names)
        if not found:
            return calls, at
        calls, at, after = calls + found, end, _skip(text, end)
        if closing and text.startswith(closing, after):
            return calls, _skip(text, after + len(closing))
        if after == len(text):
            return calls, after


def _call_at(text: str, at: int, format: ToolFormat, names: Collection[str]) -> tuple[list[ToolCall], int]:
    """The call, or the list of calls, whose JSON or name begins here, and its end; none if there is none."""
    name, separator = "", format.after_name.strip()
    if format.named:
        end_of_name = text.find(separator or "{", at)
        name = text[at:end_of_name].strip() if end_of_name >= 0 else ""
        if name not in names:
            return [], at
        at = end_of_name + len(separator)
    try:
        value, end = DECODER.raw_decode(text, _skip(text, at))
    except (ValueError, RecursionError):
        return [], at
    return _of_value(value, format, names, name), end


def _skip(text: str, at: int) -> int:
    """The position after white space, and what is written between calls."""
    while at < len(text) and text[at] in BETWEEN:
        at += 1
    return at


def _of_value(value: Any, format: ToolFormat, names: Collection[str], name: str) -> list[ToolCall]:
    """The calls that a JSON value represents: one, or a list of them; with a `name`, the value is its arguments.

    None of a list is a call unless all are.
    """
    if name:
        calls = [_call(name, value)]
    else:
        calls = [_of_object(one, format, names) for one in (value if isinstance(value, list) else [value])]
    known = [call for call in calls if call]
    return known if len(known) == len(calls) else []


def _of_object(value: Any, format: ToolFormat, names: Collection[str]) -> ToolCall | None:
    name = value.get("name") if isinstance(value, dict) else None
    if not isinstance(name, str) or name not in names:
        return None
    keys = (format.arguments, "arguments", "parameters")
    return _call(name, next((value[key] for key in keys if key in value), None))


def _call(name: str, arguments: Any) -> ToolCall | None:
    """A call with arguments that are an object, its text, or missing; None for others."""
    try:
        if isinstance(arguments, str):
            arguments = DECODER.decode(arguments)
        arguments = {} if arguments is None else arguments
        demand_shallow(arguments)
    except (ValueError, RecursionError):
        return None
    if not isinstance(arguments, dict):
        return None
    text = json.dumps(arguments, ensure_ascii=False)
    # Half of a character, which JSON can write, is in no text that can be sent.
    return ToolCall(name, json.dumps(arguments) if HALF.search(text) else text, new_id())


def new_id() -> str:
    """An id for a call."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(ID_LENGTH))


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


DECODER = json.JSONDecoder(parse_constant=_no_number)

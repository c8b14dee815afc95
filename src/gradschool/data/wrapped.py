"""Entries inside other entries: lists under a key (`{"data": […]}`), SQuAD's articles, the Hub's rows, and calls."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gradschool.data.calls import call_of
from gradschool.data.columns import detect
from gradschool.data.formats import NoConversation, is_messages, is_texts, keys_by_name, plain, value_of
from gradschool.data.rounds import rounds
from gradschool.settings import Data

WRAPPERS = ("data", "rows", "examples", "items", "records", "entries", "instances", "samples", "train", "questions")
MAX_DEPTH = 4
LANGUAGE = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z]{2,4})?")


def entries(value: Any, depth: int = 0) -> Iterator[Any]:
    """The entries in a value: a list of messages is a conversation, and an object may wrap a list of entries."""
    if isinstance(value, list):
        yield {"messages": value}
        return
    if isinstance(value, dict) and (divided := rounds(value)):
        yield from divided
        return
    if (call := call_of(value)) and (row := call.as_row(value)):
        yield row
        return
    inner = _inner(value) if isinstance(value, dict) and depth < MAX_DEPTH else None
    if inner is None:
        yield value
        return
    for entry in inner:
        yield from entries(entry, depth + 1)


def _inner(value: Mapping[str, Any]) -> list[Any] | None:
    """The entries that an object wraps; None if it is an entry itself."""
    keys = keys_by_name(value)
    if "row" in keys and isinstance(value[keys["row"]], dict) and "row_idx" in keys:
        cut = value_of(value, keys, "truncated_cells")
        names = ", ".join(map(str, cut)) if isinstance(cut, list) else ""
        return [value[keys["row"]] | ({"exclude": f"the viewer cut off {names}"} if names else {})]
    if "translation" in keys and _is_translation(value[keys["translation"]]) and not _is_entry(value):
        return [{key: value[key] for key in value if key != keys["translation"]} | value[keys["translation"]]]
    if "data" in keys and is_texts(value[keys["data"]]) and not _is_entry(value):  # UltraChat
        return [{key: value[key] for key in value if key != keys["data"]} | {"messages": value[keys["data"]]}]
    if "paragraphs" in keys and (paragraphs := _objects(value[keys["paragraphs"]])):
        title = value_of(value, keys, "title")
        group = {"group": title} if isinstance(title, str) and title else {}
        return [group | paragraph for paragraph in paragraphs]
    if "qas" in keys and "context" in keys and (asked := _objects(value[keys["qas"]])):
        shared = {key: value[key] for key in value if plain(key) in ("context", "group")}
        return [shared | question for question in asked]
    lists = [found for word in WRAPPERS if word in keys and (found := _objects(value[keys[word]]))]
    if len(lists) != 1 or _is_entry(value):
        return None
    return lists[0] if any(call_of(one) or _is_entry(one) or _inner(one) for one in lists[0][:5]) else None


def _is_entry(value: Mapping[str, Any]) -> bool:
    """Whether an object is an entry that can be read."""
    try:
        return detect(value, Data(), answered=False) is not None
    except NoConversation:
        return True


def _is_translation(value: Any) -> bool:
    """Whether a value has a text in each of some languages, as the sets of WMT and OPUS do."""
    texts = isinstance(value, dict) and len(value) > 1 and all(isinstance(text, str) for text in value.values())
    return texts and all(LANGUAGE.fullmatch(str(code)) for code in value)


def _objects(value: Any) -> list[Any]:
    """A list of objects that are not messages; [] for anything else."""
    listed = isinstance(value, list) and all(isinstance(entry, dict) for entry in value)
    return value if listed and not is_messages(value) else []

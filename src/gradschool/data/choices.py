"""Multiple choice: the choices of a row as lines after the question, and its answer as the letter of a line."""

import re
import string
from collections.abc import Mapping, Sequence
from typing import Any

from gradschool.data.formats import NoConversation, as_text, plain

OPTIONS = ("choices", "options", "answer_choices", "answer_options", "endings", "possible_answers", "multiple_choice")
OPTION = re.compile(r"(?:op|opt|option|choice|ending|sol|answer|alternative)_?([a-h]|\d)|([a-e])")
POSITION = "counts"  # the beginning of a note: answers are positions


def choices_of(row: Mapping[str, Any], keys: Sequence[str], notes: set[str]) -> list[tuple[str, str]]:
    """The choices under `keys`, each with its label; letters if the row has no labels."""
    if len(keys) > 1:
        texts = [as_text(row[key], notes) for key in keys]
        found = [OPTION.fullmatch(plain(key)) for key in keys]
        labels = [(match[1] or match[2]).upper() if match else "" for match in found]
        return list(zip(labels if all(label.isalpha() for label in labels) else letters(texts), texts, strict=True))
    value = row[keys[0]]
    if isinstance(value, dict) and isinstance(value.get("text"), list):
        texts = [as_text(text, notes) for text in value["text"]]
        given = value.get("label")
        labels = [as_text(label, notes) for label in given] if isinstance(given, list) else []
        return list(zip(labels if len(labels) == len(texts) else letters(texts), texts, strict=True))
    if isinstance(value, dict):
        return [(str(label), as_text(text, notes)) for label, text in value.items()]
    if not isinstance(value, list):
        return []  # one text: it is read unchanged
    if all(isinstance(one, dict) and "text" in one for one in value):
        texts = [as_text(one["text"], notes) for one in value]
        labels = [as_text(one.get("label", one.get("key", one.get("id"))), notes) for one in value]
        return list(zip(labels if all(labels) else letters(texts), texts, strict=True))
    texts = [as_text(one, notes) for one in value]
    return list(zip(letters(texts), texts, strict=True))


def is_choices(value: Any) -> bool:
    """Whether a value lists choices: texts, objects with a text, texts by label, or one text that lists them."""
    if isinstance(value, dict):
        return isinstance(value.get("text"), list) or (len(value) > 1 and all(len(str(label)) <= 2 for label in value))
    if isinstance(value, list):
        objects = all(isinstance(one, dict) and "text" in one for one in value)
        return bool(value) and (objects or all(isinstance(one, str | int | float) for one in value))
    return isinstance(value, str) and bool(value.strip())


def letters(texts: Sequence[str]) -> list[str]:
    """The labels A, B, C, …; numbers if there are more texts than letters."""
    if len(texts) > len(string.ascii_uppercase):
        return [str(number) for number in range(1, len(texts) + 1)]
    return list(string.ascii_uppercase[: len(texts)])


def listed(choices: Sequence[tuple[str, str]]) -> str:
    """The choices as lines."""
    return "\n".join(f"{label}. {text}" for label, text in choices)


def chosen_label(
    value: Any, choices: Sequence[tuple[str, str]], key: str, first: int, notes: set[str], keys: Sequence[str] = ()
) -> Any:
    """The answer of a row with choices: a position, or the key of a choice, becomes its label; others are returned.

    Positions count from `first`; `keys` are those of the choices. Raises NoConversation if there is no such choice.
    """
    labels = [label for label, _ in choices]
    names = [plain(name) for name in keys]
    if isinstance(value, str) and len(names) == len(labels) > 1 and plain(value) in names:
        return labels[names.index(plain(value))]
    text = as_text(value, notes).strip() if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not text or text in labels or any(text == choice for _, choice in choices) or not text.isdecimal():
        return value
    if not 0 <= int(text) - first < len(choices):
        raise NoConversation(
            f"`{key}` is {text}, but there are {len(choices)} choices, counted from {first}; write its label or text"
        )
    notes.add(f"{POSITION}: `{key}` is a position in the choices, counted from {first}, and becomes its label")
    return labels[int(text) - first]


def first_position(pairs: Sequence[tuple[Any, int]]) -> int:
    """Whether positions count from 0 or from 1, from the positions of several rows and their numbers of choices."""
    numbers = [(int(str(value)), count) for value, count in pairs if str(value).strip().isdecimal()]
    counted_from_one = any(number == count for number, count in numbers) and all(number > 0 for number, _ in numbers)
    return 1 if counted_from_one else 0

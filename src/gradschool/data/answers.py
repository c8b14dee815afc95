"""The ideal answer of a row as text, and further right answers: lists, SQuAD's, TriviaQA's, NQ's and DROP's objects."""

import ast
import math
import re
from collections.abc import Mapping
from typing import Any

from gradschool.data.column_languages import english
from gradschool.data.formats import NoConversation, as_text, keys_by_name, plain, value_of
from gradschool.json_text import parse_any_json

# Keys whose list holds several right answers; in others (`output`, `labels`), a list may be the answer itself.
ALTERNATIVES = re.compile(
    r"(.*_)?(answers?|aliases|references?|golds?|targets?|responses?|completions?|solutions?|reply|replies|ideal)"
    r"(_text)?"
)
ONLY_ANSWERS = re.compile(r"(.*_)?answers?")  # keys of questions with answers, where an unknown object is no answer
TEXT_KEYS = (
    *("text", "value", "answer", "answer_text", "input_text", "content", "response", "output", "completion", "body"),
    "body_markdown",
)
OTHERS = ("aliases", "alternatives", "other_answers", "also_correct", "synonyms", "variants")
SPANS = ("short_answers", "spans", "detected_answers", "answers", "answer")
OTHER_KEYS = {  # that may be next to the text of an answer without being part of it
    *("answer_start", "answer_end", "start", "end", "span_start", "span_end", "start_token", "end_token", "start_byte"),
    *("end_byte", "char_spans", "token_spans", "answer_id", "id", "type", "score", "provenance", "source", "url"),
    *("normalized_value", "normalized_aliases", "matched_wiki_entity_name", "normalized_matched_wiki_entity_name"),
    *("candidate_index", "meta", "metadata", "turn_id", "bad_turn", "is_impossible", "answer_type", "validated"),
    *("policy", "note", "axes", "model", "worker", "answer_starts", "worker_id", "hit_id", "rating", "confidence"),
    *(
        "language",
        "lang",
        "is_accepted",
        "accepted",
        "votes",
        "upvotes",
        "downvotes",
        "a_id",
        "author",
        "owner",
        "created",
    ),
    *("created_at", "creation_date", "pm_score", "selected", "rank"),
}
NUMPY = re.compile(r"\barray\((\[.*?\])(?:, dtype=\w+)?\)", re.DOTALL)
MAX_LITERAL = 20_000  # characters of a printed list or object in the cell of a table
STRUCTURED = "structured"  # the key of a note: an answer is trained on as JSON text


def answers_of(value: Any, key: str, notes: set[str], *, named: bool = False) -> tuple[str, ...]:
    """All right answers in a value, the ideal one first; () if it holds none.

    `named` says that the user named this column: objects in it are then answers in JSON. Other objects are understood,
    or are JSON text with a note, or (if the key promises an answer to a question) raise NoConversation.
    """
    if named and isinstance(value, dict | list):
        return (as_text(value, notes),)
    if isinstance(value, str):
        value = printed(value, key)
        if isinstance(value, str) and _is_wrapped(value, key):
            notes.add(f"{STRUCTURED}: `{key}` is text that looks like an object around the answer")
    found = _texts(value, key, notes)
    if found is None:
        if isinstance(value, dict) and ONLY_ANSWERS.fullmatch(english(key)):
            shown = ", ".join(map(str, value))[:80] or "none"
            raise NoConversation(
                f"`{key}` is an object that is not understood (its keys: {shown}); write the answer as text, or set "
                f"data.output_column = {key!r} to train on the object as JSON"
            )
        notes.add(f"{STRUCTURED}: `{key}` is {'a list' if isinstance(value, list) else 'an object'}")
        return (as_text(value, notes),)
    return tuple(dict.fromkeys(text for text in found if text.strip())) or tuple(found[:1])


def _texts(value: Any, key: str, notes: set[str]) -> list[str] | None:
    """The answers in a value; None if it is not understood."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return []
    if isinstance(value, dict):
        return _of_object(value, key, notes)
    if not isinstance(value, list):
        return [as_text(value, notes)]
    objects = [item for item in value if isinstance(item, dict)]
    if not objects and not ALTERNATIVES.fullmatch(english(key)):
        return None
    found: list[str] = []
    for item in value:
        texts = _texts(item, key, notes)
        if texts is None:
            return None
        found += texts
    return found


def _of_object(value: Mapping[str, Any], key: str, notes: set[str]) -> list[str] | None:
    keys = keys_by_name(value)
    text = next((keys[word] for word in TEXT_KEYS if word in keys), None)
    others = [keys[word] for word in OTHERS if word in keys]
    rest = set(keys) - OTHER_KEYS - set(OTHERS) - ({plain(text)} if text else set())
    if text and (not rest or (ONLY_ANSWERS.fullmatch(english(key)) and not rest & set(TEXT_KEYS))):
        parts = [_texts(value[name], "answers", notes) for name in (text, *others)]
        return None if None in parts else [one for texts in parts if texts for one in texts]
    if rest <= {"number", "date", "spans", "types", "hit_id", "worker_id"} and rest & {"number", "spans"}:
        return _of_drop({plain(name): inner for name, inner in value.items()}, notes)
    if rest and rest <= {*SPANS, "yes_no_answer", "long_answer", "long_answer_candidates"}:
        spans = [found for word in SPANS if word in keys and (found := _texts(value[keys[word]], "answers", notes))]
        yes_no = _yes_no(value_of(value, keys, "yes_no_answer"))
        return spans[0] if spans else [yes_no] if yes_no else []
    return None


def _of_drop(value: Mapping[str, Any], notes: set[str]) -> list[str]:
    """The answer in DROP's form: a number, a date, or spans that together are the answer."""
    if number := as_text(value.get("number"), notes).strip():
        return [number]
    spans = value.get("spans")
    if spans := [as_text(span, notes) for span in spans if isinstance(span, str)] if isinstance(spans, list) else []:
        return [", ".join(dict.fromkeys(spans))]
    date = value.get("date")
    parts = [as_text(date.get(part), notes) for part in ("day", "month", "year")] if isinstance(date, dict) else []
    return [" ".join(part for part in parts if part.strip())]


def _yes_no(value: Any) -> str:
    value = value[0] if isinstance(value, list) and value else value
    if value in (0, 1) and not isinstance(value, bool):
        return "yes" if value else "no"
    return value.strip().lower() if isinstance(value, str) and value.strip().lower() in ("yes", "no") else ""


def printed(text: str, key: str) -> Any:
    """The list or object that a program printed into a cell of a table; other texts unchanged."""
    start, end = text.strip()[:1], text.strip()[-1:]
    if (start, end) not in (("[", "]"), ("{", "}")) or len(text) > MAX_LITERAL:
        return text
    if not ALTERNATIVES.fullmatch(english(key)):
        return text
    try:
        value = parse_any_json(text)
    except ValueError:
        try:
            value = ast.literal_eval(NUMPY.sub(r"\1", text.strip()))
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            return text
    if isinstance(value, dict | list) and _all_texts(value) and _texts(value, key, set()):
        return value
    return text


def _is_wrapped(text: str, key: str) -> bool:
    """Whether a text is an object in JSON that holds nothing but an answer, such as `{"text": "190"}`."""
    if not text.lstrip().startswith("{") or len(text) > MAX_LITERAL:
        return False
    try:
        value = parse_any_json(text)
    except ValueError:
        return False
    return (
        isinstance(value, dict)
        and keys_by_name(value).keys() <= {*TEXT_KEYS, *OTHER_KEYS}
        and bool(_texts(value, key, set()))
    )


def _all_texts(value: dict[Any, Any] | list[Any]) -> bool:
    """Whether a value consists of answers in text, which numbers in brackets, such as "[1]", are not."""
    if isinstance(value, dict):
        return all(isinstance(key, str) for key in value)
    return bool(value) and all(isinstance(item, str) or (isinstance(item, dict) and _all_texts(item)) for item in value)

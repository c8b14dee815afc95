"""Rows with several questions and answers: as rounds of one conversation, or one by one on the same text."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gradschool.data.answers import answers_of
from gradschool.data.choices import OPTIONS
from gradschool.data.formats import NoConversation, as_text, keys_by_name, plain, value_of
from gradschool.json_text import parse_any_json

QUESTION_TEXTS = ("input_text", "question", "text", "query", "value")
SPEAKING = {  # keys that say that each question follows from the answers before it, as in CoQA and QuAC
    *("story", "turn_ids", "followups", "additional_answers", "yesnos", "background", "dialogue_id", "turn_id"),
    *("conversation_id", "dialog_id", "session_id"),
}
MATERIAL = ("story", "context", "passage", "article", "text", "document", "paragraph")
GROUPS = ("group", "id", "dialogue_id", "story_id", "title", "filename", "example_id", "article_id")


def rounds(row: Mapping[str, Any]) -> Iterator[dict[str, Any]] | None:
    """A row for each question of a row with lists of questions and answers; None for other rows."""
    if "questions" not in map(plain, row):
        return None
    keys = keys_by_name(row)
    asked = _questions(value_of(row, keys, "questions"))
    given = _answers(row, keys, len(asked))
    if not asked or len(given) != len(asked):
        return None
    texts = [row[keys[word]] for word in MATERIAL if word in keys and isinstance(row[keys[word]], str)]
    group = next((as_text(row[keys[word]], set()) for word in GROUPS if word in keys), "") or (texts or asked)[0][:200]
    speaking = bool(SPEAKING & set(keys)) or _has_turns(row[keys["questions"]])
    if speaking:
        return _conversations(asked, given, "\n\n".join(texts), group)
    listed = (row[keys[word]] for word in OPTIONS if word in keys)
    options: list[Any] = next((value for value in listed if isinstance(value, list)), [])
    return _one_by_one(row, keys, asked, given, options if len(options) == len(asked) else [], group)


def unmatched(row: Mapping[str, Any], keys: Mapping[str, str]) -> str:
    """Why the questions of a row cannot be divided; empty if the row has no list of questions with answers."""
    value = row[keys["questions"]] if "questions" in keys else None
    if not isinstance(value, list) or not value or "answers" not in keys or "question" in keys:
        return ""
    return f"has {len(value)} `{keys['questions']}`, and `{keys['answers']}` does not have an answer for each"


def conversation_of(asked: Any, given: Any) -> list[dict[str, str]] | None:
    """The messages of a list of questions and a list of answers, also as JSON text; None for other values."""
    questions, answers = _listed(asked), _listed(given)
    written = isinstance(asked, str) and isinstance(given, str)
    if not questions or len(questions) != len(answers) or not (written or len(questions) > 1):
        return None
    spoken = [text for pair in zip(questions, answers, strict=True) for text in pair]
    return [
        {"role": role, "content": text}
        for role, text in zip(("user", "assistant") * len(questions), spoken, strict=True)
    ]


def _listed(value: Any) -> list[str]:
    """A list of texts, also as JSON text; nothing of it is null."""
    if isinstance(value, str) and value.strip().startswith('["') and value.strip().endswith("]"):
        try:
            value = parse_any_json(value)
        except ValueError:
            return []
    return value if isinstance(value, list) and all(isinstance(text, str) and text for text in value) else []


def _questions(value: Any) -> list[str]:
    if not isinstance(value, list):
        return []
    texts = [_text(one, QUESTION_TEXTS) for one in value]
    return texts if all(texts) else []


def _text(value: Any, words: Sequence[str]) -> str:
    if isinstance(value, dict):
        keys = keys_by_name(value)
        value = next((value[keys[word]] for word in words if word in keys), None)
    return value if isinstance(value, str) and value.strip() else ""


def _answers(row: Mapping[str, Any], keys: Mapping[str, str], count: int) -> list[tuple[str, ...]]:
    """The right answers to each question, the ideal one first; [] if they do not match the questions."""
    value = value_of(row, keys, "answers")
    listed = _in_list(value, count)
    further = [_in_list(row[keys["orig_answers"]], count)] if "orig_answers" in keys else []
    extra = value_of(row, keys, "additional_answers")
    further += [_in_list(one, count) for one in extra.values()] if isinstance(extra, dict) else []
    found: list[tuple[str, ...]] = []
    for number, answer in enumerate(listed):
        try:
            texts = list(answers_of(answer, "answers", set()))
            for others in further:
                texts += answers_of(others[number], "answers", set()) if others else ()
        except NoConversation:
            return []
        found.append(tuple(dict.fromkeys(text for text in texts if text.strip())))
    return found if all(found) else []


def _in_list(value: Any, count: int) -> list[Any]:
    """The answers as a list with one entry a question; an object may have the list under one of its keys."""
    if isinstance(value, dict):
        keys = keys_by_name(value)
        value = next((value[keys[word]] for word in ("input_text", "texts", "text", "answers") if word in keys), None)
    return value if isinstance(value, list) and len(value) == count else []


def _has_turns(questions: Sequence[Any]) -> bool:
    return all(isinstance(one, dict) and "turn_id" in one for one in questions)


def _conversations(
    asked: Sequence[str], given: Sequence[tuple[str, ...]], text: str, group: str
) -> Iterator[dict[str, Any]]:
    """A conversation up to each answer; the text that it is about begins it."""
    messages: list[dict[str, str]] = []
    for number, (question, answers) in enumerate(zip(asked, given, strict=True)):
        first_asked = f"{text}\n\n{question}" if text and not number else question
        messages = [*messages, {"role": "user", "content": first_asked}, {"role": "assistant", "content": answers[0]}]
        yield {"messages": messages, "other_answers": list(answers[1:]), "group": group}


def _one_by_one(
    row: Mapping[str, Any],
    keys: Mapping[str, str],
    asked: Sequence[str],
    given: Sequence[tuple[str, ...]],
    options: Sequence[Any],
    group: str,
) -> Iterator[dict[str, Any]]:
    taken = {keys["questions"], keys["answers"], keys.get("id"), *(keys[word] for word in OPTIONS if word in keys)}
    shared = {key: value for key, value in row.items() if key not in taken and plain(key) not in ("group", "question")}
    for number, (question, answers) in enumerate(zip(asked, given, strict=True)):
        choices = {"options": options[number]} if options else {}
        yield {"question": question, **shared, **choices, "answer": list(answers), "group": group}

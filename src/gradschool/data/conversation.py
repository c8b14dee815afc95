"""A row as a conversation: the one reader of rows, for training, scoring, preparing and answering."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gradschool.data.answers import answers_of
from gradschool.data.assessments import Assessment, assessments_of
from gradschool.data.chat_markup import (
    NOTE,
    answered_in,
    asked_in,
    is_transcript,
    markup_of,
    transcript,
    without_end,
    without_tokens,
)
from gradschool.data.choices import choices_of, chosen_label, listed
from gradschool.data.column_languages import english
from gradschool.data.column_names import ASKED
from gradschool.data.columns import Form, is_reply
from gradschool.data.corrections import BEFORE
from gradschool.data.formats import (
    MarkedBad,
    NoConversation,
    as_text,
    from_json,
    is_list_text,
    is_messages,
    is_texts,
    messages_of,
    turns_of,
)
from gradschool.data.objects import listed_text, text_in
from gradschool.data.ranked_answers import SEVERAL
from gradschool.records import Conversation, Message

MIN_REPEATED = 10  # characters of a question that an answer in text may repeat
SYSTEM_WORD = re.compile(r"^\s*(?:SYSTEM|System):\s*")
CUT = "cut"  # the beginning of a note: messages that are marked as bad were left out
WHO = "persona"  # the beginning of a note: who answers is read as a system message
INPUT = "input"  # the beginning of a note: an input is not text


@dataclass(frozen=True, slots=True)
class RowReading:
    """What a row says: its conversation, further right answers, assessments of its answer, and notes on the reading.

    Without an ideal answer in the row, the last message is not the assistant's.
    """

    messages: Conversation
    other_answers: tuple[str, ...]
    assessments: tuple[Assessment, ...]
    notes: frozenset[str]


def read_row(row: Mapping[str, Any], form: Form, first: int = 0, *, judged: bool = True) -> RowReading:
    """Read a row of a form; `first` is the number of the first choice, if answers are positions in choices.

    Raises NoConversation with the reason, and its kind MarkedBad if all answers are marked as bad and the row is
    `judged`.
    """
    notes: set[str] = set()
    assessments = list(assessments_of(row, {*form.columns()})) if judged else []
    assessments = [one for one in assessments if not one.of_answer or is_reply(form)]
    if judged and isinstance(answer := row.get(form.output), dict):
        assessments += [replace(one, key=f"{form.output}.{one.key}", of_answer=True) for one in _judging(answer)]
    if BEFORE in dict(form.compared).values():  # ratings judge the answer before its correction
        assessments = [one for one in assessments if one.of_use]
    if bad := next((one for one in assessments if one.meaning == "bad"), None):
        raise MarkedBad(f"{bad}: {'not to be trained on' if bad.of_use else 'the answer is marked as bad'}")
    notes |= {use for _, use in form.compared if use.startswith(SEVERAL)}
    turns = _system(row, form, notes)
    others: tuple[str, ...] = ()
    if form.conversation:
        spoken, found = _conversation(row[form.conversation], notes, judged=judged)
        turns, assessments = [*turns, *spoken], [*assessments, *found]
        if form.output:
            turns = question_of(turns)
    else:
        turns += _history(row.get(form.history) if form.history else None, notes)
        turns = _with_question(turns, row, form, notes)
    if form.output:
        answer, others = _answer(row, form, first, notes)
        turns = _joined(turns, answer, compared=bool(form.compared))
    if form.others and turns and turns[-1].role == "assistant":
        listed = answers_of(row[form.others], form.others, notes)
        others = tuple(text for text in dict.fromkeys((*others, *listed)) if text.strip() and text != turns[-1].content)
    return RowReading(tuple(turns), others, tuple(assessments), frozenset(notes))


def _judging(answer: Mapping[str, Any]) -> Iterator[Assessment]:
    """The assessments in the object of an answer; a number next to its text may say something else."""
    return (one for one in assessments_of(answer) if one.meaning != "number" or "." in one.key)


def _system(row: Mapping[str, Any], form: Form, notes: set[str]) -> list[Message]:
    """The system message of a row: its instructions, and who answers."""
    texts = [_system_text(row.get(key), notes) for key in (form.system, form.persona) if key]
    if form.persona:
        notes.add(
            f"{WHO}: `{form.persona}` is read as a system message; if it says who asks, not who answers, join it to "
            "the input or remove it"
        )
    text = "\n\n".join(filter(str.strip, texts))
    return [Message("system", text)] if text else []


def _system_text(value: Any, notes: set[str]) -> str:
    value = value.get("parts", value.get("content", value)) if isinstance(value, dict) else value
    if isinstance(value, list):
        return "\n".join(as_text(part.get("text") if isinstance(part, dict) else part, notes) for part in value)
    return SYSTEM_WORD.sub("", as_text(value, notes))


def _conversation(value: Any, notes: set[str], *, judged: bool) -> tuple[list[Message], list[Assessment]]:
    """The messages up to the last answer that is not marked as bad, and that answer's assessments."""
    if isinstance(value, str) and not is_list_text(value):
        _note_turns(value, notes)
        return transcript(value), []
    turns, messages = turns_of(value), messages_of(value, notes)
    if is_texts(value):
        notes.add(f"{INPUT}: a list of texts is read as a conversation; user and assistant take turns in it")
    end, left_out = len(messages), 0
    while judged and (places := _last_answers(messages[:end])):
        assessments = {place: list(assessments_of(turns[place])) for place in places}
        good = [place for place in places if not any(map(_is_bad, assessments[place]))]
        left_out += len(places) - len(good)
        if good:
            if left_out:
                which = "1 answer is" if left_out == 1 else f"{left_out} answers are"
                notes.add(f"{CUT}: {which} marked as not to be trained on; the conversation ends before")
                return [*messages[: places[0]], *(messages[place] for place in good)], assessments[good[-1]]
            return messages, [one for place in good for one in assessments[place] if one.meaning != "number"]
        end = places[0]
    if left_out:
        raise MarkedBad("every answer in the conversation is marked as bad, or as not to be trained on")
    return messages, []


def _is_bad(assessment: Assessment) -> bool:
    """Whether an assessment of a message says bad; the numbers of messages are weights, 0 or 1, or signs."""
    return assessment.meaning == "bad" or (assessment.meaning == "number" and assessment.number < 0)


def _last_answers(messages: Sequence[Message]) -> list[int]:
    """The places of the last assistant messages in a row."""
    places: list[int] = []
    for place in reversed(range(len(messages))):
        if messages[place].role == "assistant":
            places.insert(0, place)
        elif places:
            break
    return places


def question_of(turns: Sequence[Message]) -> list[Message]:
    """The messages without the answers at the end."""
    end = len(turns)
    while end and turns[end - 1].role == "assistant":
        end -= 1
    return list(turns[:end])


def _history(value: Any, notes: set[str]) -> list[Message]:
    """Earlier turns: pairs of question and answer, or messages; a text alone is read with the question."""
    if isinstance(value, str) and value.strip().startswith("["):
        value = from_json(value)
    if not value or isinstance(value, str):
        return []
    if is_messages(value):
        return messages_of(value, notes)
    if not isinstance(value, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in value):
        raise NoConversation("`history` is not a list of [question, answer] pairs")
    return [
        Message(role, as_text(text, notes))
        for pair in value
        for role, text in zip(("user", "assistant"), pair, strict=True)
    ]


def _with_question(turns: list[Message], row: Mapping[str, Any], form: Form, notes: set[str]) -> list[Message]:
    """The turns and the user message: what the inputs hold, each text once, and the choices."""
    first = row.get(form.inputs[0]) if form.inputs else None
    asked = _messages_in(first, notes, asked=bool(form.inputs) and english(form.inputs[0]) in ASKED)
    texts = [_input_text(row.get(key), notes) for key in (form.inputs[1:] if asked else form.inputs)]
    earlier = row.get(form.history) if form.history else None
    if isinstance(earlier, str) and not earlier.strip().startswith("["):
        texts = [as_text(earlier, notes), *texts]
    if len(texts) > 1:
        texts = _once(texts, as_text(row.get(form.output), set()) if form.output else "")
    if form.choices:
        options = choices_of(row, form.choices, notes)
        texts.append(listed(options) if options else as_text(row[form.choices[0]], notes))
    text = "\n\n".join(texts)
    if not asked:
        return [*turns, Message("user", text)]
    turns = [*turns, *asked]
    if text.strip() and turns[-1].role == "user":
        turns[-1] = Message("user", f"{turns[-1].content}\n\n{text}")
    return turns


def _messages_in(value: Any, notes: set[str], *, asked: bool) -> list[Message] | None:
    """The messages in a value: a list, an object with one, or a text with chat markup."""
    if isinstance(value, str):
        turns = asked_in(value, asked=asked)
        if turns is not None:
            _note_turns(value, notes)
        return turns
    value = value.get("messages") if isinstance(value, dict) else value
    return messages_of(value, notes) if is_messages(value) else None


def _note_turns(text: str, notes: set[str]) -> None:
    if (found := markup_of(text)) and found.tokens:
        notes.add(f"{NOTE}: a text has turns marked with {found.first!r}, read as a conversation")


def _input_text(value: Any, notes: set[str]) -> str:
    """The text of an input; lists as paragraphs, and turns in chat markup by their roles."""
    if isinstance(value, str) and (cleaned := without_tokens(value)) != value:
        _note_turns(value, notes)
        return as_text(cleaned, notes)
    if isinstance(value, list) and value:
        parts = [part.get("text", part.get("content")) if isinstance(part, dict) else part for part in value]
        if text := listed_text(value):
            return as_text(text, notes)
        if all(isinstance(part, str) for part in parts):
            return "\n\n".join(as_text(part, notes) for part in parts)
    if isinstance(value, dict) and (text := text_in(value)):
        return as_text(text, notes)
    if isinstance(value, dict | list) and value:
        notes.add(f"{INPUT}: an input is an object or a list, read as JSON text")
    return as_text(value, notes)


def _once(texts: Sequence[str], answer: str) -> list[str]:
    """Texts without the empty ones, those that another one contains, and those that hold question and answer."""
    filled = [text for text in dict.fromkeys(texts) if text.strip()]
    asked = filled[0].strip() if filled else ""
    whole = [text for text in filled[1:] if answer.strip() and asked in text and answer.strip() in text]
    kept = [text for text in filled if text not in whole]
    return [text for text in kept if not any(text != other and text.strip() in other for other in kept)]


def _answer(row: Mapping[str, Any], form: Form, first: int, notes: set[str]) -> tuple[list[Message], tuple[str, ...]]:
    """The messages with the ideal answer of a row, and further right answers."""
    value = row.get(form.output)
    if isinstance(value, dict) and is_messages([value]):
        value = [value]
    if is_messages(value):
        return _conversation(value, notes, judged=True)[0], ()
    if isinstance(value, str) and (spoken := answered_in(value)):
        _note_turns(value, notes)
        if spoken[-1].role != "assistant":
            raise NoConversation(f"has an answer that ends with a turn of the {spoken[-1].role}")
        return spoken, ()
    if form.compared and is_transcript(value):
        return transcript(str(value)), ()
    if isinstance(value, str) and (whole := without_end(value)) != value.rstrip():
        notes.add(f"{NOTE}: an answer ends with a token of a chat template ({value[len(whole) :].strip()}), left out")
        value = whole
    if form.choices:
        options = choices_of(row, form.choices, notes)
        value = chosen_label(value, options, form.output, first, notes, form.choices)
    found = answers_of(value, form.output, notes, named=form.named)
    return [Message("assistant", found[0] if found else "")], found[1:]


def _joined(turns: list[Message], answer: list[Message], *, compared: bool) -> list[Message]:
    """Question and answer; an answer that repeats its question, as chosen answers do, gives it once."""
    said, given = ([message for message in part if message.role != "system"] for part in (turns, answer))
    systems = [message for message in (*turns, *answer) if message.role == "system"][:1]
    if len(given) > len(said) and _plain(given[: len(said)]) == _plain(said):
        return [*systems, *given]
    asked = plain_text(said[-1].content) if said else ""
    repeated = [plain_text(message.content) for message in given if message.role == "user"]
    if asked and repeated and (asked in repeated or all(text in asked for text in repeated)):
        return [*systems, *given]
    if compared and len(asked) >= MIN_REPEATED and given and given[0].content.startswith(said[-1].content.rstrip()):
        rest = given[0].content[len(said[-1].content.rstrip()) :].strip()
        given = [Message(given[0].role, rest), *given[1:]] if rest else given
    return [*turns, *given] if len(said) < len(turns) else [*systems, *turns, *given]


def _plain(messages: Sequence[Message]) -> list[tuple[str, str]]:
    return [(message.role, plain_text(message.content)) for message in messages]


def plain_text(text: str) -> str:
    """A text with single spaces, for comparison."""
    return " ".join(text.split())

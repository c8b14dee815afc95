"""Convert rows to conversations: known keys, the form of a row, and the spellings of roles."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from gradschool.data.encoding import repair
from gradschool.records import Conversation, Message
from gradschool.settings import Data

CONVERSATIONS = ("messages", "conversations", "conversation", "turns", "dialogue", "dialog", "chat")
INPUTS = (
    *("prompt", "input", "question", "instruction", "query", "text", "sentence", "utterance", "request", "user"),
    *("source_text", "document", "article"),
)
OUTPUTS = (
    *("completion", "output", "answer", "answers", "response", "label", "category", "intent", "class", "target"),
    *("summary", "translation", "reply", "assistant", "ideal", "chosen"),
)
PAIRS = (  # in order of precedence, because rows often have more keys than these two
    ("prompt", "completion"),
    ("prompt", "response"),
    ("prompt", "chosen"),
    ("instruction", "output"),
    ("instruction", "response"),
    ("input", "output"),
    ("question", "answer"),
    ("question", "answers"),
)
DETAILS = ("input", "context")  # the subject of an instruction or question, appended to it
ROLE_KEYS = ("role", "from", "speaker", "author", "sender")
CONTENT_KEYS = ("content", "value", "text", "message", "utterance")
SPELLINGS = {
    "system": ("system", "developer", "instructions"),
    "user": ("user", "human", "customer", "client", "caller", "visitor", "person"),
    "assistant": (
        *("assistant", "gpt", "chatgpt", "bot", "chatbot", "model", "ai", "agent", "operator", "support"),
        *("representative", "advisor", "function_call"),
    ),
    "tool": ("tool", "function", "observation", "tool_response", "function_response", "ipython"),
}
ROLES = {spelling: role for role, spellings in SPELLINGS.items() for spelling in spellings}


class NoConversation(ValueError):
    """A row that gives no conversation; the message says why, as the end of a sentence."""


class UnknownRole(NoConversation):
    """A message with an unknown role."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a row becomes a conversation: the keys of each part, as the file spells them."""

    name: str
    conversation: str = ""
    inputs: tuple[str, ...] = ()
    output: str = ""
    system: str = ""
    history: str = ""

    def columns(self) -> dict[str, str]:
        """The use of each key, in words."""
        parts = {self.system: "system message", self.history: "earlier turns", self.conversation: "conversation"}
        parts |= dict.fromkeys(self.inputs, "user message")
        parts |= {self.output: "ideal answer"}
        return {key: part for key, part in parts.items() if key}


@lru_cache(maxsize=4096)  # called for each key of each row, and there are few different keys
def plain(key: str) -> str:
    """A key in lower case, with spaces and hyphens as underscores."""
    return key.strip().casefold().replace(" ", "_").replace("-", "_")


def detect(row: Mapping[str, Any], data: Data) -> Form | None:
    """Detect the form of a row from its keys and the columns that the job names; None if it is unknown."""
    keys = {plain(key): key for key in reversed(list(row))}
    named_input, named_output = (
        keys.get(plain(name)) if name else None for name in (data.input_column, data.output_column)
    )
    system, history = keys.get("system", ""), keys.get("history", "")
    if not named_output and not named_input:
        for word in CONVERSATIONS:
            key = keys.get(word)
            if key is not None and _is_conversation(row[key]):
                return Form(_conversation_name(row[key]), conversation=key, system=system)
    pair = _pair(keys, named_input, named_output)
    if pair is None:
        return None
    asked, output = pair
    inputs = [asked]
    if plain(asked) in ("instruction", "question") and not named_input:
        inputs += [keys[word] for word in DETAILS if word in keys and keys[word] != output]
    name = f"{asked}/{output}"
    if plain(asked) == "instruction" and plain(output) == "output":
        name = "alpaca"
    return Form(name, inputs=tuple(inputs), output=output, system=system, history=history)


def _pair(keys: Mapping[str, str], asked: str | None, output: str | None) -> tuple[str, str] | None:
    for first, second in PAIRS:
        if first in keys and second in keys and asked in (None, keys[first]) and output in (None, keys[second]):
            return keys[first], keys[second]
    asked = asked or next((keys[word] for word in INPUTS if word in keys and keys[word] != output), None)
    output = output or next((keys[word] for word in OUTPUTS if word in keys and keys[word] != asked), None)
    return (asked, output) if asked and output else None


def _is_conversation(value: Any) -> bool:
    return isinstance(value, list) or (isinstance(value, str) and value.lstrip().startswith("["))


def _conversation_name(value: Any) -> str:
    first = value[0] if isinstance(value, list) and value else None
    return "sharegpt" if isinstance(first, dict) and "from" in first and "value" in first else "messages"


def conversation_of(row: Mapping[str, Any], form: Form, notes: set[str]) -> Conversation:
    """Make the conversation of a row; `notes` collects notes about its encoding. Raises NoConversation."""
    turns: list[Message] = []
    if form.system and (system := as_text(row.get(form.system), notes)):
        turns.append(Message("system", system))
    if form.conversation:
        return (*turns, *_messages(row[form.conversation], notes))
    for pair in _history(row.get(form.history) if form.history else None):
        turns += [Message(role, as_text(text, notes)) for role, text in zip(("user", "assistant"), pair, strict=True)]
    values = [row.get(key) for key in form.inputs]
    if len(values) == 1 and _is_messages(values[0]):
        turns += _messages(values[0], notes)
    else:
        asked = [as_text(value, notes) for value in values]
        turns.append(
            Message("user", "\n\n".join(text for text in asked if text.strip()) if len(asked) > 1 else asked[0])
        )
    output = row.get(form.output)
    if plain(form.output) == "answers" and isinstance(output, list):
        output = output[0] if output else ""  # the first of several right answers is the ideal answer
    if _is_messages(output):
        return (*turns, *_messages(output, notes))
    return (*turns, Message("assistant", as_text(output, notes)))


def as_text(value: Any, notes: set[str]) -> str:
    """A value as text for a model: strings as they are, None as "", everything else as JSON."""
    if value is None:
        return ""
    try:
        text, wrong = repair(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    except RecursionError:
        raise NoConversation("is nested too deeply") from None
    if wrong:
        notes.add(wrong)
    return text


def _is_messages(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(turn, dict) and any(key in turn for key in ROLE_KEYS) for turn in value)
    )


def _history(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, str) and value.strip().startswith("["):
        value = _json(value)
    if not value or isinstance(value, str):
        return []
    if not isinstance(value, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in value):
        raise NoConversation("`history` is not a list of [question, answer] pairs")
    return [(pair[0], pair[1]) for pair in value]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise NoConversation("has a conversation that is not valid JSON") from None


def _messages(value: Any, notes: set[str]) -> Iterable[Message]:
    value = _json(value) if isinstance(value, str) else value
    if not isinstance(value, list) or not value:
        raise NoConversation("has a conversation without messages")
    return [_message(turn, notes) for turn in value]


def _message(turn: Any, notes: set[str]) -> Message:
    if not isinstance(turn, dict):
        raise NoConversation("has a message that is not an object with a role and a content")
    keys = {plain(key): key for key in reversed(turn)}
    role_key, content_key = (
        next((keys[word] for word in words if word in keys), None) for words in (ROLE_KEYS, CONTENT_KEYS)
    )
    calls = turn.get("tool_calls")
    if role_key is None or (content_key is None and not calls):
        found = ", ".join(sorted(repair(key)[0] for key in turn)) or "none"
        raise NoConversation(f"has a message without role or content (its keys: {found})")
    given = as_text(turn[role_key], notes)
    role = ROLES.get(plain(given))
    if role is None:
        raise UnknownRole(f"a message has the role {given[:40]!r}; known roles are {', '.join(sorted(ROLES))}")
    content = _content(turn.get(content_key) if content_key else None, notes)
    if calls:
        notes.add("calls tools: the calls are kept as JSON text in the message")
        content = "\n".join(part for part in (content, as_text(calls, notes)) if part)
    return Message(role, content)


def _content(value: Any, notes: set[str]) -> str:
    """The text of a message; a list of parts (`{"type": "text", "text": …}`) is joined."""
    if isinstance(value, list) and value and all(isinstance(part, dict) and "type" in part for part in value):
        other = sorted({str(part["type"])[:40] for part in value if part["type"] != "text"})
        if other:
            raise NoConversation(f"has a message with {repair(', '.join(other))[0]}; only text is supported")
        return "".join(as_text(part.get("text"), notes) for part in value)
    return as_text(value, notes)

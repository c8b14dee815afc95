"""Messages and their spellings: keys, roles, contents in parts, and any value as text."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from gradschool.data.encoding import repair
from gradschool.data.issues import Kind
from gradschool.json_text import parse_any_json
from gradschool.reasoning import PARTS, field_of
from gradschool.records import Message

CONVERSATIONS = (
    "messages",
    "conversations",
    "conversation",
    "turns",
    "dialogue",
    "dialog",
    "chat",
    "contents",
    "utterances",
)
ROLE_KEYS = ("role", "from", "speaker", "author", "sender")
CONTENT_KEYS = ("content", "value", "text", "message", "utterance", "parts")
SPELLINGS = {
    "system": ("system", "developer", "instructions"),
    "user": ("user", "human", "customer", "client", "caller", "visitor", "person", "prompter"),
    "assistant": (
        *("assistant", "gpt", "chatgpt", "bot", "chatbot", "model", "ai", "agent", "operator", "support"),
        *("representative", "advisor", "function_call"),
    ),
    "tool": ("tool", "function", "observation", "tool_response", "function_response", "ipython"),
}
ROLES = {spelling: role for role, spellings in SPELLINGS.items() for spelling in spellings}
SEPARATOR = re.compile(r"[\s\-]+")
CAMEL = re.compile(r"(?<=[a-z\d])(?=[A-Z])")
LIST = re.compile(r"\s*+\[\s*+(?:[{\[\"'\]]|$)")
TEXT_PARTS = ("text", "input_text", "output_text")


class NoConversation(ValueError):
    """A row that gives no conversation; the message says why, as the end of a sentence."""

    kind: Kind = "unreadable"  # of the issue


class UnknownRole(NoConversation):
    """A message with an unknown role."""

    kind = "unknown role"


class MarkedBad(NoConversation):
    """A row whose answer is marked as bad, or as one not to train on."""

    kind = "marked as bad"


@lru_cache(maxsize=4096)  # called for each key of each row, and there are few different keys
def plain(key: str) -> str:
    """A key in lower case, with spaces, hyphens and changes of case as underscores.

    >>> plain("Plain summary"), plain("answerKey"), plain("AGENT")
    ('plain_summary', 'answer_key', 'agent')
    """
    return SEPARATOR.sub("_", CAMEL.sub("_", key.strip())).casefold()


def keys_by_name(row: Mapping[str, Any]) -> dict[str, str]:
    """The keys of a row by their plain names; of keys with one plain name, the first."""
    return {plain(key): key for key in reversed(list(row))}


def value_of(row: Mapping[str, Any], keys: Mapping[str, str], word: str) -> Any:
    """The value of the key with a plain name (see `keys_by_name`); None if there is none. A key may be empty."""
    return row[keys[word]] if word in keys else None


def spelled(keys: Iterable[str], name: str | None) -> str:
    """The key that a name means, however it is spelled; empty if there is none."""
    return next((key for key in keys if plain(key) == plain(name)), "") if name else ""


def role_of(spelling: str) -> str | None:
    """The role that a word names; None if it is unknown."""
    word = plain(spelling)
    return ROLES.get(word) or ROLES.get(word.replace("_", ""))


def as_text(value: Any, notes: set[str]) -> str:
    """A value as text for a model: strings as they are, None and NaN as "", everything else as JSON."""
    if value is None or value != value:
        return ""
    try:
        text, wrong = repair(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    except RecursionError:
        raise NoConversation("is nested too deeply") from None
    if wrong:
        notes.add(wrong)
    return text


def left_out_reasoning(field: str) -> str:
    """The note about reasoning in a field or column of its own."""
    return f"reasoning ({repair(field)[0]}) is left out: a specialist answers directly"


def is_list_text(value: Any) -> bool:
    """Whether a value is a text that begins as a list of objects or texts in JSON does; "[INST]" does not."""
    return isinstance(value, str) and LIST.match(value) is not None


def is_messages(value: Any) -> bool:
    """Whether a value is a list of messages."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(turn, dict) and any(key in turn for key in ROLE_KEYS) for turn in value)
    )


def from_json(text: str) -> Any:
    """The value of a JSON text in a cell; raises NoConversation if it is not JSON."""
    try:
        return parse_any_json(text)
    except ValueError:
        raise NoConversation("has a conversation that is not valid JSON") from None


def turns_of(value: Any) -> list[Any]:
    """The messages of a conversation as the file has them; raises NoConversation if there are none."""
    value = from_json(value) if isinstance(value, str) else columnar(value) or value
    if not isinstance(value, list) or not value:
        raise NoConversation("has a conversation without messages")
    return alternating(value) if is_texts(value) else value


def is_texts(value: Any) -> bool:
    """Whether a value is a list of two texts or more."""
    return isinstance(value, list) and len(value) > 1 and all(isinstance(text, str) for text in value)


def alternating(texts: Sequence[str]) -> list[dict[str, str]]:
    """Texts as messages of user and assistant in turn."""
    return [{"role": "assistant" if place % 2 else "user", "content": text} for place, text in enumerate(texts)]


def columnar(value: Any) -> list[dict[str, Any]]:
    """The messages of an object with a list of speakers and a list of texts; [] for anything else."""
    if not isinstance(value, dict):
        return []
    keys = keys_by_name(value)
    speakers, texts = (
        next((value[keys[word]] for word in words if word in keys), None) for words in (ROLE_KEYS, CONTENT_KEYS)
    )
    if not isinstance(speakers, list) or not isinstance(texts, list) or len(speakers) != len(texts):
        return []
    if speakers == [place % 2 for place in range(len(speakers))]:
        return [*alternating(texts)]
    return [{"role": role, "content": text} for role, text in zip(speakers, texts, strict=True)]


def messages_of(value: Any, notes: set[str]) -> list[Message]:
    """The messages of a conversation; raises NoConversation."""
    messages = [_message(turn, notes) for turn in turns_of(value)]
    roles = [message.role for message in messages]
    if "user" not in roles or "assistant" in roles or "system" not in roles[roles.index("user") :]:
        return messages
    # Nobody but the user and the system speaks: the system is the agent, as in MultiWOZ.
    return [Message("assistant", one.content) if one.role == "system" else one for one in messages]


def _message(turn: Any, notes: set[str]) -> Message:
    if not isinstance(turn, dict):
        raise NoConversation("has a message that is not an object with a role and a content")
    keys = keys_by_name(turn)
    role_key, content_key = (
        next((keys[word] for word in words if word in keys), None) for words in (ROLE_KEYS, CONTENT_KEYS)
    )
    calls = turn.get("tool_calls")
    if role_key is None or (content_key is None and not calls):
        found = ", ".join(sorted(repair(key)[0] for key in turn)) or "none"
        raise NoConversation(f"has a message without role or content (its keys: {found})")
    given = as_text(turn[role_key], notes)
    role = role_of(given)
    if role is None:
        raise UnknownRole(f"a message has the role {given[:40]!r}; known roles are {', '.join(sorted(ROLES))}")
    content = _content(turn.get(content_key) if content_key else None, notes)
    if role == "assistant" and (field := field_of({key: turn[key] for key in turn if key != content_key})):
        notes.add(left_out_reasoning(field))
    if calls:
        notes.add("calls tools: the calls are kept as JSON text in the message")
        content = "\n".join(part for part in (content, as_text(calls, notes)) if part)
    return Message(role, content)


def _content(value: Any, notes: set[str]) -> str:
    """The text of a message; a list of parts (`{"type": "text", "text": …}`, `{"text": …}` or strings) is joined."""
    if isinstance(value, list) and value and all(isinstance(part, str) or _is_part(part) for part in value):
        if any(isinstance(part, dict) and part.get("type") in PARTS for part in value):
            notes.add(left_out_reasoning("parts of the content"))
            value = [part for part in value if isinstance(part, str) or part.get("type") not in PARTS]
        kinds = [part.get("type", TEXT_PARTS[0]) for part in value if isinstance(part, dict)]
        other = sorted({str(kind)[:40] for kind in kinds if kind not in TEXT_PARTS})
        if other:
            raise NoConversation(f"has a message with {repair(', '.join(other))[0]}; only text is supported")
        return "".join(as_text(part if isinstance(part, str) else part.get("text"), notes) for part in value)
    return as_text(value, notes)


def _is_part(part: Any) -> bool:
    return isinstance(part, dict) and ("type" in part or set(part) == {"text"})

"""What a model server takes in a request: fields that it refuses are left out or replaced, and this is said once."""

import email.utils
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gradschool.images.data_url import content_of
from gradschool.json_text import parse_json
from gradschool.model.log_probs import FIELDS
from gradschool.model.remote_constraint import request_fields
from gradschool.model.rendered import fold_system
from gradschool.records import Conversation, Decoding

LENGTHS = ("max_tokens", "max_completion_tokens")  # fields with the maximum length: in new APIs, the second one
NAMES = {  # how messages name the fields, the most harmless to leave out first
    "top_p": re.compile(r"(?<![a-z_])top[_ -]?p(?![a-z_])", re.IGNORECASE),
    "seed": re.compile(r"(?<![a-z_])seed(?![a-z_])", re.IGNORECASE),
    "temperature": re.compile(r"(?<![a-z_])temperature(?![a-z_])", re.IGNORECASE),
    "max_tokens": re.compile(r"(?<![a-z_])max[_ ]?tokens(?![a-z_])", re.IGNORECASE),
    "max_completion_tokens": re.compile(r"(?<![a-z_])max[_ ]?completion[_ ]?tokens(?![a-z_])", re.IGNORECASE),
}
SYSTEM = re.compile(r"\b(system|developer)\b|\balternat", re.IGNORECASE)
POSITIVE = re.compile(r"positive|(greater|more|larger|bigger) than (0|zero)|> ?0", re.IGNORECASE)
LOWEST = 0.01  # a temperature that makes another token than the likeliest one rare
# Tokens that are allowed for reasoning, in addition to the length limit of answers; the first one that suffices.
ALLOWANCES = (0, 512, 2_048, 16_384)
PROBE = 2  # the position of the allowance that shows whether a text was reasoning
LONGEST_TOKENS = 6  # characters per token that no ordinary text exceeds
TOO_LONG = ("context length", "context_length", "context size", "context window", "exceed_context", "too many tokens")
WITHOUT = {
    "top_p": "is left out: the server's own value is used",
    "seed": "is left out: answers may differ from run to run",
    "temperature": "is left out: answers are sampled as the server does by default, and may differ from run to run",
    **dict.fromkeys(LENGTHS, "is left out: answers have no length limit but the server's"),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A server's refusal of a request: its message, and the fields that it names apart from the message."""

    status: int
    message: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dialect:
    """How requests to one model are written. `reasoning` is the position in ALLOWANCES."""

    length: str = LENGTHS[0]
    left_out: frozenset[str] = frozenset()
    warm: bool = False  # the temperature is 1: some models take no other
    positive: bool = False  # the temperature is not 0
    folds_system: bool = False  # the system message is put before the first question
    reasoning: int = 0
    reasons: bool = False  # the model writes reasoning before its answers
    unopened: bool = False  # … which begins without a tag
    lax: bool = False  # a schema is not sent as a strict one
    most: int = len(ALLOWANCES) - 1  # the last position that fits the context of the model

    def body(self, conversation: Conversation, decoding: Decoding) -> dict[str, Any]:
        """The body of a request, without the name of the model."""
        if self.folds_system:
            conversation = fold_system(conversation)
        fields = {
            self.length: decoding.max_new_tokens + ALLOWANCES[self.reasoning],
            "temperature": 1 if self.warm else max(decoding.temperature, LOWEST if self.positive else 0),
            "top_p": decoding.top_p,
            "seed": decoding.seed,
        }
        messages = [{"role": message.role, "content": content_of(message)} for message in conversation]
        sent = {name: fields[name] for name in fields if name not in self.left_out}
        asked = (FIELDS if decoding.log_probs else {}) | request_fields(decoding.constraint, self.lax)
        return {"messages": messages} | sent | asked

    def after(self, refusal: Refusal, conversation: Conversation, known: bool) -> "Dialect | None":
        """The dialect to try after a refusal, or None if no other one could be accepted.

        A refusal that names no field is tried without optional fields, unless the server is `known` to accept them.
        """
        if refusal.status in (401, 403, 404, 408, 413, 429) or refusal.status > 501:
            return None
        optional = [name for name in NAMES if name == self.length or name not in LENGTHS]
        sent = [name for name in optional if name not in self.left_out]
        named = [name for name in sent if name in refusal.fields or NAMES[name].search(refusal.message)]
        named.sort(key=lambda name: name not in refusal.fields)
        if named and named[0] == "temperature" and POSITIVE.search(refusal.message) and not self.positive:
            return replace(self, positive=True)
        if named:
            return self._without(named[0])
        if "temperature" in self.left_out and NAMES["temperature"].search(" ".join((refusal.message, *refusal.fields))):
            return replace(self, left_out=self.left_out - {"temperature"}, warm=True)
        has_system = any(message.role == "system" for message in conversation)
        if has_system and not self.folds_system and SYSTEM.search(" ".join((refusal.message, *refusal.fields))):
            return replace(self, folds_system=True)
        if known or refusal.status not in (400, 422) or not sent:
            return None
        return self._without(sent[0])

    def _without(self, field: str) -> "Dialect | None":
        if field == "temperature" and self.warm:
            return None
        if field == LENGTHS[0]:
            return replace(self, length=LENGTHS[1])
        return replace(self, left_out=self.left_out | {field})

    def with_larger_allowance(self) -> "Dialect | None":
        """The dialect that allows more tokens for reasoning; None if it allows the maximum."""
        if self.length in self.left_out or self.reasoning >= self.most:
            return None
        return replace(self, reasoning=self.reasoning + 1, reasons=True)

    def with_smaller_allowance(self) -> "Dialect | None":
        """The dialect for a question after which fewer tokens are left for reasoning; None if it allows none."""
        return replace(self, reasoning=self.reasoning - 1, most=self.reasoning - 1) if self.reasoning else None

    def characters(self, decoding: Decoding) -> int | None:
        """The characters of an answer after which a stream is cut: the server's limit allows for reasoning too."""
        return decoding.max_new_tokens * LONGEST_TOKENS if self.reasoning else None

    def probe(self) -> "Dialect | None":
        """The dialect that shows whether a text that was cut off is reasoning without a tag; None if there is none."""
        possible = self.length not in self.left_out and self.reasoning < PROBE <= self.most
        return replace(self, reasoning=PROBE) if possible else None

    def merged(self, other: "Dialect") -> "Dialect":
        """What both know about the same server."""
        return Dialect(
            max(self.length, other.length, key=LENGTHS.index),
            (self.left_out | other.left_out) - ({"temperature"} if self.warm or other.warm else set()),
            self.warm or other.warm,
            self.positive or other.positive,
            self.folds_system or other.folds_system,
            max(self.reasoning, other.reasoning),
            self.reasons or other.reasons,
            self.unopened or other.unopened,
            self.lax or other.lax,
        )

    def changes(self, before: "Dialect") -> list[str]:
        """What is different from another dialect, as sentences about "the server"."""
        notes = []
        if self.length != before.length and self.length not in self.left_out:
            notes.append(f"The server does not accept {before.length}; {self.length} is sent instead.")
        notes += [
            f"The server does not accept {name}; it {WITHOUT[name]}."
            for name in NAMES
            if name in self.left_out - before.left_out
        ]
        if self.warm and not before.warm:
            notes.append("The server accepts only temperature 1: answers are sampled, and may differ from run to run.")
        if self.positive and not before.positive:
            notes.append(f"The server does not accept temperature 0; {LOWEST} is sent instead.")
        if self.folds_system and not before.folds_system:
            notes.append("The server does not accept system messages; they are put before the first question.")
        if self.lax and not before.lax:
            notes.append("The server does not accept this schema as a strict one; it is sent without `strict`.")
        if self.reasons and not before.reasons:
            notes.append("The model reasons before it answers; the reasoning is not part of the answer.")
        if self.reasoning != before.reasoning:
            tokens = ALLOWANCES[self.reasoning]
            notes.append(f"Up to {tokens:,} tokens are allowed for reasoning, in addition to the length of the answer.")
        return notes


def refusal_of(status: int, content: bytes) -> Refusal:
    """Read the body of an error reply, whatever its form: the server's own message, in one line."""
    text = _decoded(content[:MAX_MESSAGE_BYTES])
    try:
        error = parse_json(content)
    except ValueError:
        return Refusal(status, _line(TAG.sub(" ", HIDDEN.sub(" ", text)) if "<" in text else text))
    messages = list(dict.fromkeys(_messages(error)))
    return Refusal(status, _line(" ".join(messages or [text])), tuple(_fields(error)))


def has_message(reply: Mapping[str, Any]) -> bool:
    """Whether a reply without an answer says why."""
    return any(_messages(reply))


MAX_MESSAGE_BYTES, MAX_MESSAGE = 64_000, 400  # of an error's body, and characters of its message that are shown
HIDDEN = re.compile(r"<(style|script)\b[^<>]*>[^<]*", re.IGNORECASE)
TAG = re.compile(r"<[^<>]*>")
MESSAGE_KEYS = (
    *("message", "msg", "detail", "title", "error", "errors", "error_description", "error_msg", "reason", "raw"),
    *("status_msg", "base_resp"),
)


def _decoded(content: bytes) -> str:
    """The text of a reply: UTF-8, or else the encoding of Windows and of old servers."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def _line(text: str) -> str:
    """One line, without the full stop of its end, because a sentence of ours goes on after it."""
    line = " ".join(text.split())
    return line[: MAX_MESSAGE - 1] + "…" if len(line) > MAX_MESSAGE else line.rstrip(".")


def _messages(error: Any, depth: int = 0) -> Iterable[str]:
    if isinstance(error, str) and depth:
        yield from _nested(error, depth) or [error]
    elif isinstance(error, list) and depth < 6:
        for one in error[:10]:
            yield from _messages(one, depth + 1)
    elif isinstance(error, Mapping) and depth < 6:
        location = error.get("loc")
        where = ".".join(map(str, location)) if isinstance(location, list) else ""
        for key in MESSAGE_KEYS:
            for message in _messages(error.get(key), depth + 1):
                yield f"{where}: {message}" if where else message
        if isinstance(error.get("metadata"), Mapping):
            yield from _messages(error["metadata"], depth + 1)


def _nested(text: str, depth: int) -> list[str]:
    """The messages in a text that is JSON itself; empty for another text."""
    if not text.lstrip().startswith(("{", "[")) or depth >= 6:
        return []
    try:
        return list(_messages(parse_json(text), depth + 1))
    except ValueError:
        return []


def _fields(error: Any, depth: int = 0) -> Iterable[str]:
    if isinstance(error, list) and depth < 6:
        for one in error[:10]:
            yield from _fields(one, depth + 1)
    elif isinstance(error, Mapping) and depth < 6:
        if isinstance(error.get("param"), str):
            yield error["param"]
        if isinstance(error.get("loc"), list):
            yield from (str(part) for part in error["loc"])
        for key in ("error", "detail", "errors"):
            yield from _fields(error.get(key), depth + 1)


def is_too_long(refusal: Refusal) -> bool:
    """Whether a server refuses a question because it does not fit the context of the model."""
    message = refusal.message.lower()
    return refusal.status == 413 or (refusal.status in (400, 422) and any(phrase in message for phrase in TOO_LONG))


def retry_after(value: str | None) -> float | None:
    """The seconds of a Retry-After header, which are a number or a date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def endless_reasoning(dialect: Dialect) -> str:
    """Why there is no answer if the length limit was reached before it."""
    if not ALLOWANCES[dialect.reasoning]:
        return "the model reasoned until its length limit, and gave no answer"
    return (
        f"the model reasoned for more than {ALLOWANCES[dialect.reasoning]:,} tokens, or until its context was full, "
        "and gave no answer"
    )

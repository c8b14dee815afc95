"""The reply of a chat completion: its answer without reasoning, why it ended, and its token counts."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gradschool.json_text import parse_json
from gradschool.model.dialect import LONGEST_TOKENS, has_message, refusal_of
from gradschool.model.finish_reasons import Stop, broken_off, refused_with, stop_of, withheld_by
from gradschool.model.log_probs import likelihoods_in
from gradschool.model.signals import Likelihood
from gradschool.reasoning import PARTS, Parted, field_of, part, text_of

CHARACTERS_PER_TOKEN = 4  # of English text


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply: `answer` is empty if the model only reasoned, refused (`withheld` says how) or said nothing.

    `reasons` is whether the model reasoned, and `unopened` whether the reasoning has a closing tag alone. Token counts
    are None if the server does not report them.
    """

    answer: str
    stop: Stop
    reasons: bool = False
    unopened: bool = False
    withheld: str = ""
    prompt_tokens: int | None = None
    new_tokens: int | None = None  # with the reasoning
    answer_tokens: int = 0  # without it; an estimate if the server does not report it
    counted: bool = False  # whether the server reports it
    likelihoods: tuple[Likelihood, ...] = ()  # of the answer's tokens

    def within(self, max_new_tokens: int) -> "Reply":
        """The reply with its answer cut at a length limit that the server applied to the reasoning too."""
        tokens = self.answer_tokens if self.counted else -(-len(self.answer) // LONGEST_TOKENS)
        if tokens <= max_new_tokens:
            return self
        end = len(self.answer) * max_new_tokens // tokens
        return replace(self, answer=self.answer[:end], stop="length", answer_tokens=max_new_tokens)

    def cut_in_reasoning(self, max_new_tokens: int) -> bool:
        """Whether reasoning took tokens that the answer would have needed."""
        return self.reasons and self.stop == "length" and self.answer_tokens < max_new_tokens


def parse(content: bytes, with_reasoning: bool = False, unopened: bool = False) -> tuple[Reply | None, str]:
    """A reply, or None and the reason why it has no answer.

    `with_reasoning` leaves reasoning in the answer; `unopened` says that the model begins to reason without a tag.
    """
    try:
        reply = parse_json(content)
    except ValueError:
        start = content[:60].decode(errors="replace").strip()
        kind = "a web page" if start.lower().startswith(("<!doctype", "<html")) else "text that is not JSON"
        return None, f"its reply is {kind} ({start!r})"
    if not isinstance(reply, dict):
        return None, "its reply is not a JSON object"
    if reply.get("error"):
        return None, _reported(content)
    choices = reply.get("choices")
    if not (isinstance(choices, list) and choices and isinstance(choices[0], dict)):
        return None, _reported(content) if has_message(reply) else "its reply has no choices"
    choice = choices[0]
    if isinstance(choice.get("error"), (dict, str)) and choice["error"]:
        return None, _reported(json.dumps(choice).encode())
    message = choice.get("message")
    if message is None and isinstance(choice.get("text"), str):  # as completions have it
        message = {"content": choice["text"]}
    said = message.get("content") if isinstance(message, dict) else None
    if not isinstance(message, dict) or not (said is None or isinstance(said, str) or _is_parts(said)):
        return None, "its reply has no message"
    if broken := broken_off(choice.get("finish_reason")):
        return None, broken
    return _reply(choice, message, reply.get("usage"), with_reasoning, unopened), ""


def error_status(content: bytes) -> int:
    """The status of an error that a server sends in a reply with status 200; 200 if there is none."""
    try:
        code = parse_json(content)["error"]["code"]
    except (ValueError, LookupError, TypeError):
        return 200
    return code if isinstance(code, int) and 400 <= code < 500 else 200


def _reported(content: bytes) -> str:
    return f"it reports an error: {refusal_of(200, content).message}"


def _reply(
    choice: Mapping[str, Any], message: Mapping[str, Any], usage: Any, with_reasoning: bool, unopened: bool
) -> Reply:
    counts = usage if isinstance(usage, dict) else {}
    prompt_tokens, new_tokens = (_count(counts.get(key)) for key in ("prompt_tokens", "completion_tokens"))
    text, finish = text_of(message.get("content")), choice.get("finish_reason")
    stop = stop_of(finish)
    if with_reasoning:
        likely = tuple(likelihoods_in(choice, text))
        return Reply(text, stop, prompt_tokens=prompt_tokens, new_tokens=new_tokens, likelihoods=likely)
    parted, details = part(text), counts.get("completion_tokens_details")
    if unopened and parted.form == "none" and stop == "length":
        parted = Parted("", text, "unclosed")
    hidden = _count(details.get("reasoning_tokens")) if isinstance(details, dict) else None
    reasons = parted.form in ("closed", "unopened", "unclosed") or bool(field_of(message)) or bool(hidden)
    reasons = reasons or _has_reasoning(message.get("content"))
    answer_tokens, counted = -(-len(parted.answer) // CHARACTERS_PER_TOKEN), bool(hidden and new_tokens)
    if hidden and new_tokens:
        answer_tokens = max(0, new_tokens - hidden)
    withheld = ""
    if not parted.answer.strip():
        refusal = message.get("refusal")
        if isinstance(refusal, str) and refusal.strip():
            withheld = refused_with(refusal)
        elif why := withheld_by(finish):
            withheld = why
        elif reasons and stop == "stop":
            withheld = "The reply holds reasoning alone; the server may take answers for reasoning."
        # An empty answer that reached the length limit was all reasoning, which some servers neither return nor count.
        reasons = reasons or (stop == "length" and not withheld)
    found, likely = parted.form == "unopened", tuple(likelihoods_in(choice, parted.answer))
    return Reply(
        parted.answer, stop, reasons, found, withheld, prompt_tokens, new_tokens, answer_tokens, counted, likely
    )


def _has_reasoning(content: Any) -> bool:
    return isinstance(content, list) and any(isinstance(one, dict) and one.get("type") in PARTS for one in content)


def _is_parts(content: Any) -> bool:
    parts = content if isinstance(content, list) else [content]
    return all(isinstance(one, str) or (isinstance(one, dict) and ("type" in one or "text" in one)) for one in parts)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None

"""Response bodies: OpenAI's objects for complete answers and for stream chunks, extended by `citations`."""

import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from gradschool.model.tool_turns import ToolCall
from gradschool.records import Passage
from gradschool.serve.abstaining import FINISH_REASON, Abstained
from gradschool.serve.choices import Choice
from gradschool.serve.http_errors import HTTPError
from gradschool.serve.scheduler import Finished, ScoredToken, TextChunk
from gradschool.serve.service import ServedModel

DONE = b"data: [DONE]\n\n"
LOWEST = -9999.0  # what OpenAI's API reports for a probability that is as good as 0


@dataclass(frozen=True)
class Reply:
    """Builds the response to one request; `chat` distinguishes chat completions from completions.

    With `log_probs`, answers have those of their tokens; with `with_usage`, a stream ends with the token counts.
    """

    model: ServedModel
    chat: bool
    log_probs: bool = False
    with_usage: bool = False
    created: int = field(default_factory=lambda: int(time.time()))
    number: str = field(default_factory=lambda: uuid.uuid4().hex)

    def complete(self, choices: Sequence[Choice]) -> dict[str, Any]:
        """All answers in one object."""
        listed = [self._complete(index, choice) for index, choice in enumerate(choices)]
        return self._object("", listed) | {"usage": usage([choice.finished for choice in choices])}

    def _complete(self, index: int, choice: Choice) -> dict[str, Any]:
        """One answer, or what the specialist says instead: as an answer, and as OpenAI's `refusal`."""
        scored = self.log_probs and not choice.abstained
        reported = log_probs(choice.tokens) if scored else None
        whole = {"index": index, "finish_reason": choice.reason, "logprobs": reported}
        if not self.chat:
            return whole | {"text": choice.text, **_citations(choice.citations)}
        refusal = choice.text if choice.abstained else None
        calls = {"tool_calls": [_call(call) for call in choice.calls]} if choice.calls else {}
        content = None if calls and not choice.text else choice.text
        said = {"role": "assistant", "content": content, "refusal": refusal}
        return whole | {"message": said | calls | _citations(choice.citations)}

    def abstained(self, index: int, event: Abstained) -> bytes:
        """The text instead of an answer, and the last chunk of this answer."""
        refusal = {"refusal": event.text} if self.chat else {}
        return self._chunk(index, {"content": event.text} | refusal) + self._chunk(index, {}, FINISH_REASON)

    def begin(self, index: int) -> bytes:
        """The first chunk of an answer in a chat, with the role; completions have none."""
        return self._chunk(index, {"role": "assistant", "content": ""}) if self.chat else b""

    def text(self, index: int, chunk: TextChunk) -> bytes:
        """A chunk with more text; empty without text and tokens."""
        if not (chunk.text or chunk.tokens):
            return b""
        scored = log_probs(chunk.tokens) if self.log_probs else None
        return self._chunk(index, {"content": chunk.text}, scored=scored)

    def call(self, index: int, call: ToolCall, number: int) -> bytes:
        """A chunk with a call of a tool, which is complete; `number` counts those of the answer."""
        return self._chunk(index, {"tool_calls": [{"index": number} | _call(call)]})

    def end(self, index: int, choice: Choice) -> bytes:
        """The last chunk of an answer, with its finish reason and citations."""
        return self._chunk(index, _citations(choice.citations), choice.reason)

    def done(self, finished: Sequence[Finished]) -> bytes:
        """The end of a stream: the token counts of all answers if they are asked for."""
        counts = event(self._object(".chunk", []) | {"usage": usage(finished)}) if self.with_usage else b""
        return counts + DONE

    def _chunk(
        self, index: int, delta: dict[str, Any], stop: str | None = None, scored: dict[str, Any] | None = None
    ) -> bytes:
        choice: dict[str, Any] = {"index": index, "finish_reason": stop, "logprobs": scored}
        if self.chat:
            choice["delta"] = delta
        else:
            choice["text"] = delta.pop("content", "")
            choice |= delta
        chunk = self._object(".chunk", [choice])
        return event(chunk | {"usage": None} if self.with_usage else chunk)

    def _object(self, part: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "id": f"{'chatcmpl' if self.chat else 'cmpl'}-{self.number}",
            "object": f"chat.completion{part}" if self.chat else "text_completion",
            "created": self.created,
            "model": self.model.name,
            "system_fingerprint": self.model.seal[:16] or None,
            "choices": choices,
        }


def _citations(citations: Sequence[Passage]) -> dict[str, Any]:
    return {"citations": [passage.as_citation() for passage in citations]} if citations else {}


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def log_probs(tokens: Sequence[ScoredToken]) -> dict[str, Any]:
    """OpenAI's `logprobs` object; a token that ends within a character has its bytes, and is shown with U+FFFD."""
    content = [_scored(token) | {"top_logprobs": [_scored(other) for other in token.top]} for token in tokens]
    return {"content": content, "refusal": None}


def _scored(token: ScoredToken) -> dict[str, Any]:
    text = token.raw.decode(errors="replace")
    return {"token": text, "logprob": max(LOWEST, token.log_prob), "bytes": list(token.raw)}


def event(value: object) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def error_event(error: HTTPError) -> bytes:
    """The event that ends a stream whose answer failed after the first chunk."""
    return event(error.body())


def usage(finished: Sequence[Finished]) -> dict[str, int]:
    """OpenAI's `usage` object: the prompt counts once, and the end-of-turn token of each answer counts."""
    prompt, new = max(one.prompt_tokens for one in finished), sum(one.new_tokens for one in finished)
    return {"prompt_tokens": prompt, "completion_tokens": new, "total_tokens": prompt + new}


def model_object(model: ServedModel) -> dict[str, Any]:
    """A specialist in the list of models."""
    return {
        "id": model.name,
        "object": "model",
        "created": model.created,
        "owned_by": "gradschool",
        "max_model_len": model.base.scheduler.context_length,
        "verdict": model.verdict,
        **({"abstains": True} if model.specialist.recipe.abstention else {}),
    }

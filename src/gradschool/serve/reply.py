"""Response bodies: OpenAI's objects for complete answers and for stream chunks, extended by `citations`."""

import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from gradschool.records import Passage
from gradschool.serve.abstaining import FINISH_REASON, Abstained
from gradschool.serve.http_errors import HTTPError
from gradschool.serve.scheduler import Finished
from gradschool.serve.service import ServedModel

DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class Reply:
    """Builds the response to one request; `chat` distinguishes chat completions from completions."""

    model: ServedModel
    chat: bool
    created: int = field(default_factory=lambda: int(time.time()))
    number: str = field(default_factory=lambda: uuid.uuid4().hex)

    def complete(self, text: str, citations: Sequence[Passage], finished: Finished) -> dict[str, Any]:
        """The complete answer in one object."""
        choice: dict[str, Any] = {"index": 0, "finish_reason": finished.stop, "logprobs": None}
        if self.chat:
            choice["message"] = {"role": "assistant", "content": text, "refusal": None, **_citations(citations)}
        else:
            choice |= {"text": text, **_citations(citations)}
        return self._object("", [choice]) | {"usage": usage(finished)}

    def abstained(self, event: Abstained) -> dict[str, Any]:
        """What the specialist says instead of an answer, as an answer and as OpenAI's `refusal`."""
        whole = self.complete(event.text, (), event.finished)
        choice = whole["choices"][0] | {"finish_reason": FINISH_REASON}
        if self.chat:
            choice["message"]["refusal"] = event.text
        return whole | {"choices": [choice]}

    def end_abstained(self, event: Abstained, with_usage: bool) -> bytes:
        """The text instead of an answer, and the last chunks."""
        refusal = {"refusal": event.text} if self.chat else {}
        said = self._chunk({"content": event.text} | refusal, None, with_usage)
        return said + self._end({}, FINISH_REASON, event.finished, with_usage)

    def begin(self, with_usage: bool) -> bytes:
        """The first chunk of a chat, with the role; completions have none."""
        return self._chunk({"role": "assistant", "content": ""}, None, with_usage) if self.chat else b""

    def text(self, text: str, with_usage: bool) -> bytes:
        """A chunk with more text."""
        return self._chunk({"content": text}, None, with_usage)

    def end(self, citations: Sequence[Passage], finished: Finished, with_usage: bool) -> bytes:
        """The last chunks: finish reason and citations, then, if `with_usage`, the token counts."""
        return self._end(_citations(citations), finished.stop, finished, with_usage)

    def _end(self, delta: dict[str, Any], stop: str, finished: Finished, with_usage: bool) -> bytes:
        last = self._chunk(delta, stop, with_usage)
        if with_usage:
            last += event(self._object(".chunk", []) | {"usage": usage(finished)})
        return last + DONE

    def _chunk(self, delta: dict[str, Any], stop: str | None, with_usage: bool) -> bytes:
        choice: dict[str, Any] = {"index": 0, "finish_reason": stop, "logprobs": None}
        if self.chat:
            choice["delta"] = delta
        else:
            choice["text"] = delta.pop("content", "")
            choice |= delta
        chunk = self._object(".chunk", [choice])
        return event(chunk | {"usage": None} if with_usage else chunk)

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


def event(value: object) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def error_event(error: HTTPError) -> bytes:
    """The event that ends a stream whose answer failed after the first chunk."""
    return event(error.body())


def usage(finished: Finished) -> dict[str, int]:
    """OpenAI's `usage` object; the end-of-turn token of the answer counts."""
    prompt, new = finished.prompt_tokens, finished.new_tokens
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

"""What is answered: OpenAI's objects for a whole answer and for its chunks, with citations in a field of their own."""

import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from gradschool.records import Passage
from gradschool.serve.http_errors import HTTPError
from gradschool.serve.scheduler import Ended
from gradschool.serve.service import Served

DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class Reply:
    """The frame around one answer; `chat` tells the two kinds of requests apart."""

    served: Served
    chat: bool
    created: int = field(default_factory=lambda: int(time.time()))
    number: str = field(default_factory=lambda: uuid.uuid4().hex)

    def whole(self, text: str, citations: Sequence[Passage], ended: Ended) -> dict[str, Any]:
        """The answer in one object."""
        choice: dict[str, Any] = {"index": 0, "finish_reason": ended.stop, "logprobs": None}
        cited = {"citations": [cited_as(passage) for passage in citations]} if citations else {}
        if self.chat:
            choice["message"] = {"role": "assistant", "content": text, "refusal": None, **cited}
        else:
            choice |= {"text": text, **cited}
        return self._object("", [choice]) | {"usage": usage(ended)}

    def begin(self, with_usage: bool) -> bytes:
        """The first chunk of a chat; completions have none."""
        return self._chunk({"role": "assistant", "content": ""}, None, with_usage) if self.chat else b""

    def piece(self, text: str, with_usage: bool) -> bytes:
        """A chunk with more text."""
        return self._chunk({"content": text}, None, with_usage)

    def end(self, citations: Sequence[Passage], ended: Ended, with_usage: bool) -> bytes:
        """The last chunks: why the answer ended and what it cites; on request, what it cost."""
        cited = {"citations": [cited_as(passage) for passage in citations]} if citations else {}
        last = self._chunk(cited, ended.stop, with_usage)
        if with_usage:
            last += event(self._object(".chunk", []) | {"usage": usage(ended)})
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
            "model": self.served.name,
            "system_fingerprint": self.served.seal[:16] or None,
            "choices": choices,
        }


def event(value: object) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def failed(refusal: HTTPError) -> bytes:
    """The event that ends a stream whose answer failed after it had begun."""
    return event(refusal.body())


def usage(ended: Ended) -> dict[str, int]:
    """Tokens read and written; the answer's stop token counts."""
    read, written = ended.prompt_tokens, ended.new_tokens
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def cited_as(passage: Passage) -> dict[str, Any]:
    """A passage with its exact place."""
    lines = [passage.first_line, passage.last_line]
    return {"file": passage.file, "lines": lines, "page": passage.page, "text": passage.text}


def model(served: Served) -> dict[str, Any]:
    """A specialist in the list of models."""
    return {
        "id": served.name,
        "object": "model",
        "created": served.created,
        "owned_by": "gradschool",
        "max_model_len": served.base.scheduler.context_length,
        "verdict": served.verdict,
    }

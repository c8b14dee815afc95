"""One answer of llama.cpp in its own protocol, streamed."""

import math
from typing import Any

from gradschool.errors import RemoteError
from gradschool.model.llama_cpp import event_of
from gradschool.model.streamed import StreamError
from gradschool.serve.scheduler import Finished, ScoredToken
from gradschool.serve.upstream import UPSTREAM_FAILED


class LlamaExchange:
    """llama.cpp's /completion, which takes token ids: text from users cannot become control tokens."""

    path = "completion"

    def __init__(self, body: dict[str, Any], top: int | None = None) -> None:
        scored = {} if top is None else {"n_probs": max(1, top)}
        self.body = body | scored | {"stream": True}
        self._top, self._tokens = top, list[ScoredToken]()
        self._finished: Finished | None = None

    def add(self, line: str) -> str:
        """The text of an event; the last one has the finish reason and the counts."""
        event = event_of(line)
        if event is None:
            return ""
        try:
            if event.get("stop"):
                counts = int(event["tokens_evaluated"]), int(event["tokens_predicted"])
                self._finished = Finished("length" if event.get("stop_type") == "limit" else "stop", *counts)
            if self._top is not None:
                reported = event.get("completion_probabilities") or ()
                self._tokens += [_scored(one, self._top) for one in reported if one["bytes"]]
            return str(event.get("content") or "")
        except (ValueError, TypeError, LookupError, OverflowError) as error:
            raise StreamError(f"an event that cannot be read: {line[:200]}") from error

    def tokens(self) -> tuple[ScoredToken, ...]:
        """The tokens since the last call; llama.cpp reports a character of several tokens with that of its last one."""
        tokens, self._tokens = tuple(self._tokens), []
        return tokens

    def end(self) -> tuple[str, None]:
        """Nothing is held back, and no request is sent again."""
        if self._finished is None:
            raise RemoteError(UPSTREAM_FAILED, "Its answer ended early.")
        return "", None

    def refused(self, status: int, content: bytes) -> None:
        """There is no other way to ask."""

    def finished(self) -> Finished:
        """The finish reason and the counts of the last event."""
        assert self._finished is not None
        return self._finished


def _scored(reported: dict[str, Any], top: int) -> ScoredToken:
    """A token as llama.cpp reports it; a log-probability that is no number is that of an impossible one."""
    best = tuple(_scored(other, 0) for other in (reported.get("top_logprobs") or ())[:top])
    log_prob = reported["logprob"]
    return ScoredToken(bytes(reported["bytes"]), -math.inf if log_prob is None else float(log_prob), best)

"""The scheduler of a remote base: requests as its server takes them, and answers without reasoning."""

import logging
import os
import re
from dataclasses import replace
from typing import Any

import httpx

from gradschool.errors import RemoteError
from gradschool.model.chat_api import ChatApi
from gradschool.model.connection import trusts_environment
from gradschool.model.dialect import Dialect, Refusal, endless_reasoning, is_too_long, refusal_of
from gradschool.model.received import MAX_REPLY
from gradschool.model.remote import RemoteEngine
from gradschool.model.reply import CHARACTERS_PER_TOKEN, error_status, parse
from gradschool.model.streamed import StreamedAnswer, StreamError
from gradschool.serve.scheduler import Finished, Prompt, ScoredToken
from gradschool.serve.upstream import UPSTREAM_FAILED, UpstreamScheduler, client_of

LOG = logging.getLogger(__name__)
# Fields that only a stream or a client needs, and how messages of servers name them.
EXTRAS = {
    "stream_options": re.compile(r"stream[_ ]?options|include[_ ]?usage", re.IGNORECASE),
    "stop": re.compile(r"""['"`]stop['"`]|\bstop (sequence|word|string|parameter|is not)|: stop\b""", re.IGNORECASE),
}
NO_ANSWER = "The upstream model gave no answer."


def remote_scheduler(engine: RemoteEngine, at_once: int | None, context_length: int | None) -> UpstreamScheduler:
    """The scheduler for a remote base."""
    settings, api = engine.settings, engine.api
    key = os.environ.get(settings.api_key_env, "")
    client = client_of(api.address, key, settings.timeout, trust_env=trusts_environment(httpx.URL(api.address).host))
    longest = min(engine.context_length, context_length or engine.context_length)
    refused: set[str] = set()

    def begin(prompt: Prompt) -> ChatExchange:
        return ChatExchange(api, prompt, api.dialect, refused)

    return UpstreamScheduler(client, begin, at_once or settings.concurrency, longest)


class ChatExchange:
    """One chat completion of OpenAI's API, in the dialect of its server; `refused` collects the EXTRAS that it refuses.

    Reasoning that begins without a tag is recognized by its closing tag alone. Until the first answer shows whether the
    model reasons in this way, no text is certain before the end.
    """

    path = "chat/completions"

    def __init__(
        self,
        api: ChatApi,
        prompt: Prompt,
        dialect: Dialect,
        refused: set[str],
        otherwise: tuple[str, Finished] | None = None,
    ) -> None:
        self._api, self._prompt, self._dialect, self._refused = api, prompt, dialect, refused
        self._otherwise = otherwise  # the answer, unless this request shows that it was reasoning
        self._answer = StreamedAnswer(
            api.with_reasoning,
            begins_unopened=dialect.unopened,
            held=otherwise is not None or not api.form_known,
            most=dialect.characters(prompt.decoding),
        )
        self._unstreamed: list[str] = []  # the lines of the response of a server that does not stream
        self._left = MAX_REPLY  # characters that these may have yet
        self._instead: ChatExchange | None = None  # the request to send in place of this one
        self._finished = Finished("stop", 0, 0)

    @property
    def body(self) -> dict[str, Any]:
        """A request with messages."""
        fields = self._dialect.body(self._prompt.conversation, self._prompt.decoding)
        return {"model": self._api.model, **fields, "stream": True, **self._extras()}

    def _extras(self) -> dict[str, Any]:
        extras: dict[str, Any] = {"stream_options": {"include_usage": True}}
        if self._prompt.stop and not self._dialect.reasons:  # the server would stop in the reasoning
            extras["stop"] = list(self._prompt.stop)
        return {name: value for name, value in extras.items() if name not in self._refused}

    def add(self, line: str) -> str:
        """The text of the answer that is certain after this line; raises StreamError."""
        if self._unstreamed or line.lstrip().startswith("{"):
            self._unstreamed.append(line)
            self._left -= len(line) + 1
            if self._left < 0:
                raise StreamError(f"more than {MAX_REPLY >> 20} MB without an answer")
            return ""
        if self._instead:
            return ""
        try:
            return self._answer.add(line)
        except StreamError as error:
            other = None if self._answer.said or not error.reported else self._after_error(error.reported)
            if other is None:
                raise
            self._instead = other
            return ""

    def tokens(self) -> tuple[ScoredToken, ...]:
        """None: log-probabilities are not asked for."""
        return ()

    def _after_error(self, content: bytes) -> "ChatExchange | None":
        """The request to send after an error that came as a reply or as an event."""
        if (status := error_status(content)) != 200:
            return self.refused(status, content)
        other = self._api.after_error(self._dialect, content, self._prompt.conversation)
        return self._with(other) if other else None

    def refused(self, status: int, content: bytes) -> "ChatExchange | None":
        """The request without what the server refuses, if it refuses a field."""
        refusal = refusal_of(status, content)
        if extra := self._refused_extra(refusal):
            self._refused.add(extra)
            return self._with(self._dialect)
        other = self._api.after_refusal(self._dialect, refusal, self._prompt.conversation)
        return self._with(other) if other else None

    def _refused_extra(self, refusal: Refusal) -> str:
        """The extra field that a refusal names or, if it names no field at all, may mean."""
        if refusal.status not in (400, 422) or is_too_long(refusal):
            return ""
        sent = self._extras()
        for name, pattern in EXTRAS.items():
            if name in sent and (name in refusal.fields or pattern.search(refusal.message)):
                return name
        named = self._dialect.after(refusal, self._prompt.conversation, known=True)
        return "" if named or self._api.answered else next(iter(sent), "")

    def end(self) -> "tuple[str, ChatExchange | None]":
        """The rest of the answer, or the request with more tokens for reasoning, or without stop strings."""
        if self._instead:
            return "", self._instead
        if self._unstreamed:
            return self._end_unstreamed()
        answer = self._answer
        if not answer.finish:
            raise RemoteError(UPSTREAM_FAILED, "Its answer ended early.")
        said, rest, length = answer.said, answer.end(), answer.cut
        if self._otherwise and not answer.unopened:
            rest, self._finished = self._otherwise
            return rest, None
        tokens = -(-len(rest) // CHARACTERS_PER_TOKEN)
        finished = Finished("length" if length else "stop", answer.prompt_tokens, answer.new_tokens)
        unclear = length and not (said or answer.reasoned or self._api.form_known)
        if unclear and (probe := self._dialect.probe()):
            self._api.form_known = True
            return "", self._with(probe, (rest, finished))
        if answer.reasoned and not said:
            wider = self._dialect.with_larger_allowance()
            if length and wider and tokens < self._prompt.decoding.max_new_tokens:
                return "", self._with(wider)
            if not rest.strip() and "stop" in self._extras():
                return "", self._with(replace(self._dialect, reasons=True))
        if not said and not rest.strip():
            self._refuse_silence(length and answer.reasoned, answer.withheld())
        self._finished, self._api.form_known = finished, True
        self._settle(answer.reasoned, answer.unopened)
        return rest, None

    def _end_unstreamed(self) -> "tuple[str, ChatExchange | None]":
        content = "\n".join(self._unstreamed).encode()
        reply, reason = parse(content, self._api.with_reasoning, self._dialect.unopened)
        if reply is None:
            if other := self._after_error(content):
                return "", other
            raise RemoteError(UPSTREAM_FAILED, f"{reason[0].upper()}{reason[1:]}.")
        cut = reply.cut_in_reasoning(self._prompt.decoding.max_new_tokens)
        if cut and (wider := self._dialect.with_larger_allowance()):
            return "", self._with(wider)
        if reply.withheld:
            raise RemoteError(NO_ANSWER, reply.withheld)
        self._refuse_silence(cut and not reply.answer.strip())
        self._finished = Finished(reply.stop, reply.prompt_tokens or 0, reply.new_tokens or 0)
        self._settle(reply.reasons, reply.unopened)
        return reply.answer, None

    def finished(self) -> Finished:
        """Finish reason and token counts, with the tokens of reasoning, as the server reports them."""
        return self._finished

    def _refuse_silence(self, endless: bool, withheld: str = "") -> None:
        if endless:
            reason = endless_reasoning(self._dialect)
            raise RemoteError(NO_ANSWER, f"{reason[0].upper()}{reason[1:]}.")
        if withheld:
            raise RemoteError(NO_ANSWER, withheld)

    def _with(self, dialect: Dialect, otherwise: tuple[str, Finished] | None = None) -> "ChatExchange":
        return ChatExchange(self._api, self._prompt, dialect, self._refused, otherwise)

    def _settle(self, reasons: bool, unopened: bool) -> None:
        """Use the dialect for all later requests, and log what is new about the server."""
        self._api.settle(self._dialect, reasons, unopened)
        for note in self._api.new_notes():
            LOG.warning("%s", note)

"""A scheduler for models on another HTTP server: llama.cpp in a child process, or the remote base of a specialist.

Answers are streamed through. A cancelled request closes its connection, so that the other server cancels it too.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, Protocol, TypeAlias

import httpx

from gradschool.errors import RemoteError
from gradschool.model.dialect import MAX_MESSAGE_BYTES, TOO_LONG, refusal_of
from gradschool.model.received import PLAIN, blocks_async
from gradschool.model.sse import lines_of_async
from gradschool.model.streamed import StreamError
from gradschool.model.tool_turns import Tool
from gradschool.records import Conversation, Decoding
from gradschool.serve.http_errors import HTTPError, no_log_probs
from gradschool.serve.scheduler import AnswerStream, Finished, Prompt, ScoredToken, TextChunk

UPSTREAM_FAILED = "The upstream model failed."


class Exchange(Protocol):
    """One request to an upstream server, and the answer that it has streamed so far."""

    path: str

    @property
    def body(self) -> dict[str, Any]:
        """The body of the request."""
        ...

    def add(self, line: str) -> str:
        """The text that is certain after this line of the response; raises StreamError."""
        ...

    def tokens(self) -> tuple[ScoredToken, ...]:
        """The tokens that were received since the last call, if their log-probabilities were asked for."""
        ...

    def end(self) -> "tuple[str, Exchange | None]":
        """After the response: the rest of the text, or the request to send instead. Raises RemoteError."""
        ...

    def refused(self, status: int, content: bytes) -> "Exchange | None":
        """The request to send after this one was refused; None if there is no other."""
        ...

    def finished(self) -> Finished:
        """Finish reason and token counts (0 if unknown) of a complete answer."""
        ...


Begin: TypeAlias = Callable[[Prompt], Exchange]


class UpstreamScheduler:
    """Sends each request to an upstream server, at most `at_once` at a time; `begin` makes it from a prompt."""

    max_token = 0
    failure = ""
    chat = None

    def __init__(self, client: httpx.AsyncClient, begin: Begin, at_once: int, context_length: int) -> None:
        self.at_once, self.context_length = at_once, context_length
        self._client, self._begin = client, begin
        self._slots = asyncio.Semaphore(at_once)

    def tokens(
        self, conversation: Conversation, tools: Sequence[Tool] = (), begun: str = ""
    ) -> tuple[int, tuple[int, ...]]:
        """Unknown (0): the upstream server counts tokens and rejects prompts that are too long."""
        return 0, ()

    def demand_log_probs(self, decoding: Decoding) -> None:
        """Raises HTTPError: what a server of others reports cannot be checked, nor without its reasoning."""
        raise no_log_probs("The base of this specialist is on another server.")

    async def answer(self, prompt: Prompt) -> AnswerStream:
        """Stream an answer; closing the generator closes the connection."""
        count = 0
        async with self._slots:
            exchange = self._begin(prompt)
            while True:
                following: Exchange | None = None
                async with contextlib.aclosing(self._lines(exchange)) as lines:
                    async for line in lines:
                        if isinstance(line, str):
                            text, tokens = _added(exchange, line), exchange.tokens()
                            if text or tokens:
                                count += 1
                                yield TextChunk(text, count, tokens)
                        else:
                            following = line
                if following is None:
                    rest, following = exchange.end()
                    if rest:
                        count += 1
                        yield TextChunk(rest, count)
                if following is None:
                    break
                exchange = following
        finished = exchange.finished()
        yield Finished(finished.stop, finished.prompt_tokens or prompt.tokens, finished.new_tokens or count)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def _lines(self, exchange: Exchange) -> AsyncGenerator[str | Exchange, None]:
        """The lines of a response, or the request to send after a refusal."""
        try:
            async with self._client.stream("POST", exchange.path, json=exchange.body) as response:
                if response.status_code == 200:
                    async for line in lines_of_async(blocks_async(response)):
                        yield line
                    return
                content = await _beginning(response)
                if (other := exchange.refused(response.status_code, content)) is None:
                    raise _error(response.status_code, content)
                yield other
        except httpx.HTTPError as error:
            raise RemoteError(
                "The upstream model does not answer.", f"{str(error) or type(error).__name__}."
            ) from error


def _added(exchange: Exchange, line: str) -> str:
    try:
        return exchange.add(line)
    except StreamError as error:
        raise RemoteError(UPSTREAM_FAILED, f"It sent: {error}.") from error


async def _beginning(response: httpx.Response) -> bytes:
    """As much of the body of an error as is read for its message."""
    content = bytearray()
    async for block in blocks_async(response):
        content += block
        if len(content) >= MAX_MESSAGE_BYTES:
            break
    return bytes(content[:MAX_MESSAGE_BYTES])


def _error(status: int, content: bytes) -> HTTPError:
    reason = refusal_of(status, content).message
    message = f"The upstream model answered {status}: {reason[:300]}"
    if status in (400, 413, 422):
        too_long = status == 413 or "context" in message.lower() or any(one in message.lower() for one in TOO_LONG)
        return HTTPError(400, message, code="context_length_exceeded" if too_long else None)
    return HTTPError(503 if status in (429, 503) else 502, message, code="bad_gateway")


def address_of(address: str) -> str:
    """An address that paths can be joined to."""
    return address.rstrip("/") + "/"


def client_of(address: str, key: str, timeout: float, trust_env: bool) -> httpx.AsyncClient:
    """A client without keep-alive: the server could close an idle connection just as it is used again."""
    headers = PLAIN | ({"Authorization": f"Bearer {key}"} if key else {})
    limits = httpx.Limits(max_keepalive_connections=0)
    url = address_of(address)
    return httpx.AsyncClient(base_url=url, headers=headers, timeout=timeout, limits=limits, trust_env=trust_env)

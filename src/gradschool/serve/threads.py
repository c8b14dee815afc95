"""The scheduler of engines without one of their own: a thread for each request."""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from gradschool.model.engine import Engine
from gradschool.model.tool_turns import Tool
from gradschool.records import Conversation, Decoding, Message
from gradschool.serve.http_errors import no_log_probs
from gradschool.serve.scheduler import AnswerStream, Finished, Prompt, TextChunk

AT_ONCE = 8


class ThreadScheduler:
    """Streams answers from an engine, which also counts tokens."""

    max_token = 0
    failure = ""
    chat = None

    def __init__(self, engine: Engine, at_once: int | None, context_length: int | None) -> None:
        self._engine, self.at_once = engine, at_once or AT_ONCE
        self.context_length = min(engine.context_length, context_length or engine.context_length)
        self._threads = ThreadPoolExecutor(self.at_once, "gradschool-answer")

    def tokens(
        self, conversation: Conversation, tools: Sequence[Tool] = (), begun: str = ""
    ) -> tuple[int, tuple[int, ...]]:
        """The number of tokens of a conversation, without their ids."""
        return self._engine.count_tokens(conversation), ()

    def demand_log_probs(self, decoding: Decoding) -> None:
        """Raises HTTPError: an engine's stream is text."""
        raise no_log_probs("The base of this specialist does not report them.")

    async def answer(self, prompt: Prompt) -> AnswerStream:
        """Stream an answer; closing the generator stops it at the next chunk."""
        loop, chunks = asyncio.get_running_loop(), asyncio.Queue[str | Exception | None]()
        cancelled = threading.Event()

        def work() -> None:
            ending: Exception | None = None
            try:
                for chunk in self._engine.stream(prompt.conversation, prompt.decoding, prompt.adapter):
                    if cancelled.is_set():
                        return
                    loop.call_soon_threadsafe(chunks.put_nowait, chunk)
            except Exception as error:  # raised in the event loop below
                ending = error
            loop.call_soon_threadsafe(chunks.put_nowait, ending)

        future = self._threads.submit(work)
        text = ""
        try:
            while (chunk := await chunks.get()) is not None:
                if isinstance(chunk, Exception):
                    raise chunk
                text += chunk
                yield TextChunk(chunk, self._count(text))
            count = self._count(text)
            yield Finished("length" if count >= prompt.decoding.max_new_tokens else "stop", prompt.tokens, count)
        finally:
            cancelled.set()
            future.cancel()

    async def close(self) -> None:
        """Start no more work, and do not wait for the rest."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _count(self, text: str) -> int:
        return self._engine.count_tokens((Message("assistant", text),))

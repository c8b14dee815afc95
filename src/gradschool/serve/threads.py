"""The scheduler of any other engine that answers in this process: a thread for each request under way."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from gradschool.model.engine import Engine
from gradschool.records import Conversation, Message
from gradschool.serve.scheduler import AnswerStream, Finished, Prompt, TextChunk

AT_ONCE = 8


class ThreadScheduler:
    """Streams from an engine; tokens are counted by the engine's own measure."""

    def __init__(self, engine: Engine, at_once: int | None, context_length: int | None) -> None:
        self._engine, self.at_once = engine, at_once or AT_ONCE
        self.context_length = min(engine.context_length, context_length or engine.context_length)
        self._threads = ThreadPoolExecutor(self.at_once, "gradschool-answer")

    def tokens(self, conversation: Conversation) -> tuple[int, tuple[int, ...]]:
        """How many tokens a conversation takes, as the engine counts."""
        return self._engine.count_tokens(conversation), ()

    async def answer(self, prompt: Prompt) -> AnswerStream:
        """Answer piece by piece; closing the generator ends the work at the next piece."""
        loop, heard = asyncio.get_running_loop(), asyncio.Queue[str | Exception | None]()
        gone = threading.Event()

        def work() -> None:
            ending: Exception | None = None
            try:
                for piece in self._engine.stream(prompt.conversation, prompt.decoding):
                    if gone.is_set():
                        return
                    loop.call_soon_threadsafe(heard.put_nowait, piece)
            except Exception as error:  # raised again where the pieces are read
                ending = error
            loop.call_soon_threadsafe(heard.put_nowait, ending)

        under_way = self._threads.submit(work)
        text = ""
        try:
            while (piece := await heard.get()) is not None:
                if isinstance(piece, Exception):
                    raise piece
                text += piece
                yield TextChunk(piece, self._count(text))
            count = self._count(text)
            yield Finished("length" if count >= prompt.decoding.max_new_tokens else "stop", prompt.tokens, count)
        finally:
            gone.set()
            under_way.cancel()

    async def close(self) -> None:
        """Wait for no more work."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _count(self, text: str) -> int:
        return self._engine.count_tokens((Message("assistant", text),))

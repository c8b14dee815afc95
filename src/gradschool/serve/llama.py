"""The scheduler of a GGUF file, which llama.cpp runs."""

import contextlib
import logging
import threading
from collections.abc import Sequence

from gradschool.errors import GradschoolError
from gradschool.model.llama_cpp import ANSWER_SECONDS
from gradschool.model.llama_engine import LlamaEngine
from gradschool.model.tool_turns import Tool
from gradschool.records import Conversation, Decoding
from gradschool.serve.http_errors import HTTPError, no_log_probs
from gradschool.serve.llama_exchange import LlamaExchange
from gradschool.serve.scheduler import AnswerStream, Prompt
from gradschool.serve.upstream import UpstreamScheduler, address_of, client_of

LOG = logging.getLogger(__name__)


class LlamaScheduler:
    """Answers with llama.cpp, which batches concurrent requests.

    If llama.cpp ends, `failure` says so and requests are refused with 503. It is started again once.
    """

    def __init__(self, engine: LlamaEngine) -> None:
        self.engine = engine
        self.at_once, self.context_length = engine.at_once, engine.context_length
        self.max_token, self.chat = engine.max_token, engine.chat
        self.failure = ""
        self._closing = threading.Event()
        self._client = client_of(engine.server.address, engine.key, ANSWER_SECONDS, trust_env=False)
        self._upstream = UpstreamScheduler(self._client, self._exchange, self.at_once, self.context_length)
        threading.Thread(target=self._watch, name="gradschool-llama", daemon=True).start()

    def _exchange(self, prompt: Prompt) -> LlamaExchange:
        body = self.engine.body(prompt.ids, prompt.decoding, prompt.adapter)
        if prompt.markup and self.chat:
            body["preserved_tokens"] = self.chat.control_tokens(self.chat.tool_format.markup)
        return LlamaExchange(body, prompt.top)

    def demand_log_probs(self, decoding: Decoding) -> None:
        """Raises HTTPError for an answer that is constrained: llama.cpp reports them as if it were not."""
        if decoding.constraint:
            raise no_log_probs("llama.cpp does not report those of an answer that is constrained.")

    def tokens(
        self, conversation: Conversation, tools: Sequence[Tool] = (), begun: str = ""
    ) -> tuple[int, tuple[int, ...]]:
        """The number of tokens of a prompt, and their ids."""
        self._demand_running()
        try:
            chat = self.engine.chat
            ids = tuple(chat.prompt_ids(conversation, tools, begun) if chat else self.engine.prompt_ids(conversation))
        except Exception:  # the connection was lost, or closed by the restart
            self._demand_running()
            raise
        return len(ids), ids

    async def answer(self, prompt: Prompt) -> AnswerStream:
        """Stream an answer; closing the generator cancels it in llama.cpp."""
        self._demand_running()
        async with contextlib.aclosing(self._upstream.answer(prompt)) as events:
            try:
                async for event in events:
                    yield event
            except GradschoolError:
                self._demand_running()
                raise

    async def close(self) -> None:
        """Close all connections and stop llama.cpp."""
        self._closing.set()
        await self._upstream.close()
        self.engine.close()

    def _demand_running(self) -> None:
        """Raise HTTPError 503 if llama.cpp has ended, or is starting again."""
        if self.failure or not self.engine.server.runs:
            raise HTTPError(503, self.failure or "llama.cpp has ended.", code="model_unavailable")

    def _watch(self) -> None:
        """Wait until llama.cpp ends; start it again once."""
        self.engine.server.wait()
        if self._closing.is_set():
            return
        self.failure = "llama.cpp has ended; it is starting again."
        LOG.error("llama.cpp ended with code %s; it is started again.", self.engine.server.wait())
        try:
            self.engine.restart()
        except GradschoolError as error:
            LOG.error("llama.cpp could not be started again: %s %s", error.what, error.why)
        else:
            self._client.base_url = address_of(self.engine.server.address)
            self.failure = ""
            self.engine.server.wait()
        if not self._closing.is_set():
            self.failure = "llama.cpp has ended and is not started again; restart the server."
            LOG.error(self.failure)

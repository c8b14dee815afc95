"""The scheduler of a GGUF file, which llama.cpp runs."""

from gradschool.model.llama_cpp import ANSWER_SECONDS
from gradschool.model.llama_engine import LlamaEngine
from gradschool.records import Conversation
from gradschool.serve.scheduler import AnswerStream, Prompt
from gradschool.serve.upstream import LlamaExchange, UpstreamScheduler, client_of


class LlamaScheduler:
    """Answers with llama.cpp, which batches concurrent requests."""

    def __init__(self, engine: LlamaEngine) -> None:
        self._engine = engine
        self.at_once, self.context_length = engine.at_once, engine.context_length
        client = client_of(engine.server.address, engine.key, ANSWER_SECONDS, trust_env=False)
        self._upstream = UpstreamScheduler(client, LlamaExchange, self.at_once, self.context_length)

    def tokens(self, conversation: Conversation) -> tuple[int, tuple[int, ...]]:
        """The number of tokens of a prompt, and their ids."""
        ids = tuple(self._engine.prompt_ids(conversation))
        return len(ids), ids

    def answer(self, prompt: Prompt) -> AnswerStream:
        """Stream an answer; closing the generator cancels it in llama.cpp."""
        return self._upstream.answer(prompt)

    async def close(self) -> None:
        """Close all connections and stop llama.cpp."""
        await self._upstream.close()
        self._engine.close()

"""The scheduler of a local base: one batcher for all of its specialists."""

import asyncio
from collections.abc import Sequence

from gradschool.errors import GradschoolError
from gradschool.model.decoding import Token
from gradschool.model.detokenizer import IncrementalDetokenizer
from gradschool.model.local import LocalEngine
from gradschool.model.memory import AT_ONCE
from gradschool.model.prefix import prompt_prefix
from gradschool.model.signals import Likelihood, signals_of
from gradschool.model.tool_turns import Tool
from gradschool.records import Conversation, Decoding, Message
from gradschool.serve.batcher import Batcher, Request, SamplingGroup
from gradschool.serve.scheduler import MAX_TOP, AnswerStream, Finished, Prompt, ScoredToken, TextChunk
from gradschool.specialist import Specialist

END_SECONDS = 10.0  # to finish the current step
PROBES = ("a", "Z", "1", "é", "\n?")


class LocalScheduler:
    """Answers requests for all specialists of one base.

    Raises ModelError if an adapter does not fit the base.
    """

    failure = ""

    def __init__(
        self, engine: LocalEngine, specialists: Sequence[Specialist], at_once: int | None, context_length: int | None
    ) -> None:
        self.context_length = min(engine.context_length, context_length or engine.context_length)
        self.at_once = at_once or engine.batch_size or AT_ONCE
        self.max_token = engine.chat.max_token
        self.chat, self._stop_ids, self._bytes = engine.chat, frozenset(engine.stop_ids), engine.token_bytes
        self._batcher = Batcher(engine, [sampling_group_of(one, engine) for one in specialists], self.at_once)
        self._batcher.start()

    def tokens(
        self, conversation: Conversation, tools: Sequence[Tool] = (), begun: str = ""
    ) -> tuple[int, tuple[int, ...]]:
        """The number of tokens of a conversation up to the start of the answer, and their ids."""
        ids = tuple(self.chat.prompt_ids(conversation, tools, begun))
        return len(ids), ids

    def demand_log_probs(self, decoding: Decoding) -> None:
        """They are those of the network, or of the tokens that a constraint allows."""
        self._bytes(0)  # the first use reads the whole vocabulary: not in the event loop

    def _scored(self, token: Token, top: int) -> ScoredToken:
        """A token with `top` likeliest ones; one without a likelihood is the only one that its constraint allows."""
        known = token.likelihood
        log_prob, likeliest = (known.log_prob, known.top) if known else (0.0, ((token.token, 0.0),))
        best = tuple(ScoredToken(self._bytes(other), value) for other, value in likeliest[:top])
        return ScoredToken(self._bytes(token.token), log_prob, best)

    async def answer(self, prompt: Prompt) -> AnswerStream:
        """Stream an answer; closing the generator frees its row."""
        loop, tokens = asyncio.get_running_loop(), asyncio.Queue[Token | GradschoolError]()

        def emit(token: Token | GradschoolError) -> None:
            if not loop.is_closed():  # a second Ctrl-C does not wait for answers
                loop.call_soon_threadsafe(tokens.put_nowait, token)

        # All requests with log-probabilities get the most of them, so that they have batches in common.
        request = Request(prompt.adapter, prompt.ids, prompt.decoding, emit, 0 if prompt.top is None else MAX_TOP)
        decode = self.chat.decode_markup if prompt.markup else self.chat.decode
        text, count, likely = IncrementalDetokenizer(decode), 0, list[Likelihood]()
        self._batcher.put(request)
        try:
            while True:
                token = await tokens.get()
                if isinstance(token, GradschoolError):
                    raise token
                count += 1
                stopped = token.token in self._stop_ids
                if token.likelihood:
                    likely.append(token.likelihood)
                scored = () if stopped or prompt.top is None else (self._scored(token, prompt.top),)
                yield TextChunk("" if stopped else text.add(token.token), count, scored)
                if token.last:
                    yield TextChunk(text.end(), count)
                    yield Finished("stop" if stopped else "length", len(prompt.ids), count, signals_of(likely))
                    return
        finally:
            request.cancelled = True

    async def close(self) -> None:
        """Stop the batcher after its current step."""
        self._batcher.end()
        await asyncio.to_thread(self._batcher.join, END_SECONDS)


def sampling_group_of(specialist: Specialist, engine: LocalEngine) -> SamplingGroup:
    """The sampling settings of a specialist and the prefix of its prompts, found with a few different questions."""
    recipe = specialist.recipe
    asked = [specialist.conversation((Message("user", text),))[0] for text in PROBES]
    prompts = [engine.chat.prompt_ids(conversation) for conversation in asked]
    shared = prompt_prefix(prompts)
    prefix, abstains = tuple(prompts[0][:shared]), recipe.abstention is not None
    return SamplingGroup(recipe.adapter, recipe.decoding.temperature, recipe.decoding.top_p, prefix, abstains)

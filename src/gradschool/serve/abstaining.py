"""Answers of specialists that may abstain: each is complete before it is decided whether it is given."""

import asyncio
import contextlib
import logging
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gradschool.model.compared import label_answer, label_log_probs, label_shares
from gradschool.model.engine import Engine, refused
from gradschool.model.remote import new_notes
from gradschool.model.tool_turns import Tool
from gradschool.records import Abstention, Answer, Constraint, Conversation, Decoding
from gradschool.score.abstention import keeps
from gradschool.serve.scheduler import AnswerStream, Finished, Prompt, Scheduler, ScoredToken, TextChunk

HEADER = "X-Gradschool-Abstained"
LOG = logging.getLogger(__name__)
FINISH_REASON = "content_filter"  # of OpenAI's finish reasons, the one for an answer that is withheld


@dataclass(frozen=True, slots=True)
class Abstained:
    """The last and only event of an answer that is withheld: what the specialist says instead."""

    text: str
    finished: Finished


async def decide(stream: AnswerStream, prompt: Prompt, abstention: Abstention) -> Abstained | AnswerStream:
    """Wait for a complete answer: the same answer as a stream, or that the specialist abstains."""
    chunks: list[TextChunk] = []
    async with contextlib.aclosing(stream):
        async for event in stream:
            if isinstance(event, Finished):
                answer = Answer("", event.stop, signals=event.signals | prompt.signals)
                return _replay(chunks, event) if keeps(abstention, answer) else Abstained(abstention.text, event)
            chunks.append(event)
    raise AssertionError("an answer ended without Finished")


async def _replay(chunks: Sequence[TextChunk], finished: Finished) -> AnswerStream:
    for chunk in chunks:
        yield chunk
    yield finished


class WholeAnswers:
    """Another scheduler, except that some answers come whole from the engine, in a thread: labels that are compared.

    Those which need signals come whole too, unless the scheduler has `signals`; so do those that are constrained if the
    engine has to check them (`checks`).
    """

    failure = ""

    def __init__(
        self,
        engine: Engine,
        scheduler: Scheduler,
        threads: int | None = None,
        signals: bool = False,
        checks: bool = False,
    ) -> None:
        self._engine, self._scheduler, self._signals, self._checks = engine, scheduler, signals, checks
        self.at_once, self.context_length = scheduler.at_once, scheduler.context_length
        self.max_token, self.chat = scheduler.max_token, scheduler.chat
        self._threads = ThreadPoolExecutor(threads or self.at_once, "gradschool-whole")

    def tokens(
        self, conversation: Conversation, tools: Sequence[Tool] = (), begun: str = ""
    ) -> tuple[int, tuple[int, ...]]:
        """The tokens of a prompt."""
        return self._scheduler.tokens(conversation, tools, begun)

    def demand_log_probs(self, decoding: Decoding) -> None:
        """As the other scheduler; of a label that is compared, its confidence is known."""
        self._scheduler.demand_log_probs(decoding)

    async def answer(self, prompt: Prompt) -> AnswerStream:
        """Stream an answer, in one chunk if it is a compared label, if its signals are needed, or if it is checked."""
        decoding = prompt.decoding
        checked = self._checks and decoding.constraint is not None
        if not (decoding.compares or (decoding.log_probs and not self._signals) or checked):
            async with contextlib.aclosing(self._scheduler.answer(prompt)) as events:
                async for event in events:
                    yield event
            return
        answer, scored = await asyncio.get_running_loop().run_in_executor(self._threads, self._whole, prompt)
        yield TextChunk(answer.text, answer.new_tokens, scored)
        yield Finished(
            "length" if answer.stop == "length" else "stop", answer.prompt_tokens, answer.new_tokens, answer.signals
        )

    async def close(self) -> None:
        """Stop all work, and do not wait for answers in threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        await self._scheduler.close()

    def _whole(self, prompt: Prompt) -> tuple[Answer, tuple[ScoredToken, ...]]:
        """An answer and, for a label that was compared, its probability among all labels."""
        constraint, asked = prompt.decoding.constraint, [prompt.conversation]
        scored: tuple[ScoredToken, ...] = ()
        if constraint and prompt.decoding.compares:
            [read] = label_log_probs(self._engine, asked, constraint.choices, prompt.adapter)
            answer = label_answer(self._engine, prompt.conversation, constraint, read)
            if read is not None and prompt.top is not None:
                scored = (_label(constraint, label_shares(read, constraint), prompt.top),)
        else:
            [(_, answer)] = self._engine.answer(asked, prompt.decoding, prompt.adapter)
            for note in new_notes(self._engine):
                LOG.warning("%s", note)
        if answer.failure is not None:
            raise refused(answer.failure)
        return answer, scored


def _label(constraint: Constraint, shares: NDArray[np.float64], top: int) -> ScoredToken:
    """The most probable label with its confidence, as one token, and those of the `top` most probable labels."""
    order = np.argsort(-shares, kind="stable")
    found = [ScoredToken(constraint.choices[place].encode(), _log(shares[place])) for place in order]
    return replace(found[0], top=tuple(found[:top]))


def _log(share: float) -> float:
    return math.log(share) if share > 0 else -math.inf

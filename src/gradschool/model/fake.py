"""An engine without a model, for tests: it answers with a given function, and counts words as tokens."""

import hashlib
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches

from gradschool.model.compared import compared
from gradschool.model.engine import (
    Continuation,
    TextLoss,
    refuse_adapter,
    refuse_constraint,
    refused,
    too_long,
)
from gradschool.model.signals import Likelihood, signals_of
from gradschool.records import Answer, BaseIdentity, Constraint, Conversation, Decoding


class FakeEngine:
    """Answers with `answer(conversation)`, or repeats the last message.

    The likelihood of a word depends on the word alone, as its loss does, unless `log_prob` gives that of all its words.
    One that `constrains` answers with the most similar of the choices. A token is a word. `max_new_tokens` and
    `context_length` limit answers and conversations as in any engine.
    """

    trains = False
    repeats_exactly = False  # packages are only compared over real bases
    chat = None

    def __init__(
        self,
        answer: Callable[[Conversation], str] | None = None,
        context_length: int = 4096,
        log_prob: Callable[[Conversation], float] | None = None,
        constrains: bool = False,
    ) -> None:
        self._answer, self._log_prob, self._constrains = answer or _repeat, log_prob, constrains
        self._context_length = context_length

    @property
    def identity(self) -> BaseIdentity:
        return BaseIdentity("fake", "fake")

    @property
    def context_length(self) -> int:
        return self._context_length

    def answer(
        self, conversations: Sequence[Conversation], decoding: Decoding, adapter: str = ""
    ) -> Iterator[tuple[int, Answer]]:
        """Answer one after the other, in order."""
        refuse_adapter(adapter, "The fake engine")
        if decoding.constraint and decoding.compares:
            yield from compared(self, conversations, decoding.constraint)
            return
        for position, conversation in enumerate(conversations):
            yield position, self._one(conversation, decoding)

    def stream(self, conversation: Conversation, decoding: Decoding, adapter: str = "") -> Iterator[str]:
        """Answer word by word; raises ModelError if the conversation is too long."""
        refuse_adapter(adapter, "The fake engine")
        answer = self._one(conversation, decoding)
        if answer.failure is not None:
            raise refused(answer.failure)
        start = 0
        for end in (i + 1 for i, character in enumerate(answer.text) if character == " "):
            yield answer.text[start:end]
            start = end
        if rest := answer.text[start:]:
            yield rest

    def demand_constraint(self, constraint: Constraint) -> None:
        """Raises ModelError for a JSON schema, or if it does not constrain."""
        if not (self._constrains and constraint.choices):
            refuse_constraint(Decoding(constraint=constraint), "The fake engine")

    def count_tokens(self, conversation: Conversation) -> int:
        """The number of words of the conversation."""
        return sum(len(message.content.split()) for message in conversation)

    def text_losses(self, texts: Sequence[str], adapter: str = "") -> list[TextLoss]:
        """A loss between 0 and 8 nats per word, which depends on the word alone."""
        return [TextLoss(sum(map(_word_nats, text.split())), len(text.split())) for text in texts]

    def continuations(
        self,
        conversations: Sequence[Conversation],
        texts: Sequence[Sequence[str]],
        adapter: str = "",
        *,
        ended: bool = False,
    ) -> list[list[Continuation] | None]:
        """Losses by word as those of `text_losses`; a word is the most likely one if the answer has it there."""
        refuse_adapter(adapter, "The fake engine")
        return [
            [_continuation(text.split(), self._answer(asked).split()) for text in its]
            for asked, its in zip(conversations, texts, strict=True)
        ]

    def _one(self, conversation: Conversation, decoding: Decoding) -> Answer:
        tokens = self.count_tokens(conversation)
        if tokens >= self._context_length:
            return too_long(tokens, self._context_length)
        text = self._answer(conversation)
        if decoding.constraint:
            self.demand_constraint(decoding.constraint)
            text = get_close_matches(text, decoding.constraint.choices, n=1, cutoff=0)[0]
        words = text.split()
        limit = min(decoding.max_new_tokens, self._context_length - tokens)
        signals = self._signals(conversation, words[:limit]) if decoding.log_probs else {}
        if len(words) <= limit:
            return Answer(text, "stop", tokens, len(words), signals=signals)
        return Answer(" ".join(itertools.islice(words, limit)), "length", tokens, limit, signals=signals)

    def _signals(self, conversation: Conversation, words: Sequence[str]) -> dict[str, float]:
        log_probs = [-_word_nats(word) for word in words]
        if self._log_prob:
            log_probs = [self._log_prob(conversation)] * len(words)
        return signals_of([Likelihood(log_prob, math.exp(log_prob)) for log_prob in log_probs])


def _repeat(conversation: Conversation) -> str:
    return conversation[-1].content if conversation else ""


def _word_nats(word: str) -> float:
    return hashlib.sha256(word.encode()).digest()[0] / 32


def _continuation(words: Sequence[str], answer: Sequence[str]) -> Continuation:
    likely = (place < len(answer) and answer[place] == word for place, word in enumerate(words))
    return Continuation(tuple(map(_word_nats, words)), tuple(likely))

"""An engine that counts what an audit computes, and computes nothing twice for the plain base."""

from collections.abc import Iterator, Sequence
from typing import Any

from gradschool.audit.budget import WRITTEN, Budget
from gradschool.model.chat import Chat, Unfit
from gradschool.model.engine import Continuation, Engine, TextLoss
from gradschool.model.prefix import common_prefix
from gradschool.records import Answer, BaseIdentity, Constraint, Conversation, Decoding


class Metered:
    """An engine that counts its tokens in a budget, and remembers what the base said without an adapter.

    Several audits over one base, such as those of a training and of what may mend it, ask the base the same. What all
    prompts of a call share is counted once, as it is read once. `plain` is what was computed without an adapter.
    """

    def __init__(self, engine: Engine, budget: Budget) -> None:
        self.engine, self.budget, self.plain = engine, budget, 0.0
        self._known: dict[Any, Any] = {}

    @property
    def identity(self) -> BaseIdentity:
        """That of the engine."""
        return self.engine.identity

    @property
    def context_length(self) -> int:
        """That of the engine."""
        return self.engine.context_length

    @property
    def trains(self) -> bool:
        """That of the engine."""
        return self.engine.trains

    @property
    def repeats_exactly(self) -> bool:
        """That of the engine."""
        return self.engine.repeats_exactly

    @property
    def chat(self) -> Chat | None:
        """That of the engine."""
        return self.engine.chat

    def demand_constraint(self, constraint: Constraint) -> None:
        """As the engine does."""
        self.engine.demand_constraint(constraint)

    def count_tokens(self, conversation: Conversation) -> int:
        """As the engine does; nothing is computed."""
        return self.engine.count_tokens(conversation)

    def stream(self, conversation: Conversation, decoding: Decoding, adapter: str = "") -> Iterator[str]:
        """Answer one conversation as a stream, which no audit asks for: it is not counted."""
        return self.engine.stream(conversation, decoding, adapter)

    def answer(
        self, conversations: Sequence[Conversation], decoding: Decoding, adapter: str = ""
    ) -> Iterator[tuple[int, Answer]]:
        """Answer conversations; those that the plain base has answered are not asked again."""
        keys = [("answer", conversation, decoding) for conversation in conversations]
        new = self._new(keys, adapter)
        asked = [conversations[position] for position in new]
        self._spend(self._read(asked), adapter)
        for place, answer in self.engine.answer(asked, decoding, adapter) if asked else ():
            self._spend(WRITTEN * answer.new_tokens, adapter)
            self._keep(keys[new[place]], answer, adapter)
            yield new[place], answer
        asked_now = set(new)
        yield from ((position, self._known[key]) for position, key in enumerate(keys) if position not in asked_now)

    def text_losses(self, texts: Sequence[str], adapter: str = "") -> list[TextLoss]:
        """The losses of plain texts."""
        keys = [("text", text) for text in texts]
        new = self._new(keys, adapter)
        found = self.engine.text_losses([texts[position] for position in new], adapter) if new else []
        self._spend(sum(loss.tokens for loss in found), adapter)
        return self._all(keys, new, found, adapter)

    def continuations(
        self,
        conversations: Sequence[Conversation],
        texts: Sequence[Sequence[str]],
        adapter: str = "",
        *,
        ended: bool = False,
    ) -> list[list[Continuation] | None]:
        """How likely each text is after its conversation."""
        keys = [("read", asked, tuple(its), ended) for asked, its in zip(conversations, texts, strict=True)]
        new = self._new(keys, adapter)
        asked = [conversations[position] for position in new]
        options = {"ended": True} if ended else {}
        found = (
            self.engine.continuations(asked, [texts[position] for position in new], adapter, **options) if new else []
        )
        self._spend(self._read(asked) + sum(len(one.nats) for its in found for one in its or ()), adapter)
        return self._all(keys, new, found, adapter)

    def _read(self, conversations: Sequence[Conversation]) -> int:
        """The tokens of prompts, what they share once; one that cannot be read has none."""
        if not (chat := self.engine.chat):
            return sum(map(self.engine.count_tokens, conversations))
        prompts = []
        for conversation in conversations:
            try:
                prompts.append(chat.prompt_ids(conversation))
            except Unfit:
                continue
        return sum(map(len, prompts)) - (len(prompts) - 1) * common_prefix(prompts) if prompts else 0

    def _spend(self, tokens: int, adapter: str) -> None:
        self.budget.spent += tokens
        self.plain += 0 if adapter else tokens

    def _new(self, keys: Sequence[Any], adapter: str) -> list[int]:
        return [position for position, key in enumerate(keys) if adapter or key not in self._known]

    def _keep(self, key: Any, value: Any, adapter: str) -> None:
        if not adapter:
            self._known[key] = value

    def _all(self, keys: Sequence[Any], new: Sequence[int], found: Sequence[Any], adapter: str) -> list[Any]:
        """What was found for each key, now or before."""
        for position, value in zip(new, found, strict=True):
            self._keep(keys[position], value, adapter)
        now = dict(zip(new, found, strict=True))
        return [now[position] if position in now else self._known[key] for position, key in enumerate(keys)]

"""What every engine can do."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from gradschool.errors import ModelError
from gradschool.model.chat import Chat
from gradschool.records import Answer, BaseIdentity, Constraint, Conversation, Decoding, Failure

Runtime = Literal["torch", "llama"]  # what runs a base in GGUF


@dataclass(frozen=True, slots=True)
class TextLoss:
    """The loss of a text: the sum of -log p over its tokens, in nats, and their number."""

    nats: float
    tokens: int


@dataclass(frozen=True, slots=True)
class Continuation:
    """A text after a prompt, by token: -log p in nats, and whether greedy decoding would have chosen it there."""

    nats: tuple[float, ...]
    greedy: tuple[bool, ...]

    @property
    def loss(self) -> float:
        """-log p of the whole text, in nats."""
        return sum(self.nats)


class Engine(Protocol):
    """A base model that answers conversations and can compute the probability of a text.

    An `adapter` is a folder in PEFT's format, or empty for the plain base. It is an argument of every call: an engine
    has no current adapter. Engines that cannot apply adapters raise ModelError for one.
    """

    @property
    def identity(self) -> BaseIdentity:
        """Identifies the base."""
        ...

    @property
    def context_length(self) -> int:
        """The maximum number of tokens of a conversation with its answer."""
        ...

    @property
    def trains(self) -> bool:
        """Whether adapters can be trained over this base."""
        ...

    @property
    def repeats_exactly(self) -> bool:
        """Whether the same question gets the same greedy answer again, on another day and in any batch."""
        ...

    @property
    def chat(self) -> Chat | None:
        """How conversations become tokens; None if it is unknown."""
        ...

    def answer(
        self, conversations: Sequence[Conversation], decoding: Decoding, adapter: str = ""
    ) -> Iterator[tuple[int, Answer]]:
        """Answer conversations; yields (position in the input, answer) as each is finished, in any order.

        A problem with one conversation becomes that answer's `failure`; only what stops all of them is raised.
        """
        ...

    def stream(self, conversation: Conversation, decoding: Decoding, adapter: str = "") -> Iterator[str]:
        """Answer one conversation as a stream of text; the chunks joined are the answer."""
        ...

    def demand_constraint(self, constraint: Constraint) -> None:
        """Raise ModelError if the engine cannot constrain answers so (`Decoding.constraint`)."""
        ...

    def count_tokens(self, conversation: Conversation) -> int:
        """The number of tokens of a conversation, up to where the answer begins."""
        ...

    def text_losses(self, texts: Sequence[str], adapter: str = "") -> list[TextLoss]:
        """The losses of plain texts; raises ModelError if the engine cannot compute them."""
        ...

    def continuations(
        self,
        conversations: Sequence[Conversation],
        texts: Sequence[Sequence[str]],
        adapter: str = "",
        *,
        ended: bool = False,
    ) -> list[list[Continuation] | None]:
        """How likely each text is as the beginning of the answer to its conversation, or as all of it if `ended`.

        None for a conversation that the chat template or the context length does not allow; raises ModelError if the
        engine cannot compute them.
        """
        ...


def refuse_adapter(adapter: str, kind: str) -> None:
    """Raise ModelError if an engine of this kind, which cannot apply adapters, is asked with one."""
    if adapter:
        raise ModelError(
            f"{kind} cannot apply an adapter.",
            f"{adapter} can only be applied to weights on this machine.",
            "open the specialist with a local base: --base names its folder.",
        )


def refuse_constraint(decoding: Decoding, kind: str) -> None:
    """Raise ModelError if an engine of this kind, which cannot constrain answers, is asked for such ones."""
    if decoding.constraint:
        raise ModelError(
            f"{kind} cannot constrain answers.",
            f"They must be {decoding.constraint.outline()}.",
            "take another base, or leave the answers free: set answers.constrain to false.",
        )


def refused(failure: Failure) -> ModelError:
    """The error for a conversation that gets no answer, if it is the only one that was asked."""
    return ModelError(f"The conversation is {failure.kind}.", failure.reason, "begin a new conversation.")


def too_long(tokens: int, context_length: int, of_images: int = 0) -> Answer:
    """The answer to a question that exceeds the context, of whose tokens some are `of_images`: a failure."""
    reason = f"The question takes {tokens} tokens; the model reads at most {context_length}, the answer included."
    if of_images:
        reason += f" Of these tokens, {of_images} are of images: show fewer or smaller ones."
    return Answer("", "error", tokens, failure=Failure("too long for the model", reason))


def refuse_too_long(tokens: int, context_length: int, of_images: int = 0) -> None:
    """Raise ModelError if the only question that is asked leaves no room for an answer."""
    failure = too_long(tokens, context_length, of_images).failure
    if tokens >= context_length and failure:
        raise refused(failure)

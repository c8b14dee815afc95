"""What every engine can do, and how the one that a job names is opened."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from gradschool.records import Answer, Conversation, Decoding


@dataclass(frozen=True, slots=True)
class TextLoss:
    """How unlikely a text is: the sum of -ln p over its tokens, in nats, and how many tokens that were."""

    nats: float
    tokens: int


class Engine(Protocol):
    """Something that answers conversations and can say how likely a text is.

    `identity` names the base exactly (kind, name, revision, hashes of weights and chat template), for evidence and
    for finding the base again.
    """

    @property
    def identity(self) -> dict[str, str]: ...

    @property
    def context_length(self) -> int:
        """The most tokens that a conversation and its answer may have together."""
        ...

    def answer(self, conversations: Sequence[Conversation], decoding: Decoding) -> Iterator[tuple[int, Answer]]:
        """Answer conversations; yields (position in the input, answer) as each is done, in any order.

        What goes wrong with one conversation is that answer's `failure`; only what stops all of them is raised.
        """
        ...

    def stream(self, conversation: Conversation, decoding: Decoding) -> Iterator[str]:
        """Answer one conversation piece by piece; the pieces joined are the answer's text."""
        ...

    def count_tokens(self, conversation: Conversation) -> int:
        """How many tokens the conversation takes, up to where the answer begins."""
        ...

    def text_losses(self, texts: Sequence[str]) -> list[TextLoss]:
        """How unlikely plain texts are; raises ModelError where the engine cannot say."""
        ...

"""What the server needs of whatever answers: prompts go in, and pieces of text come out, for many requests at once."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from gradschool.records import Conversation, Decoding


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is to be answered: a conversation, its tokens where the engine takes them, and what the network wears.

    `decoding.max_new_tokens` is what fits the context; `adapter` is a folder, or empty for the bare base.
    """

    conversation: Conversation
    tokens: int
    ids: tuple[int, ...]
    decoding: Decoding
    stop: tuple[str, ...] = ()
    adapter: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some more text of an answer; `new_tokens` counts all tokens of the answer up to here."""

    text: str
    new_tokens: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The last thing of each answer: why it ended, and what it cost."""

    stop: Literal["stop", "length"]
    prompt_tokens: int
    new_tokens: int


Pieces: TypeAlias = AsyncGenerator[Piece | Ended, None]


class Scheduler(Protocol):
    """Answers for all specialists of one base. Whatever batches better can take this one's place.

    `at_once` requests are answered together; `context_length` is the most tokens of a question with its answer.
    """

    at_once: int
    context_length: int

    def tokens(self, conversation: Conversation) -> tuple[int, tuple[int, ...]]:
        """How many tokens a conversation takes (0: not known), and which, where the engine takes tokens.

        Takes its time, and is called in one thread only.
        """
        ...

    def answer(self, prompt: Prompt) -> Pieces:
        """Answer piece by piece; closing the generator frees its place at once. Raises Refusal or GradschoolError."""
        ...

    async def close(self) -> None:
        """End all work; answers under way fail."""
        ...

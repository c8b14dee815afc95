"""The interface between the HTTP API and whatever generates answers for many requests at once."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from gradschool.model.chat import Chat
from gradschool.model.tool_turns import Tool
from gradschool.records import Conversation, Decoding

MAX_TOP = 20  # likeliest tokens that a request may ask for at each token of an answer, as in OpenAI's API


@dataclass(frozen=True, slots=True)
class Prompt:
    """A conversation to answer, with its token ids if the engine takes tokens.

    With `markup`, the text of the answer has the control tokens that calls of tools are written with.

    `decoding.max_new_tokens` already fits into the context. `adapter` is a folder, or empty for the bare base.
    `signals` are those that are known before there is an answer, for a specialist that may abstain. `top` is how many
    of the likeliest tokens are reported with each token of the answer, None if no log-probabilities are.
    """

    conversation: Conversation
    tokens: int
    ids: tuple[int, ...]
    decoding: Decoding
    stop: tuple[str, ...] = ()
    adapter: str = ""
    signals: dict[str, float] = field(default_factory=dict)
    top: int | None = None
    markup: bool = False


@dataclass(frozen=True, slots=True)
class ScoredToken:
    """A token, or a label that was compared, as bytes: its log-probability in nats, and the likeliest ones there."""

    raw: bytes
    log_prob: float
    top: tuple["ScoredToken", ...] = ()


@dataclass(frozen=True, slots=True)
class TextChunk:
    """The next text of an answer; `new_tokens` counts all tokens generated so far.

    `tokens` are those that begin in this text, if the prompt asks for log-probabilities; stop tokens are none of them.
    """

    text: str
    new_tokens: int
    tokens: tuple[ScoredToken, ...] = ()


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of an answer: its finish reason, its token counts and, if the decoding asks for them, signals."""

    stop: Literal["stop", "length"]
    prompt_tokens: int
    new_tokens: int
    signals: dict[str, float] = field(default_factory=dict)


AnswerStream: TypeAlias = AsyncGenerator[TextChunk | Finished, None]


class Scheduler(Protocol):
    """Answers requests for all specialists of one base.

    At most `at_once` requests are answered at the same time; `context_length` limits the tokens of prompt and answer
    together. `max_token` is the length of the longest token (see `Chat.max_token`), 0 if unknown. `failure` says why
    nothing can be answered at the moment; it is empty otherwise.
    """

    at_once: int
    context_length: int
    max_token: int
    failure: str

    @property
    def chat(self) -> Chat | None:
        """What renders prompts with tools; None if the base takes no tools."""
        ...

    def tokens(
        self, conversation: Conversation, tools: Sequence[Tool] = (), begun: str = ""
    ) -> tuple[int, tuple[int, ...]]:
        """The number of tokens of a prompt (0 if unknown), and their ids if the engine takes tokens.

        Only with a `chat`, the prompt has `tools`, and the answer begins with the text `begun`. Blocking; called from
        one thread only.
        """
        ...

    def demand_log_probs(self, decoding: Decoding) -> None:
        """Raise HTTPError if it does not report the log-probabilities of the tokens of such an answer."""
        ...

    def answer(self, prompt: Prompt) -> AnswerStream:
        """Stream an answer; closing the generator cancels it. Raises HTTPError or GradschoolError."""
        ...

    async def close(self) -> None:
        """Stop all work; unfinished answers fail."""
        ...

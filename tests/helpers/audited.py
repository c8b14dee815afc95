"""Subjects of an audit over engines without a model, whose answers and probabilities are given."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gradschool.audit.subject import Subject
from gradschool.model.engine import Continuation, TextLoss
from gradschool.model.fake import FakeEngine
from gradschool.records import Answer, Conversation, Decoding, Example, Failure, Message, Source
from gradschool.specialist import Recipe, Specialist

TUNED = "tuned"  # the adapter's folder


class TwoEngines(FakeEngine):
    """Answers and reads by one function for the base and by another one if an adapter is applied.

    `answer(conversation, tuned)` is a text, or None for a prompt that does not fit; `log_prob_of(conversation, text,
    tuned)` is that of the text as a beginning.
    """

    trains = True

    def __init__(
        self,
        answer: Callable[[Conversation, bool], str | None] = lambda asked, tuned: "",
        log_prob_of: Callable[[Conversation, str, bool], float] = lambda asked, text, tuned: -1.0,
        loss_of: Callable[[str, bool], float] = lambda text, tuned: 1.0,
    ) -> None:
        super().__init__()
        self.answers, self.log_prob_of, self.loss_of = answer, log_prob_of, loss_of

    def answer(
        self, conversations: Sequence[Conversation], decoding: Decoding, adapter: str = ""
    ) -> Iterator[tuple[int, Answer]]:
        for position, conversation in enumerate(conversations):
            text = self.answers(conversation, bool(adapter))
            failure = Failure("too long for the model", "It does not fit.") if text is None else None
            yield position, Answer(text or "", "error" if failure else "stop", failure=failure)

    def continuations(
        self,
        conversations: Sequence[Conversation],
        texts: Sequence[Sequence[str]],
        adapter: str = "",
        *,
        ended: bool = False,
    ) -> list[list[Continuation] | None]:
        return [
            [self._read(conversation, text, bool(adapter)) for text in its]
            for conversation, its in zip(conversations, texts, strict=True)
        ]

    def _read(self, conversation: Conversation, text: str, tuned: bool) -> Continuation:
        """Words as tokens; from a log-probability of 0 on, each word is the most likely one."""
        words, log_prob = text.split() or [text], self.log_prob_of(conversation, text, tuned)
        return Continuation((-log_prob / len(words),) * len(words), (log_prob >= 0,) * len(words))

    def text_losses(self, texts: Sequence[str], adapter: str = "") -> list[TextLoss]:
        return [TextLoss(100 * self.loss_of(text, bool(adapter)), 100) for text in texts]


def subject_of(engine: TwoEngines, instructions: str = "", **parts: Any) -> Subject:
    recipe = Recipe(instructions, adapter=TUNED)
    return Subject(specialist=Specialist(engine, recipe), engine=engine, **parts)


def example(number: int, question: str, ideal: str, group: str = "") -> Example:
    messages = Message("user", question), Message("assistant", ideal)
    return Example(f"e{number}", messages, group or f"g{number}", Source("mails.jsonl", number))

"""An engine whose answers a test can delay, and a service with it."""

import threading
from collections.abc import Iterator, Sequence

from gradschool.errors import ModelError, RemoteError
from gradschool.model.engine import TextLoss
from gradschool.model.fake import FakeEngine
from gradschool.records import Answer, BaseIdentity, Constraint, Conversation, Decoding
from gradschool.serve.service import Limits, ServedBase, ServedModel, Service
from gradschool.serve.threads import ThreadScheduler
from gradschool.specialist import Recipe, Specialist

PATIENCE = 30.0


class GatedEngine:
    """Repeats the question word by word. Words in the question control it: "wait" holds the second word until `go` is
    set, "endless" generates until it is cancelled, which sets `given_up`, "server" and "bug" fail after one word.
    """  # fmt: skip

    trains = False
    repeats_exactly = False
    chat = None

    def __init__(self) -> None:
        self.fake = FakeEngine(context_length=64)
        self.go, self.given_up = threading.Event(), threading.Event()
        self.begun = threading.Semaphore(0)
        self.asked: list[tuple[Conversation, Decoding]] = []

    @property
    def identity(self) -> BaseIdentity:
        return self.fake.identity

    @property
    def context_length(self) -> int:
        return self.fake.context_length

    def answer(
        self, conversations: Sequence[Conversation], decoding: Decoding, adapter: str = ""
    ) -> Iterator[tuple[int, Answer]]:
        return self.fake.answer(conversations, decoding, adapter)

    def stream(self, conversation: Conversation, decoding: Decoding, adapter: str = "") -> Iterator[str]:
        question = conversation[-1].content
        self.asked.append((conversation, decoding))
        if "template" in question:
            raise ModelError("The template refuses this.", "It says so.")
        self.begun.release()
        try:
            for number, text in enumerate(self._texts(conversation, decoding)):
                if number == 1 and "wait" in question and not self.go.wait(PATIENCE):
                    raise AssertionError("`go` was not set in time")
                if number == 1 and "server" in question:
                    raise RemoteError("The server fell over.", "It was tired.")
                if number == 1 and "bug" in question:
                    raise RuntimeError("a bug")
                yield text
        except GeneratorExit:
            self.given_up.set()
            raise

    def _texts(self, conversation: Conversation, decoding: Decoding) -> Iterator[str]:
        if "endless" not in conversation[-1].content:
            yield from self.fake.stream(conversation, decoding)
            return
        yield "first "
        while not self.given_up.wait(0.005):
            yield "more "

    def demand_constraint(self, constraint: Constraint) -> None:
        self.fake.demand_constraint(constraint)

    def count_tokens(self, conversation: Conversation) -> int:
        return self.fake.count_tokens(conversation)

    def text_losses(self, texts: Sequence[str], adapter: str = "") -> list[TextLoss]:
        return self.fake.text_losses(texts, adapter)


def service_over(engine: GatedEngine, limits: Limits | None = None, at_once: int = 4) -> Service:
    """A service with one specialist, called echo."""
    specialist = Specialist(engine, Recipe(decoding=Decoding(max_new_tokens=40)))
    base = ServedBase(ThreadScheduler(engine, at_once, None))
    return Service({"echo": ServedModel("echo", specialist, base, created=7, seal="ab" * 32)}, limits)

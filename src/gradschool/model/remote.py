"""The remote engine: any OpenAI-compatible server, with several questions at a time."""

import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from gradschool.errors import ModelError, RemoteError
from gradschool.model.chat_api import ChatApi, QuestionFailed, refused_all
from gradschool.model.dialect import endless_reasoning
from gradschool.model.engine import Continuation, Engine, TextLoss, refuse_adapter, refuse_constraint, refused
from gradschool.model.remote_constraint import broken, conformed, demand_checkable, ignored
from gradschool.model.remote_constraint import refused as refused_schema
from gradschool.model.reply import CHARACTERS_PER_TOKEN
from gradschool.model.signals import signals_of
from gradschool.records import Answer, BaseIdentity, Constraint, Conversation, Decoding, Failure, Message
from gradschool.settings import Remote

TOKENS_PER_MESSAGE = 4
TOKENS_PER_IMAGE = 1_000  # as most bases write one
DEFAULT_CONTEXT = 4096  # of common servers
CONTEXT_KEYS = ("max_model_len", "context_length", "context_window", "n_ctx", "n_ctx_train")
SERVER = "A model server"
TRIED: Conversation = (Message("user", "Hello"),)  # with which it is found out whether a server constrains answers
MAX_FAILURES = 3  # in a row, before the server counts as unavailable


class RemoteEngine:
    """A model at an address such as http://localhost:11434/v1.

    `address` may omit /v1. The API key is read from the environment variable that `settings` names, and is never shown
    or saved. Token counts are estimates, except for those that the server returns with an answer. Reasoning is not part
    of an answer, except `with_reasoning`: for servers of our own, whose answers are compared with local ones. `fields`
    are added to each request.
    """

    trains = False
    repeats_exactly = False  # servers may answer differently on another day
    chat = None

    def __init__(
        self,
        address: str,
        model: str,
        settings: Remote | None = None,
        with_reasoning: bool = False,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        self.settings = settings or Remote()
        self.api = ChatApi(address, model, self.settings, with_reasoning, fields)
        self.model = model
        self._constrains = False  # whether the server is known to constrain answers

    @property
    def identity(self) -> BaseIdentity:
        """The server and the model; its weights are unknown."""
        return BaseIdentity("remote", self.model, address=self.api.address)

    @cached_property
    def context_length(self) -> int:
        """The context length that the server reports for this model, or else a cautious default."""
        for model in self.api.client.models():
            if model["id"] == self.model:
                meta = model.get("meta")
                reported = {**(meta if isinstance(meta, dict) else {}), **model}
                lengths = [reported[key] for key in CONTEXT_KEYS if isinstance(reported.get(key), int)]
                return lengths[0] if lengths else DEFAULT_CONTEXT
        return DEFAULT_CONTEXT

    def count_tokens(self, conversation: Conversation) -> int:
        """An estimate of the number of tokens from the length of the text, with an error of some tens of percent."""
        return sum(
            TOKENS_PER_MESSAGE
            + -(-len(message.content) // CHARACTERS_PER_TOKEN)
            + TOKENS_PER_IMAGE * len(message.images)
            for message in conversation
        )

    def text_losses(self, texts: Sequence[str], adapter: str = "") -> list[TextLoss]:
        """Raises ModelError: the common API of servers does not return the loss of a text."""
        raise _no_losses()

    def continuations(
        self,
        conversations: Sequence[Conversation],
        texts: Sequence[Sequence[str]],
        adapter: str = "",
        *,
        ended: bool = False,
    ) -> list[list[Continuation] | None]:
        """Raises ModelError, as `text_losses` does."""
        raise _no_losses()

    def demand_constraint(self, constraint: Constraint) -> None:
        """Raise ModelError if the server refuses a constraint, or ignores it; the first one is tried with a question.

        Raises RemoteError if it does not answer. Labels cannot be compared: the common API of servers does not return
        the probability of a text.
        """
        if constraint.bias:
            refuse_constraint(Decoding(constraint=constraint), SERVER)
        demand_checkable(constraint)
        if self._constrains:
            return
        try:
            reply = self.api.ask(TRIED, Decoding(constraint=constraint), threading.Event())
        except QuestionFailed as error:
            if not self.api.refuses(error.failure.reason):
                raise self._unavailable(error.failure, 0) from error
            raise refused_schema(self.api.address, error.failure.reason) from error
        cut = reply.stop == "length" and reply.answer.lstrip().startswith("{")
        if not cut and conformed(constraint, reply.answer) is None:
            raise ignored(self.api.address, constraint, reply.answer)
        self._constrains = True

    def stream(self, conversation: Conversation, decoding: Decoding, adapter: str = "") -> Iterator[str]:
        """Answer one conversation as a stream of text; raises RemoteError if the server fails.

        An answer that is constrained comes whole: it is checked first.
        """
        refuse_adapter(adapter, SERVER)
        if decoding.constraint is None:
            yield from self.api.stream(conversation, decoding)
            return
        [(_, answer)] = self.answer([conversation], decoding)
        if answer.failure is not None:
            raise refused(answer.failure)
        yield answer.text

    def answer(
        self, conversations: Sequence[Conversation], decoding: Decoding, adapter: str = ""
    ) -> Iterator[tuple[int, Answer]]:
        """Ask `concurrency` questions at a time; yields (position in the input, answer) as each one finishes.

        Raises RemoteError for errors that affect all questions (a wrong key or model name), and if there are only
        failures: a report of failures of the server would say nothing about the model. After the iterator is closed,
        no further question is asked. An answer that breaks the constraint is free text; a note counts those.
        """
        refuse_adapter(adapter, SERVER)
        if decoding.compares:
            refuse_constraint(decoding, SERVER)
        waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        for position in range(len(conversations)):
            waiting.put(position)
        done: queue.SimpleQueue[tuple[int, Answer] | BaseException] = queue.SimpleQueue()
        cancelled = threading.Event()

        def work() -> None:
            while not cancelled.is_set():
                try:
                    position = waiting.get_nowait()
                except queue.Empty:
                    return
                try:
                    done.put((position, self._one(conversations[position], decoding, cancelled)))
                except BaseException as error:  # raised in the caller's thread
                    done.put(error)
                    return

        for number in range(min(self.settings.concurrency, len(conversations))):
            threading.Thread(target=work, name=f"gradschool-remote-{number}", daemon=True).start()
        try:
            yield from self._checked(self._confirmed(done, len(conversations)), decoding.constraint)
        finally:
            cancelled.set()

    def _checked(
        self, answers: Iterator[tuple[int, Answer]], constraint: Constraint | None
    ) -> Iterator[tuple[int, Answer]]:
        """The answers as the constraint says them; those that break it stay as they are, and are counted."""
        count = wrong = 0
        for position, answer in answers:
            if constraint is None or answer.failure:
                yield position, answer
                continue
            text = conformed(constraint, answer.text)
            count, wrong = count + 1, wrong + (text is None and answer.stop != "length")
            yield position, answer if text is None else replace(answer, text=text)
        if constraint and wrong:
            self.api.note(broken(self.api.address, wrong, count, constraint))

    def _confirmed(
        self, done: "queue.SimpleQueue[tuple[int, Answer] | BaseException]", count: int
    ) -> Iterator[tuple[int, Answer]]:
        """Hold failures of the server back until an answer shows that it still works."""
        held: list[tuple[int, Answer]] = []
        answered = 0
        for _ in range(count):
            item = done.get()
            if isinstance(item, BaseException):
                raise item
            failure = item[1].failure
            if failure is not None and failure.kind == "server":
                held.append(item)
                if len(held) >= max(MAX_FAILURES, self.settings.concurrency):
                    raise self._unavailable(failure, answered)
                continue
            yield from held
            held.clear()
            answered += 1
            yield item
        if held and not answered:
            assert held[-1][1].failure is not None
            raise self._unavailable(held[-1][1].failure, answered)
        yield from held

    def _unavailable(self, failure: Failure, answered: int) -> RemoteError:
        if self.api.refuses(failure.reason):
            return refused_all(self.api.address, failure.reason)
        when = f"stopped answering after {answered} answers" if answered else "does not answer"
        return RemoteError(
            f"{self.api.address} {when}.",
            f"{failure.reason}.",
            "raise remote.timeout, or ask a faster model."
            if "no answer within" in failure.reason
            else "check that the server runs and the address is right (it often ends in /v1), then repeat the command.",
        )

    def _one(self, conversation: Conversation, decoding: Decoding, cancelled: threading.Event) -> Answer:
        started = time.perf_counter()
        try:
            reply = self.api.ask(conversation, decoding, cancelled)
        except QuestionFailed as error:
            return Answer("", "error", seconds=time.perf_counter() - started, failure=error.failure)
        seconds, cut = time.perf_counter() - started, reply.cut_in_reasoning(decoding.max_new_tokens)
        failure = Failure("no answer", reply.withheld) if reply.withheld else None
        if cut and not reply.answer.strip():
            reason = endless_reasoning(self.api.dialect)
            failure = Failure("cut off", f"{reason[0].upper()}{reason[1:]}.")
        prompt_tokens, new_tokens = reply.prompt_tokens, reply.new_tokens
        return Answer(
            reply.answer,
            reply.stop,
            self.count_tokens(conversation) if prompt_tokens is None else prompt_tokens,
            -(-len(reply.answer) // CHARACTERS_PER_TOKEN) if new_tokens is None else new_tokens,
            seconds,
            failure=failure,
            signals=signals_of(reply.likelihoods),
        )


def new_notes(engine: Engine) -> list[str]:
    """What an engine found out about its server since the last call, for the user; empty for other engines."""
    return engine.api.new_notes() if isinstance(engine, RemoteEngine) else []


def _no_losses() -> ModelError:
    return ModelError(
        "A model server does not return the loss of a text.",
        "Its API only answers questions.",
        "use a local base_model for this.",
    )

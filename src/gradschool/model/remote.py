"""The remote engine: any OpenAI-compatible server, with several questions at a time."""

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from gradschool.errors import ModelError, RemoteError
from gradschool.model.chat_api import ChatApi, QuestionFailed
from gradschool.model.engine import TextLoss, refuse_adapter
from gradschool.records import Answer, BaseIdentity, Conversation, Decoding, Failure
from gradschool.settings import Remote

CHARACTERS_PER_TOKEN = 4  # of English text
TOKENS_PER_MESSAGE = 4
DEFAULT_CONTEXT = 4096  # of common servers
CONTEXT_KEYS = ("max_model_len", "context_length", "context_window", "n_ctx", "n_ctx_train")
SERVER = "A model server"
MAX_FAILURES = 3  # in a row, before the server counts as unavailable


class RemoteEngine:
    """A model at an address such as http://localhost:11434/v1.

    `address` may omit /v1. The API key is read from the environment variable that `settings` names, and is never shown
    or saved. Token counts are estimates, except for those that the server returns with an answer.
    """

    trains = False
    repeats_exactly = False  # servers may answer differently on another day
    chat = None

    def __init__(self, address: str, model: str, settings: Remote | None = None) -> None:
        self.settings = settings or Remote()
        self._api = ChatApi(address, model, self.settings)
        self.model = model

    @property
    def identity(self) -> BaseIdentity:
        """The server and the model; its weights are unknown."""
        return BaseIdentity("remote", self.model, address=self._api.address)

    @cached_property
    def context_length(self) -> int:
        """The context length that the server reports for this model, or else a cautious default."""
        for model in self._api.models():
            if model["id"] == self.model:
                meta = model.get("meta")
                reported = {**(meta if isinstance(meta, dict) else {}), **model}
                lengths = [reported[key] for key in CONTEXT_KEYS if isinstance(reported.get(key), int)]
                return lengths[0] if lengths else DEFAULT_CONTEXT
        return DEFAULT_CONTEXT

    def count_tokens(self, conversation: Conversation) -> int:
        """An estimate of the number of tokens from the length of the text, with an error of some tens of percent."""
        return sum(TOKENS_PER_MESSAGE + -(-len(message.content) // CHARACTERS_PER_TOKEN) for message in conversation)

    def text_losses(self, texts: Sequence[str], adapter: str = "") -> list[TextLoss]:
        """Raises ModelError: the common API of servers does not return the loss of a text."""
        raise ModelError(
            "A model server does not return the loss of a text.",
            "Its API only answers questions.",
            "use a local base_model for this.",
        )

    def stream(self, conversation: Conversation, decoding: Decoding, adapter: str = "") -> Iterator[str]:
        """Answer one conversation as a stream of text; raises RemoteError if the server fails."""
        refuse_adapter(adapter, SERVER)
        return self._api.stream(conversation, decoding)

    def answer(
        self, conversations: Sequence[Conversation], decoding: Decoding, adapter: str = ""
    ) -> Iterator[tuple[int, Answer]]:
        """Ask `concurrency` questions at a time; yields (position in the input, answer) as each one finishes.

        Raises RemoteError for errors that affect all questions (a wrong key or model name), and if there are only
        failures: a report of failures of the server would say nothing about the model. After the iterator is closed,
        no further question is asked.
        """
        refuse_adapter(adapter, SERVER)
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
            yield from self._confirmed(done, len(conversations))
        finally:
            cancelled.set()

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
        when = f"stopped answering after {answered} answers" if answered else "does not answer"
        return RemoteError(
            f"{self._api.address} {when}.",
            f"{failure.reason}.",
            "check that the server runs and the address is right (it often ends in /v1), then repeat the command.",
        )

    def _one(self, conversation: Conversation, decoding: Decoding, cancelled: threading.Event) -> Answer:
        started = time.perf_counter()
        try:
            reply = self._api.ask(conversation, decoding, cancelled)
        except QuestionFailed as error:
            return Answer("", "error", seconds=time.perf_counter() - started, failure=error.failure)
        choice = reply["choices"][0]
        text = choice["message"].get("content") or ""
        usage = reply.get("usage")
        reported: dict[str, Any] = usage if isinstance(usage, dict) else {}
        prompt_tokens, new_tokens = reported.get("prompt_tokens"), reported.get("completion_tokens")
        return Answer(
            text,
            "length" if choice.get("finish_reason") == "length" else "stop",
            prompt_tokens if isinstance(prompt_tokens, int) else self.count_tokens(conversation),
            new_tokens if isinstance(new_tokens, int) else -(-len(text) // CHARACTERS_PER_TOKEN),
            time.perf_counter() - started,
        )

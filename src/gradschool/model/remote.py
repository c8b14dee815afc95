"""The remote engine: any OpenAI-compatible server, asked several questions at once."""

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from gradschool.errors import ModelError, RemoteError
from gradschool.model.chat_api import ChatApi, QuestionFailed
from gradschool.model.engine import TextLoss, refuse_adapter
from gradschool.records import Answer, Conversation, Decoding, Failure
from gradschool.settings import Remote

LETTERS_PER_TOKEN = 4  # of English, in the vocabularies of today
TOKENS_PER_MESSAGE = 4
USUAL_CONTEXT = 4096  # what servers give a model where nobody set it
CONTEXT_KEYS = ("max_model_len", "context_length", "context_window", "n_ctx", "n_ctx_train")
SERVER = "A model server"
IN_A_ROW = 3  # failures after which a server counts as gone


class RemoteEngine:
    """A model behind an address such as http://localhost:11434/v1.

    `address` may leave out /v1. The key is read from the environment variable that `settings` names, and is never
    shown or written down. Token counts are estimates until the server tells them with an answer.
    """

    trains = False
    repeats_exactly = False  # servers may answer differently on another day
    chat = None

    def __init__(self, address: str, model: str, settings: Remote | None = None) -> None:
        self.settings = settings or Remote()
        self._api = ChatApi(address, model, self.settings)
        self.model = model

    @property
    def identity(self) -> dict[str, str]:
        """Which server and model; what weights it runs is not known."""
        return {
            "kind": "remote",
            "name": self.model,
            "address": self._api.address,
            "revision": "",
            "weights": "",
            "template": "",
        }

    @cached_property
    def context_length(self) -> int:
        """What the server says about this model, or a careful guess where it does not say."""
        for model in self._api.models():
            if model["id"] == self.model:
                meta = model.get("meta")
                told = {**(meta if isinstance(meta, dict) else {}), **model}
                return next((told[key] for key in CONTEXT_KEYS if isinstance(told.get(key), int)), USUAL_CONTEXT)
        return USUAL_CONTEXT

    def count_tokens(self, conversation: Conversation) -> int:
        """About how many tokens the conversation takes: an estimate from its length, good to some tens of percent."""
        return sum(TOKENS_PER_MESSAGE + -(-len(message.content) // LETTERS_PER_TOKEN) for message in conversation)

    def text_losses(self, texts: Sequence[str], adapter: str = "") -> list[TextLoss]:
        """Raises ModelError: the servers' common interface does not tell how likely a text is."""
        raise ModelError(
            "A model server cannot say how likely a text is.",
            "Its interface answers questions only.",
            "use a local base_model where this is needed.",
        )

    def stream(self, conversation: Conversation, decoding: Decoding, adapter: str = "") -> Iterator[str]:
        """Answer one conversation as a stream of text; raises RemoteError if the server fails."""
        refuse_adapter(adapter, SERVER)
        return self._api.stream(conversation, decoding)

    def answer(
        self, conversations: Sequence[Conversation], decoding: Decoding, adapter: str = ""
    ) -> Iterator[tuple[int, Answer]]:
        """Ask `concurrency` questions at once; yields (position in the input, answer) as they come.

        Raises RemoteError for what stops all (a wrong key or model name), and when nothing but failures comes: then
        the server is ill, and a table full of failures would say nothing about the model. Closing the iterator
        starts no further question.
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
                except BaseException as error:  # raised again where the answers are read
                    done.put(error)
                    return

        for number in range(min(self.settings.concurrency, len(conversations))):
            threading.Thread(target=work, name=f"gradschool-remote-{number}", daemon=True).start()
        try:
            yield from self._in_doubt(done, len(conversations))
        finally:
            cancelled.set()

    def _in_doubt(
        self, done: "queue.SimpleQueue[tuple[int, Answer] | BaseException]", count: int
    ) -> Iterator[tuple[int, Answer]]:
        """Hold server failures back until an answer shows that the server still works."""
        held: list[tuple[int, Answer]] = []
        answered = 0
        for _ in range(count):
            item = done.get()
            if isinstance(item, BaseException):
                raise item
            failure = item[1].failure
            if failure is not None and failure.kind == "server":
                held.append(item)
                if len(held) >= max(IN_A_ROW, self.settings.concurrency):
                    raise self._gone(failure, answered)
                continue
            yield from held
            held.clear()
            answered += 1
            yield item
        if held and not answered:
            assert held[-1][1].failure is not None
            raise self._gone(held[-1][1].failure, answered)
        yield from held

    def _gone(self, failure: Failure, answered: int) -> RemoteError:
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
        told: dict[str, Any] = usage if isinstance(usage, dict) else {}
        prompt_tokens, new_tokens = told.get("prompt_tokens"), told.get("completion_tokens")
        return Answer(
            text,
            "length" if choice.get("finish_reason") == "length" else "stop",
            prompt_tokens if isinstance(prompt_tokens, int) else self.count_tokens(conversation),
            new_tokens if isinstance(new_tokens, int) else -(-len(text) // LETTERS_PER_TOKEN),
            time.perf_counter() - started,
        )

"""A GGUF file as what answers for a specialist: llama.cpp runs it, in a process of its own, for us alone."""

import importlib.util
import re
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gguf import GGUFReader

from gradschool.errors import ModelError, UsageError
from gradschool.files import sha256
from gradschool.model.chat import CLOSE, OPEN
from gradschool.model.engine import TextLoss
from gradschool.model.llama_cpp import PATIENCE, LlamaCpp
from gradschool.model.machine import choose_threads
from gradschool.records import Answer, Conversation, Decoding, Failure
from gradschool.serve.http_errors import too_long
from gradschool.serve.scheduler import AnswerStream, Prompt
from gradschool.serve.upstream import LlamaWire, UpstreamScheduler, client_of, llama_body

AT_ONCE = 4
USUAL_CONTEXT = 8192  # tokens; llama.cpp sets memory aside for all of it, for each who is answered


class LlamaEngine:
    """A GGUF file in llama.cpp as an engine, which gives it tokens: what a person wrote is no control token there.

    Started at once, for `at_once` requests of at most `context_length` tokens each. Raises UsageError where llama.cpp
    is not installed, ModelError where it cannot run the file.
    """

    def __init__(self, file: Path, at_once: int | None, context_length: int | None) -> None:
        if importlib.util.find_spec("xllamacpp") is None:
            raise UsageError(
                "A GGUF file is served by llama.cpp, which is not installed.",
                "It comes as the package xllamacpp, which is compiled and so is not installed unasked.",
                "pip install 'gradschool[llama]', or serve without --gguf.",
            )
        self.file, self.at_once, self.key = file, at_once or AT_ONCE, secrets.token_urlsafe()
        self.context_length = min(trained_context(file), context_length or USUAL_CONTEXT)
        threads, _ = choose_threads()
        self.server = LlamaCpp(file, self.context_length, threads=threads, at_once=self.at_once, key=self.key)
        self.server.__enter__()

    @property
    def identity(self) -> dict[str, str]:
        """Which file this is."""
        kind, name = "llama.cpp", self.file.name
        return {"kind": kind, "name": name, "revision": "", "weights": sha256(self.file), "template": ""}

    def prompt_ids(self, conversation: Conversation) -> list[int]:
        """The tokens of a conversation up to where the answer begins, by the chat template in the file."""
        said = "\n".join(message.content for message in conversation)
        if self.server.tokens(said, start=False) == self.server.tokens(said, control=False):
            return self.server.prompt_ids(conversation)
        # Something in it looks like a control token: then the contents are cut into tokens apart from the template.
        marked = [replace(m, content=OPEN + re.sub(f"[{OPEN}{CLOSE}]", "", m.content) + CLOSE) for m in conversation]
        ids: list[int] = []
        pieces = re.split(f"{OPEN}(.*?){CLOSE}", self.server.prompt_text(tuple(marked)), flags=re.DOTALL)
        for position, piece in enumerate(pieces):
            if piece:
                ids += self.server.tokens(piece, control=position % 2 == 0, start=position == 0)
        return ids

    def count_tokens(self, conversation: Conversation) -> int:
        """How many tokens the conversation takes, up to where the answer begins."""
        return len(self.prompt_ids(conversation))

    def answer(self, conversations: Sequence[Conversation], decoding: Decoding) -> Iterator[tuple[int, Answer]]:
        """Answer one after the other."""
        for position, conversation in enumerate(conversations):
            ids, began = self.prompt_ids(conversation), time.perf_counter()
            room = self.context_length - len(ids)
            if room < 1:
                failure = Failure("too long for the model", too_long(len(ids), self.context_length).message)
                yield position, Answer("", "error", len(ids), failure=failure)
                continue
            drawn = replace(decoding, max_new_tokens=min(decoding.max_new_tokens, room))
            said = self.server.ask("completion", **llama_body(ids, drawn))
            stop: Any = "length" if said["stop_type"] == "limit" else "stop"
            read, written = int(said["tokens_evaluated"]), int(said["tokens_predicted"])
            yield position, Answer(said["content"], stop, read, written, time.perf_counter() - began)

    def stream(self, conversation: Conversation, decoding: Decoding) -> Iterator[str]:
        """Answer one conversation, in one piece; raises ModelError where it is too long."""
        for _, answer in self.answer([conversation], decoding):
            if answer.failure:
                raise ModelError(f"The conversation is {answer.failure.kind}.", answer.failure.reason)
            yield answer.text

    def text_losses(self, texts: Sequence[str]) -> list[TextLoss]:
        """Raises ModelError: llama.cpp's server does not tell how likely a text is."""
        raise ModelError("llama.cpp cannot say how likely a text is.", fix="use the specialist's own base for this.")

    def close(self) -> None:
        """End llama.cpp."""
        self.server.__exit__(None, None, None)


class LlamaScheduler:
    """Answers with llama.cpp, which batches concurrent requests."""

    def __init__(self, engine: LlamaEngine) -> None:
        self._engine = engine
        self.at_once, self.context_length = engine.at_once, engine.context_length
        client = client_of(engine.server.address, engine.key, PATIENCE, trust_env=False)
        self._upstream = UpstreamScheduler(client, LlamaWire(), self.at_once, self.context_length)

    def tokens(self, conversation: Conversation) -> tuple[int, tuple[int, ...]]:
        """The number of tokens of a prompt, and their ids."""
        ids = tuple(self._engine.prompt_ids(conversation))
        return len(ids), ids

    def answer(self, prompt: Prompt) -> AnswerStream:
        """Stream an answer; closing the generator cancels it in llama.cpp."""
        return self._upstream.answer(prompt)

    async def close(self) -> None:
        """Close all connections and stop llama.cpp."""
        await self._upstream.close()
        self._engine.close()


def trained_context(file: Path) -> int:
    """The most tokens that the network in a GGUF file was made for; raises ModelError where there is none in it."""
    try:
        fields = GGUFReader(file).fields
        family = str(fields["general.architecture"].contents())
        return int(fields[f"{family}.context_length"].contents())
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise ModelError(
            f"{file} cannot be read as a model in GGUF.",
            f"{type(error).__name__}: {error}.",
            "make one with: gradschool export SPECIALIST --to gguf",
        ) from error

"""The llama.cpp engine: a GGUF file that llama.cpp runs in a process of its own."""

import re
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gguf import GGUFReader

from gradschool.errors import ModelError
from gradschool.files import sha256
from gradschool.model.chat import CLOSE, MARKED, OPEN, Chat, Unfit, no_eyes
from gradschool.model.detokenizer import IncrementalDetokenizer
from gradschool.model.engine import Continuation, TextLoss, refuse_adapter, refuse_too_long, too_long
from gradschool.model.gguf_file import TEMPLATE, TOKENS, read_gguf
from gradschool.model.gguf_header import read_header
from gradschool.model.llama_cpp import LlamaCpp, completion_body, need_llama_cpp
from gradschool.model.rendered import varied_length
from gradschool.model.rendering import Renderer
from gradschool.model.template import Refused
from gradschool.model.threads import choose_threads
from gradschool.records import Answer, BaseIdentity, Constraint, Conversation, Decoding, Failure

AT_ONCE = 4
NEEDS_LLAMA = "--runtime llama needs"  # and its name follows
WITHOUT_LLAMA = "leave out --runtime llama"  # what works without llama.cpp
TURNS = (("user", "Hello"), ("assistant", "Hi there"), ("user", "How are you?"))
SHORT = (TURNS[:1], TURNS, (("system", "You are a helpful assistant"), *TURNS))  # the last one is llama.cpp's example
DEFAULT_CONTEXT = 8192  # tokens; llama.cpp allocates all of it for each parallel request


@dataclass(frozen=True, slots=True)
class Ours:
    """What gradschool gives to llama.cpp for a base in GGUF: its own prompts, and adapters as GGUF files.

    `adapters` are these files by the adapter's folder; they are in `folder`, which lasts as long as the engine.
    """

    chat: Chat
    identity: BaseIdentity
    adapters: Mapping[str, Path]
    folder: "TemporaryDirectory[str]"


class LlamaEngine:
    """A GGUF file in llama.cpp. Prompts are sent as tokens, so that text from users never becomes a control token.

    A file that was exported renders prompts with the template in it. A base in GGUF gets its prompts and adapters
    from us. Starts llama.cpp, for `at_once` parallel requests of at most `context_length` tokens each. Raises
    UsageError if llama.cpp is not installed, ModelError if it cannot run the file.
    """

    trains = False
    repeats_exactly = True

    def __init__(self, file: Path, at_once: int | None, context_length: int | None, ours: Ours | None = None) -> None:
        self._instead = WITHOUT_LLAMA if ours else "serve without --gguf"
        need_llama_cpp(NEEDS_LLAMA if ours else "A GGUF file is served by", self._instead)
        self.file, self.at_once, self.key = file, at_once or AT_ONCE, secrets.token_urlsafe()
        self.chat, self._ours = ours.chat if ours else None, ours
        check_template(file)
        self.context_length = min(trained_context(file), context_length or DEFAULT_CONTEXT)
        self._threads, reason = choose_threads()
        self.threads_reason = f"{self._threads} thread{'s' * (self._threads > 1)}: {reason}"
        self.server = self._started()

    def _started(self) -> LlamaCpp:
        server = LlamaCpp(
            self.file,
            self.context_length,
            loras=[*self._ours.adapters.values()] if self._ours else [],
            threads=self._threads,
            at_once=self.at_once,
            key=self.key,
            otherwise=self._instead,
        )
        return server.__enter__()

    def restart(self) -> None:
        """Start llama.cpp again, at another address; raises ModelError if it cannot run the file now."""
        self.server.__exit__(None, None, None)
        self.server = self._started()

    @cached_property
    def identity(self) -> BaseIdentity:
        """The name and the hash of the file."""
        return (
            self._ours.identity if self._ours else BaseIdentity("llama.cpp", self.file.name, weights=sha256(self.file))
        )

    @cached_property
    def max_token(self) -> int:
        """The length of the longest token, as `varied_length` counts."""
        return self.chat.max_token if self.chat else max(map(varied_length, vocabulary(self.file)), default=0)

    def body(self, ids: Sequence[int], decoding: Decoding, adapter: str = "") -> dict[str, Any]:
        """The body of a request to llama.cpp; raises ModelError for an adapter that it was not started with."""
        known = self._ours.adapters if self._ours else {}
        if adapter not in known:
            refuse_adapter(adapter, "llama.cpp")
        # Those that are not named are not switched off by an empty list, so that each is named.
        loras = [{"id": number, "scale": float(one == adapter)} for number, one in enumerate(known)]
        return completion_body(ids, decoding) | ({"lora": loras} if loras else {})

    def prompt_ids(self, conversation: Conversation) -> list[int]:
        """The tokens of a conversation up to where the answer begins; raises Unfit if the template does not take it."""
        if self.chat:
            return self.chat.prompt_ids(conversation)
        if any(message.images for message in conversation):
            raise no_eyes("llama.cpp, as it is run here,")
        text = "\n".join(message.content for message in conversation)
        if self.server.tokens(text, start=False) == self.server.tokens(text, control=False):
            return self.server.prompt_ids(conversation)
        # Something in it looks like a control token: then the contents are cut into tokens apart from the template.
        marked = [replace(m, content=OPEN + re.sub(f"[{OPEN}{CLOSE}]", "", m.content) + CLOSE) for m in conversation]
        ids: list[int] = []
        for position, segment in enumerate(MARKED.split(self.server.prompt_text(tuple(marked)))):
            if segment:
                ids += self.server.tokens(segment, control=position % 2 == 0, start=position == 0)
        return ids

    def count_tokens(self, conversation: Conversation) -> int:
        """How many tokens the conversation takes, up to where the answer begins."""
        return len(self.prompt_ids(conversation))

    def answer(
        self, conversations: Sequence[Conversation], decoding: Decoding, adapter: str = ""
    ) -> Iterator[tuple[int, Answer]]:
        """Answer one after the other."""
        self.body([], decoding, adapter)  # an adapter that it does not have is refused before the first question
        for position, conversation in enumerate(conversations):
            yield position, self._answer(conversation, decoding, adapter)

    def _answer(self, conversation: Conversation, decoding: Decoding, adapter: str) -> Answer:
        try:
            ids, began = self.prompt_ids(conversation), time.perf_counter()
        except Unfit as error:
            return Answer("", "error", failure=Failure("no answer", f"{error.what} {error.why}"))
        if len(ids) >= self.context_length:
            return too_long(len(ids), self.context_length)
        reply = self.server.ask("completion", **self._request(ids, decoding, adapter))
        stop: Any = "length" if reply["stop_type"] == "limit" else "stop"
        read, written, text = int(reply["tokens_evaluated"]), int(reply["tokens_predicted"]), reply["content"]
        if self.chat:  # the same text as that of another engine, also where llama.cpp knows fewer stop tokens
            stop_ids, tokens = self.chat.stop_ids, reply["tokens"]
            if (end := next((place for place, token in enumerate(tokens) if token in stop_ids), None)) is not None:
                stop, tokens, written = "stop", tokens[:end], end + 1
            text = self.chat.decode(tokens)
        return Answer(text, stop, read, written, time.perf_counter() - began)

    def _request(self, ids: Sequence[int], decoding: Decoding, adapter: str) -> dict[str, Any]:
        """The body of a request whose answer fits into the context."""
        limited = replace(decoding, max_new_tokens=min(decoding.max_new_tokens, self.context_length - len(ids)))
        return {**self.body(ids, limited, adapter), "return_tokens": True}

    def stream(self, conversation: Conversation, decoding: Decoding, adapter: str = "") -> Iterator[str]:
        """Answer one conversation as a stream of text; raises ModelError if it exceeds the context."""
        ids = self.prompt_ids(conversation)
        refuse_too_long(len(ids), self.context_length)
        with closing(self.server.stream(**self._request(ids, decoding, adapter))) as events:
            yield from texts_of(events, self.chat)

    def demand_constraint(self, constraint: Constraint) -> None:
        """llama.cpp makes a grammar of any constraint when it is asked."""

    def text_losses(self, texts: Sequence[str], adapter: str = "") -> list[TextLoss]:
        """Raises ModelError: llama.cpp's server does not report the probability of a text."""
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

    def close(self) -> None:
        """End llama.cpp."""
        self.server.__exit__(None, None, None)
        if self._ours:
            self._ours.folder.cleanup()


def texts_of(events: Iterable[dict[str, Any]], chat: Chat | None) -> Iterator[str]:
    """The text of llama.cpp's events; with our chat, that of their tokens up to a stop token that it knows."""
    if chat is None:
        yield from (event["content"] for event in events if event["content"])
        return
    text = IncrementalDetokenizer(chat.decode)
    tokens = (token for event in events for token in event["tokens"])
    for token in takewhile(lambda token: token not in chat.stop_ids, tokens):
        if chunk := text.add(token):
            yield chunk
    if rest := text.end():
        yield rest


def trained_context(file: Path) -> int:
    """The context length of the language model in a GGUF file; raises ModelError for another file, or without one."""
    header = read_gguf(file).first
    with _readable(file):
        return int(header.fields[f"{header.architecture}.context_length"])


def check_template(file: Path) -> None:
    """Raise ModelError if the chat template in a GGUF file exceeds the limits of ours for short conversations.

    llama.cpp renders some when it starts, for as long as that takes.
    """
    renderer = Renderer(read_header(file).text(TEMPLATE))
    for turns in SHORT:
        messages = [{"role": role, "content": content} for role, content in turns]
        with suppress(Refused):  # llama.cpp may take what Jinja does not
            renderer.render(messages, {"add_generation_prompt": True})


def vocabulary(file: Path) -> list[str]:
    """The tokens in a GGUF file as text; raises ModelError if it has none."""
    read_header(file)  # the lengths in it, which the package does not compare with the size of the file
    with _readable(file):
        return list(GGUFReader(file).fields[TOKENS].contents())


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise ModelError(
            f"{file} cannot be read as a model in GGUF.",
            f"{type(error).__name__}: {error}.",
            "export a specialist with --to gguf to make one.",
        ) from error


def _no_losses() -> ModelError:
    return ModelError(
        "llama.cpp cannot compute the probability of a text.", fix="use the specialist's own base for this."
    )

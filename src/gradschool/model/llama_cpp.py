"""llama.cpp in a child process: it runs a GGUF file as users will, and returns its tokens and log-probabilities."""

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from gradschool.errors import ModelError, RemoteError, UsageError
from gradschool.json_text import parse_json
from gradschool.model.dialect import refusal_of
from gradschool.model.llama_child import Settings
from gradschool.model.llama_grammar import completion_fields, constraint_fields
from gradschool.model.remote import RemoteEngine
from gradschool.model.rendering import MAX_GROWTH, MAX_TEXT, unusable_template
from gradschool.model.sse import data_of, lines_of
from gradschool.model.streamed import StreamError
from gradschool.records import Constraint, Conversation, Decoding
from gradschool.settings import Remote

MODEL = "specialist"
CHILD = "gradschool.model.llama_child"
ANSWER_SECONDS = 600.0  # for one answer
START_SECONDS = 1800.0  # for reading a model from a slow disk
TEMPLATE_SECONDS = 60.0  # for rendering one conversation, on a machine that is busy with other work
REQUEST_MEMORY = 4_000_000_000  # bytes for all requests, above what llama.cpp takes for the model (Linux)
SEEDS = 1 << 32  # llama.cpp seeds are 32 bits; the largest one means a random seed
ENDING_SECONDS = 2.0  # until a process that lost its connection has ended
LOG_LINES = 6  # of its log, in an error


def need_llama_cpp(use: str, instead: str) -> None:
    """Raise UsageError if llama.cpp is not installed; `use` says what needs it, `instead` what works without it."""
    if importlib.util.find_spec("xllamacpp") is None:
        raise UsageError(
            f"{use} llama.cpp, which is not installed.",
            "Its package xllamacpp is compiled, so it is not installed by default.",
            f"pip install 'gradschool[llama]', or {instead}.",
        )


class LlamaCpp:
    """A context manager that runs a GGUF file in llama.cpp, on localhost, in a child process.

    `context` is the maximum number of tokens of a question and its answer; `loras` are GGUF adapters for the file, all
    applied unless a request says otherwise; `template` replaces the chat template in the file. With `exact`, the KV
    cache is float32, for comparison with float32 networks. `at_once` is the number of concurrent requests, and `key`
    the API key that requests must have. `otherwise` is what an error says can be done without llama.cpp. Raises
    ModelError if llama.cpp cannot run the file.
    """

    def __init__(
        self,
        model: Path,
        context: int,
        *,
        loras: Sequence[Path] = (),
        template: str = "",
        threads: int = 0,
        exact: bool = False,
        at_once: int = 1,
        key: str = "",
        otherwise: str = "export --to merged or adapter",
    ) -> None:
        self._settings = Settings(
            model=str(model),
            context=context,
            loras=[str(lora) for lora in loras],
            template=template,
            threads=threads,
            exact=exact,
            at_once=at_once,
            key=key,
            memory=REQUEST_MEMORY,
        )
        self.model, self.address, self._otherwise = model, "", otherwise
        self._process: subprocess.Popen[str] | None = None
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        limits = httpx.Limits(max_keepalive_connections=0)  # it may close an idle connection just when it is used again
        self._client = httpx.Client(timeout=ANSWER_SECONDS, trust_env=False, headers=headers, limits=limits)

    def __enter__(self) -> "LlamaCpp":
        need_llama_cpp("GGUF files run in", "use another form than GGUF")
        self._log = tempfile.TemporaryFile("w+", errors="replace")  # closed in __exit__
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={**os.environ, "GGML_NO_BACKTRACE": "1"},  # it would start a debugger
            start_new_session=True,  # Ctrl-C only reaches us; the child exits when we do
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it exited at once; its log has the reason
            self._process.stdin.write(json.dumps(asdict(self._settings)) + "\n")
            self._process.stdin.flush()
        slow = threading.Timer(START_SECONDS, self._process.kill)  # such as a template that never ends
        slow.start()
        try:
            for line in self._process.stdout:
                if line.startswith("http://"):
                    self.address = line.strip()
                    return self
        finally:
            slow.cancel()
        error = self._failed()
        self.__exit__(None, None, None)
        raise error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._client.close()
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._log):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()

    @property
    def runs(self) -> bool:
        """Whether its process is running."""
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """Kill its process."""
        assert self._process is not None
        self._process.kill()

    def wait(self) -> int:
        """Wait until its process ends; returns its exit code."""
        assert self._process is not None
        return self._process.wait()

    def engine(self, constraint: Constraint | None = None) -> RemoteEngine:
        """An engine over its chat API, which every other program uses too; a constraint is for all of its answers."""
        settings = Remote(timeout=ANSWER_SECONDS, retries=0, concurrency=1)
        return RemoteEngine(self.address, MODEL, settings, with_reasoning=True, fields=constraint_fields(constraint))

    def prompt_ids(self, conversation: Conversation) -> list[int]:
        """The tokens of a conversation, with the chat template in the file."""
        return self.tokens(self.prompt_text(conversation))

    def prompt_text(self, conversation: Conversation) -> str:
        """A conversation, rendered by the chat template in the file up to the start of the answer.

        Raises ModelError if that takes too long or gives too much text. llama.cpp then is killed: it would go on.
        """
        messages = [{"role": message.role, "content": message.content} for message in conversation]
        most = MAX_TEXT + MAX_GROWTH * sum(len(message.content) for message in conversation)
        try:
            text = str(self._post("apply-template", {"messages": messages}, TEMPLATE_SECONDS)["prompt"])
        except httpx.TimeoutException as error:
            self.kill()
            raise unusable_template(
                f"llama.cpp renders a conversation for more than {TEMPLATE_SECONDS:g} s."
            ) from error
        if len(text) > most:
            raise unusable_template(f"It writes more than {most:,} characters for a conversation.")
        return text

    def tokens(self, text: str, *, control: bool = True, start: bool | None = None) -> list[int]:
        """The tokens of a text; with `control`, text that looks like a control token becomes one.

        With `start` (default: `control`), a start token is added if the file asks for one.
        """
        start = control if start is None else start
        return list(self.ask("tokenize", content=text, add_special=start, parse_special=control)["tokens"])

    def likeliest(self, prompt: Sequence[int], number: int) -> dict[int, float]:
        """The most likely next tokens with their log-probabilities, in nats; empty if the prompt does not fit."""
        try:
            # For a stop token or an incomplete character, llama.cpp returns no probabilities. So a bias forces a plain
            # token; the returned probabilities do not include the bias.
            bias = [[self._plain_token, 1000.0]]
            reply = self.ask("completion", prompt=list(prompt), n_predict=1, n_probs=number, logit_bias=bias)
        except RemoteError:
            return {}
        likely = reply["completion_probabilities"][0]["top_logprobs"]
        return {row["id"]: row["logprob"] for row in likely if row["logprob"] is not None}  # None: no number

    @cached_property
    def _plain_token(self) -> int:
        return self.tokens("a", control=False)[-1]

    def ask(self, path: str, **fields: Any) -> dict[str, Any]:
        """Send a request in its own protocol; raises RemoteError if it fails, ModelError if the server has exited."""
        try:
            return self._post(path, fields, ANSWER_SECONDS)
        except httpx.TimeoutException as error:
            raise self._failed() from error

    def stream(self, **fields: Any) -> Generator[dict[str, Any], None, None]:
        """The events of a completion as llama.cpp writes it; closing the iterator cancels it there. Raises as `ask`."""
        body = {**fields, "stream": True}
        try:
            with self._client.stream("POST", f"{self.address}/completion", json=body) as response:
                if response.status_code != 200:
                    raise _no_answer(response.read().decode(errors="replace"))
                event: dict[str, Any] = {}
                for line in lines_of(response.iter_bytes()):
                    if found := event_of(line):
                        event = found
                        yield event
                if not event.get("stop"):
                    raise _no_answer("The stream ended before the answer did.")
        except StreamError as error:
            raise _no_answer(str(error)) from error
        except httpx.HTTPError as error:
            raise self._failed() from error

    def _post(self, path: str, fields: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """As `ask`, but raises httpx.TimeoutException after so many seconds."""
        try:
            response = self._client.post(f"{self.address}/{path}", json=fields, timeout=seconds)
        except httpx.TimeoutException:
            raise
        except httpx.HTTPError as error:
            raise self._failed() from error
        if response.status_code != 200:
            raise _no_answer(response.text)
        reply: dict[str, Any] = response.json()
        return reply

    def _failed(self) -> ModelError:
        assert self._process is not None
        code = None
        with contextlib.suppress(subprocess.TimeoutExpired):  # it runs, and does not answer
            code = self._process.wait(ENDING_SECONDS)
        self._log.seek(0)
        lines = [line.strip() for line in self._log.read().splitlines() if line.strip()]
        errors = [line for line in lines if "error" in line.lower() or " E " in line] or lines
        said = " | ".join(errors[-LOG_LINES:])[:800] or "nothing"
        how = "cannot run" if not self.address else "ended while it ran" if code is not None else "does not answer with"
        killed = self.address and code in (-signal.SIGTERM, -9)
        why = "It was killed, which the system does if memory runs out. " if killed else ""
        return ModelError(
            f"llama.cpp {how} {self.model.name}.",
            f"{why}Its log says: {said}",
            f"{self._otherwise}, and report the type of the base.",
        )


def _no_answer(said: str) -> RemoteError:
    return RemoteError("llama.cpp did not answer.", said[:300], "try again.")


def event_of(line: str) -> dict[str, Any] | None:
    """The event in a line of a streamed completion, None if it has none; raises StreamError if it reports an error."""
    data = data_of(line)
    if data is None or data == "[DONE]":
        return None
    try:
        event: dict[str, Any] = parse_json(data)
        if event.get("error"):
            raise StreamError(refusal_of(200, data.encode()).message)
    except (ValueError, AttributeError) as error:
        raise StreamError(f"an event that cannot be read: {data[:200]}") from error
    return event


def completion_body(ids: Sequence[int], decoding: Decoding) -> dict[str, Any]:
    """The body of a request to llama.cpp /completion; overrides all of its sampling defaults."""
    return {
        "prompt": list(ids),
        "n_predict": decoding.max_new_tokens,
        "temperature": decoding.temperature,
        "top_p": decoding.top_p,
        "top_k": 0,
        "min_p": 0.0,
        "seed": decoding.seed % (SEEDS - 1),
        **completion_fields(decoding.constraint),
    }

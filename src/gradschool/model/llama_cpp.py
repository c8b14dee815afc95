"""llama.cpp beside us: runs a GGUF file as people will run it, and tells what it reads and how likely it finds it."""

import contextlib
import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from gradschool.errors import ModelError, RemoteError, UsageError
from gradschool.model.remote import RemoteEngine
from gradschool.records import Conversation, Decoding
from gradschool.settings import Remote

MODEL = "specialist"
CHILD = str(Path(__file__).with_name("llama_child.py"))
PATIENCE = 600.0  # seconds for one answer
SEEDS = 1 << 32  # llama.cpp seeds are 32 bits; the largest one means a random seed
LAST_WORDS = 6  # lines of its log that an error shows


def need_llama_cpp() -> None:
    """Raise UsageError where llama.cpp is not installed: a GGUF file that nobody has run is not given out."""
    if importlib.util.find_spec("xllamacpp") is None:
        raise UsageError(
            "GGUF files are tested in llama.cpp before they are given out, and it is not installed.",
            "It comes as the package xllamacpp, which is compiled and so is not installed unasked.",
            "pip install 'gradschool[llama]', or export --to merged or adapter.",
        )


class LlamaCpp:
    """A GGUF file in llama.cpp, on loopback, in a process of its own; use it in a `with` statement.

    `context` is the most tokens of a question and its answer; `lora` is a GGUF adapter over the file. With `exact`
    it keeps its cache in float32, to be compared with float32 networks. `at_once` requests are answered together, and
    where there is a `key`, all must bring it. Raises ModelError where llama.cpp refuses the file.
    """

    def __init__(
        self,
        model: Path,
        context: int,
        *,
        lora: Path | None = None,
        threads: int = 0,
        exact: bool = False,
        at_once: int = 1,
        key: str = "",
    ) -> None:
        self._settings = {
            "model": str(model),
            "context": context,
            "lora": str(lora) if lora else "",
            "threads": threads,
            "exact": exact,
            "at_once": at_once,
            "key": key,
        }
        self.model, self.address = model, ""
        self._process: subprocess.Popen[str] | None = None
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        limits = httpx.Limits(max_keepalive_connections=0)  # it closes connections that are kept, at times in use
        self._client = httpx.Client(timeout=PATIENCE, trust_env=False, headers=headers, limits=limits)

    def __enter__(self) -> "LlamaCpp":
        need_llama_cpp()
        self._log = tempfile.TemporaryFile("w+", errors="replace")  # closed in __exit__
        self._process = subprocess.Popen(
            [sys.executable, "-P", CHILD],  # -P: our gguf.py is not the library
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            start_new_session=True,  # Ctrl-C is for us, who may still want answers; our end is its end
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # it ended before it listened: its log says why
            self._process.stdin.write(json.dumps(self._settings) + "\n")
            self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("http://"):
                self.address = line.strip()
                return self
        error = self._refused()
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

    def engine(self) -> RemoteEngine:
        """Its chat interface as an engine, which sees of it what every other program sees."""
        return RemoteEngine(self.address, MODEL, Remote(timeout=PATIENCE, retries=0, concurrency=1))

    def prompt_ids(self, conversation: Conversation) -> list[int]:
        """The tokens that it reads for a conversation, by the chat template in the file."""
        return self.tokens(self.prompt_text(conversation))

    def prompt_text(self, conversation: Conversation) -> str:
        """What the chat template in the file makes of a conversation, up to where the answer begins."""
        messages = [{"role": message.role, "content": message.content} for message in conversation]
        return str(self.ask("apply-template", messages=messages)["prompt"])

    def tokens(self, text: str, *, control: bool = True, start: bool | None = None) -> list[int]:
        """The tokens of a text; with `control`, what looks like a control token is one.

        A start token is added, where the file says so, with `start`; by default with `control`.
        """
        start = control if start is None else start
        return list(self.ask("tokenize", content=text, add_special=start, parse_special=control)["tokens"])

    def likeliest(self, prompt: Sequence[int], number: int) -> dict[int, float]:
        """The likeliest next tokens with their log probabilities, in nats; empty where the prompt does not fit."""
        try:
            # A token that ends the answer, or half a letter, would be told without its probabilities. So a plain one
            # is drawn in any case; what is told about all of them is from before that.
            plain = [[self.tokens("a", control=False)[-1], 1000.0]]
            said = self.ask("completion", prompt=list(prompt), n_predict=1, n_probs=number, logit_bias=plain)
        except RemoteError:
            return {}
        return {row["id"]: row["logprob"] for row in said["completion_probabilities"][0]["top_logprobs"]}

    def ask(self, what: str, **fields: Any) -> dict[str, Any]:
        """Ask it anything in its own protocol; raises RemoteError where it refuses, ModelError where it has ended."""
        try:
            response = self._client.post(f"{self.address}/{what}", json=fields)
        except httpx.HTTPError as error:
            raise self._refused() from error
        if response.status_code != 200:
            raise RemoteError("llama.cpp did not answer.", response.text[:300], "try again.")
        reply: dict[str, Any] = response.json()
        return reply

    def _refused(self) -> ModelError:
        self._log.seek(0)
        lines = [line.strip() for line in self._log.read().splitlines() if line.strip()]
        told = [line for line in lines if "error" in line.lower() or " E " in line] or lines
        return ModelError(
            f"llama.cpp cannot run {self.model.name}.",
            "It says: " + " | ".join(told[-LAST_WORDS:])[:800],
            "export --to merged or adapter, and report the kind of base.",
        )


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
    }

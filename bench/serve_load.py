"""The server under load: lost requests, answers that differ from the tested ones, and latency.

    python -m bench.serve_load [SPECIALIST [--gguf FILE]] [--minutes 2] [--clients 32]

Without a specialist, examples/contracts is climbed and exported first.

Each client sends the specialist's test questions one after another, half of them as streams. The servers are
`gradschool serve` and, if there is a GGUF file of the specialist, `gradschool serve --gguf` and llama.cpp's own server,
one after the other on the same machine. llama.cpp's own server receives each question with the instructions, examples
and passages that gradschool would add; the time to retrieve them is not counted there. Each server uses OMP_NUM_THREADS
threads; on a machine with other load, 1 gives the fairest comparison. Writes bench/results/serve_load.json.
"""

import asyncio
import contextlib
import json
import random
import shlex
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

from bench.usage import documented
from gradschool.environment import environment
from gradschool.files import sha256, write_json
from gradschool.model.llama_cpp import MODEL, LlamaCpp
from gradschool.model.llama_engine import LlamaEngine, trained_context
from gradschool.model.threads import choose_threads
from gradschool.package.bundle import recipe_of
from gradschool.package.evidence import read_evidence
from gradschool.package.manifest import read_manifest
from gradschool.records import Conversation, Decoding
from gradschool.specialist import Recipe, Specialist

RESULT = Path(__file__).parent / "results" / "serve_load.json"
COMMAND = (sys.executable, "-c", "from gradschool.cli import main; main()")
CONTRACTS = Path(__file__).parents[1] / "examples" / "contracts"
TIMEOUT = 120.0  # seconds for one answer


@dataclass
class Load:
    """Measurements of the clients."""

    seconds: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)  # of streams, until the first text
    lost: Counter[str] = field(default_factory=Counter)
    new_tokens: int = 0
    as_tested: int = 0

    def record(self, took: float, rss: int) -> dict[str, Any]:
        """The measurements as a JSON object."""
        return {
            "answered": len(self.seconds),
            "lost": dict(self.lost),
            "as_tested": self.as_tested,
            "requests_per_second": round(len(self.seconds) / took, 2),
            "new_tokens_per_second": round(self.new_tokens / took, 1),
            "seconds": percentiles(self.seconds),
            "seconds_to_first_text": percentiles(self.first),
            "took": round(took, 1),
            "resident_bytes": rss,
        }


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """The median and the upper percentiles."""
    if not values:
        return {}
    named = {"p50": 50, "p95": 95, "p99": 99, "max": 100}
    return {name: round(float(np.percentile(values, percentile)), 3) for name, percentile in named.items()}


async def put(client: httpx.AsyncClient, body: dict[str, Any], load: Load) -> str:
    """Ask one question; returns the text. Raises ValueError if the answer is incomplete."""
    began = time.perf_counter()
    if not body["stream"]:
        reply = (await client.post("chat/completions", json=body)).raise_for_status().json()
        text, usage = reply["choices"][0]["message"]["content"], reply["usage"]
    else:
        text, usage, done = "", None, False
        async with client.stream("POST", "chat/completions", json=body) as response:
            response.raise_for_status()
            async for line in response.aiter_lines():
                data = line.removeprefix("data:").strip()
                done = done or data == "[DONE]"
                if not line.startswith("data:") or done:
                    continue
                event = json.loads(data)
                usage = event.get("usage") or usage
                piece = event["choices"][0]["delta"].get("content") if event["choices"] else None
                if piece and not text:
                    load.first.append(time.perf_counter() - began)
                text += piece or ""
        if not done or usage is None:
            raise ValueError("the stream broke off")
    load.seconds.append(time.perf_counter() - began)
    load.new_tokens += usage["completion_tokens"]
    return str(text)


async def ask_all(
    address: str, model: str, questions: Sequence[Conversation], tested: Sequence[str], drawn: Decoding, options: Any
) -> tuple[Load, float]:
    """Run all clients until the time is up; each waits for its last answer."""
    load, order = Load(), random.Random(0)
    began = time.monotonic()
    end = began + options.minutes * 60

    async def one() -> None:
        # One connection per request: the server may close a reused one at the moment of reuse.
        limits = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(base_url=address, timeout=TIMEOUT, limits=limits, trust_env=False) as client:
            while time.monotonic() < end:
                number = order.randrange(len(questions))
                body = {
                    "model": model,
                    "messages": [{"role": m.role, "content": m.content} for m in questions[number]],
                    "max_tokens": drawn.max_new_tokens,
                    "temperature": drawn.temperature,
                    "seed": drawn.seed,
                }
                stream = {"stream": True, "stream_options": {"include_usage": True}}
                try:
                    asked = body | (stream if order.random() < 0.5 else {"stream": False})
                    text = await put(client, asked, load)
                    load.as_tested += text == tested[number]
                except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
                    load.lost[f"{type(error).__name__}: {error}"[:120]] += 1

    await asyncio.gather(*(one() for _ in range(options.clients)))
    return load, time.monotonic() - began


@contextlib.contextmanager
def gradschool_serve(*arguments: object) -> Iterator[tuple[str, int]]:
    """Start `gradschool serve`; yields its address and process id."""
    process = subprocess.Popen(
        [*COMMAND, "serve", *map(str, arguments), "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[2] + "/", process.pid
    finally:
        process.terminate()
        process.communicate(timeout=60)


@contextlib.contextmanager
def llama_serve(file: Path, at_once: int) -> Iterator[tuple[str, int]]:
    """Start llama.cpp's own server with a slot for each client."""
    with LlamaCpp(file, trained_context(file), threads=choose_threads()[0], at_once=at_once) as server:
        [child] = psutil.Process().children()
        yield f"{server.address}/v1/", child.pid


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory() as temporary:
        if options.specialist is None:
            options.specialist, options.gguf = made(Path(temporary))
        measure(options)


def made(folder: Path) -> tuple[Path, Path]:
    """Climb and export with the command-line program; returns the specialist and its GGUF file."""
    specialist, exported = folder / "run" / "specialist", folder / "gguf"
    if subprocess.run([*COMMAND, "climb", CONTRACTS, "--run", specialist.parent]).returncode not in (0, 3):
        sys.exit("The climb did not end.")
    subprocess.run([*COMMAND, "export", specialist, "--to", "gguf", "--format", "f16", "-o", exported], check=True)
    return specialist, next(exported.glob("*.gguf"))


def measure(options: Any) -> None:
    """Measure every server and write the results."""
    manifest = read_manifest(options.specialist)
    evidence, recipe = read_evidence(options.specialist, manifest), recipe_of(options.specialist, manifest)
    questions = [example.question for example in evidence.examples]
    tested = [row.answer.text for row in evidence.rows]
    servers: dict[str, Any] = {"gradschool": (gradschool_serve(options.specialist), manifest.name, questions)}
    if options.gguf:
        places = ("--gguf", options.gguf, "--at-once", options.clients)
        servers["gradschool, GGUF"] = (gradschool_serve(options.specialist, *places), manifest.name, questions)
        servers["llama.cpp's own"] = (llama_serve(options.gguf, options.clients), MODEL, None)
    results = {}
    for name, (started, model, asked) in servers.items():
        busy = psutil.getloadavg()[0]
        with started as (address, pid):
            if asked is None:
                asked = composed(options, recipe, questions)
            print(f"{name}: {options.clients} clients, {options.minutes:g} minutes", flush=True)
            load, took = asyncio.run(ask_all(address, model, asked, tested, recipe.decoding, options))
            tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
            rss = sum(process.memory_info().rss for process in tree)
            results[name] = load.record(took, rss) | {"load_average_before": round(busy, 2)}
        print(json.dumps(results[name], indent=1), flush=True)
    result = {
        "command": shlex.join(["python", "-m", "bench.serve_load", *(Path(word).name for word in sys.argv[1:])]),
        "clients": options.clients,
        "minutes": options.minutes,
        "specialist": {key: getattr(manifest, key) for key in ("name", "rung", "verdict")}
        | {"base": asdict(manifest.base)}
        | {"recipe": recipe.describe()},
        "gguf": {"bytes": options.gguf.stat().st_size, "sha256": sha256(options.gguf)} if options.gguf else None,
        "questions": len(questions),
        "threads": choose_threads()[0],
        "servers": results,
        "environment": asdict(environment()),
    }
    write_json(RESULT, result)
    print(f"written to {RESULT}")


def composed(options: Any, recipe: Recipe, questions: Sequence[Conversation]) -> list[Conversation]:
    """The questions as the specialist renders them for its base."""
    engine = LlamaEngine(options.gguf, 1, None)
    try:
        specialist = Specialist(engine, replace(recipe, adapter="", weights=""))
        return [specialist.conversation(question)[0] for question in questions]
    finally:
        engine.close()


def arguments() -> Any:
    """Parse the command line."""
    parser = documented(__doc__)
    parser.add_argument("specialist", type=Path, nargs="?")
    parser.add_argument("--gguf", type=Path)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--clients", type=int, default=32)
    return parser.parse_args()


if __name__ == "__main__":
    main()

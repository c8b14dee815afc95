"""Inference speed compared with transformers' `generate` and llama.cpp on the same weights.

    python -m bench.answer_speed [--smoke] [--runs 2]

Two models: the shape of SmolLM2-135M with random weights, in bfloat16 if the processor supports it, with 64 prompts of
about 183 tokens, 102 of them shared, and 64 new tokens each; and the built-in base in float32 with 256 prompts of the
lengths of banking77. Each library runs in its own process, in rounds. `generate` runs with several batch sizes and
llama.cpp (xllamacpp's server, weights in bfloat16, all prompts at once) with several numbers of slots; the best of each
counts. All generate the same number of tokens. Writes bench/results/answer_speed.json, or
answer_speed-float32.json if computed in float32.
"""

import concurrent.futures
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import torch

from bench.gguf_of import write_gguf
from bench.shapes import DTYPE, SHAPES, result_file, write_model
from bench.usage import documented
from gradschool.environment import environment
from gradschool.files import write_json
from gradschool.model.decoding import decode
from gradschool.model.loading import load
from gradschool.model.opening import POCKET
from gradschool.model.reader import reader_of
from gradschool.records import Decoding

RESULT = result_file("answer_speed")
CONTESTANTS: dict[str, dict[str, Any]] = {
    "gradschool": {"kind": "gradschool", "at_once": 64},
    "generate, batches of 16": {"kind": "generate", "at_once": 16},
    "generate, batches of 64": {"kind": "generate", "at_once": 64},
    "llama.cpp, 8 slots": {"kind": "llama.cpp", "at_once": 8},
    "llama.cpp, 32 slots": {"kind": "llama.cpp", "at_once": 32},
}
JOBS: dict[str, dict[str, Any]] = {
    "135M": {"dtype": DTYPE, "count": 64, "shared": 102, "own": (60, 102), "new": 64},
    "pocket": {"dtype": "float32", "count": 256, "shared": 22, "own": (10, 40), "new": 16},
    "smoke": {"dtype": "float32", "count": 6, "shared": 8, "own": (4, 12), "new": 5},
}


Prompts = list[list[int]]


def prompts_of(job: dict[str, Any], vocabulary: int) -> Prompts:
    """Prompts of random tokens with a shared prefix."""
    draw = random.Random(0)
    shared = [draw.randrange(3, vocabulary) for _ in range(job["shared"])]
    lengths = [draw.randint(*job["own"]) for _ in range(job["count"])]
    return [shared + [draw.randrange(3, vocabulary) for _ in range(length)] for length in lengths]


Answer = Callable[[Prompts], Prompts]  # prompts to generated tokens


def ours(job: dict[str, Any]) -> Answer:
    """Generation with gradschool."""
    network, _ = load(Path(job["model"]), torch.device("cpu"), getattr(torch, job["dtype"]))
    reader = reader_of(network)

    def answer(prompts: Prompts) -> Prompts:
        said: Prompts = [[] for _ in prompts]
        asked, limits = dict(enumerate(prompts)), dict.fromkeys(range(len(prompts)), job["new"])
        for step in decode(reader, asked, (), limits, Decoding(), slots=job["at_once"]):
            for piece in step:
                said[piece.name].append(piece.token)
        return said

    return answer


def generate(job: dict[str, Any]) -> Answer:
    """Generation with transformers, in batches of prompts of similar length."""
    network, _ = load(Path(job["model"]), torch.device("cpu"), getattr(torch, job["dtype"]))
    network.generation_config.eos_token_id = None

    def answer(prompts: Prompts) -> Prompts:
        said: Prompts = [[] for _ in prompts]
        order = sorted(range(len(prompts)), key=lambda i: -len(prompts[i]))
        for start in range(0, len(order), job["at_once"]):
            batch = order[start : start + job["at_once"]]
            longest = max(len(prompts[i]) for i in batch)
            ids = torch.tensor([[0] * (longest - len(prompts[i])) + prompts[i] for i in batch])
            there = torch.tensor([[0] * (longest - len(prompts[i])) + [1] * len(prompts[i]) for i in batch])
            options = {"max_new_tokens": job["new"], "do_sample": False, "pad_token_id": 0}
            rows = network.generate(ids, attention_mask=there, **options)[:, longest:].tolist()  # type: ignore[operator]
            for i, row in zip(batch, rows, strict=True):
                said[i] = row
        return said

    return answer


def llama_cpp(job: dict[str, Any]) -> Answer:
    """Generation with llama.cpp's server, which receives all prompts at once."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = job["gguf"]
    params.n_parallel = job["at_once"]
    longest = max(map(len, job["prompts"])) + job["new"] + 8
    params.n_ctx = job["at_once"] * (-(-longest // 256) * 256)
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = torch.get_num_threads()
    params.port = 0
    server = xllamacpp.Server(params)
    client = httpx.Client(timeout=3600, limits=httpx.Limits(max_connections=None))

    def ask(prompt: list[int]) -> list[int]:
        options = {"n_predict": job["new"], "temperature": 0, "ignore_eos": True, "return_tokens": True}
        reply = client.post(f"{server.listening_address}/completion", json={"prompt": prompt, **options})
        said: list[int] = reply.raise_for_status().json()["tokens"]
        return said

    def answer(prompts: Prompts) -> Prompts:
        with concurrent.futures.ThreadPoolExecutor(len(prompts)) as pool:
            return list(pool.map(ask, prompts))

    return answer


KINDS = {"gradschool": ours, "generate": generate, "llama.cpp": llama_cpp}


def contestant(job: dict[str, Any]) -> dict[str, Any]:
    """Answer all prompts once, timed, after a warm-up."""
    answer = KINDS[job["kind"]](job)
    answer(job["prompts"][:2])
    began, busy = time.perf_counter(), time.process_time()
    said = answer(job["prompts"])
    seconds, busy = time.perf_counter() - began, time.process_time() - busy
    count = sum(map(len, said))
    return {
        "new_tokens": count,
        "new_tokens_per_second": count / seconds,
        "new_tokens_per_processor_second": count / busy,
        "peak_memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10,
        "said": said,
    }


def contest(name: str, folder: Path, job: dict[str, Any]) -> dict[str, Any]:
    """Run one library in its own process."""
    (folder / "job.json").write_text(json.dumps({**job, **CONTESTANTS[name]}))
    command = [sys.executable, "-m", "bench.answer_speed", str(folder / "job.json"), str(folder / "result.json")]
    ran = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if ran.returncode:
        raise SystemExit(f"{name} failed:\n{ran.stderr[-2000:]}")
    result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return result


def measure(name: str, runs: int) -> dict[str, Any]:
    """Rounds of all libraries on one job."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if name == "pocket":
            model = POCKET
        else:
            write_model(folder, name)
            model = folder / "model"
        write_gguf(model, folder / "model.gguf")
        vocabulary = json.loads((model / "config.json").read_text())["vocab_size"]
        prompts = prompts_of(JOBS[name], vocabulary)
        job = {**JOBS[name], "model": str(model), "gguf": str(folder / "model.gguf"), "prompts": prompts}
        rounds: list[dict[str, Any]] = []
        for number in range(runs):
            rounds.append({who: contest(who, folder, job) for who in CONTESTANTS})
            for who, row in rounds[-1].items():
                print(f"{name}, round {number + 1}, {who}: {row['new_tokens_per_second']:.0f} new tokens/s", flush=True)
    return summary(rounds) | {"prompts": len(prompts), "mean_prompt": sum(map(len, prompts)) / len(prompts)}


def summary(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over the rounds, ratios to the best configuration of each library in the same round, and agreement."""
    said: dict[str, Any] = {}
    keys = ("new_tokens", "new_tokens_per_second", "new_tokens_per_processor_second", "peak_memory")
    ours = rounds[-1]["gradschool"]["said"]
    for name in CONTESTANTS:
        said[name] = {key: round(statistics.median(one[name][key] for one in rounds), 1) for key in keys}
        theirs = rounds[-1][name]["said"]
        alike = [sum(a == b for a, b in zip(x, y, strict=False)) / len(x) for x, y in zip(ours, theirs, strict=True)]
        said[name]["tokens_as_ours"] = round(statistics.mean(alike), 3)
    for kind in ("generate", "llama.cpp"):
        names = [name for name in CONTESTANTS if CONTESTANTS[name]["kind"] == kind]
        for key in keys[1:3]:
            ratios = [one["gradschool"][key] / max(one[name][key] for name in names) for one in rounds]
            said[f"times_{kind}_in_{key}"] = round(statistics.median(ratios), 2)
    return said


def main() -> None:
    """Measure all jobs; with a job file as argument, run one library."""
    if len(sys.argv) == 3 and sys.argv[1].endswith(".json"):
        Path(sys.argv[2]).write_text(json.dumps(contestant(json.loads(Path(sys.argv[1]).read_text()))))
        return
    parser = documented(__doc__)
    parser.add_argument("--smoke", action="store_true", help="a tiny model and one round, to check that it runs")
    parser.add_argument("--runs", type=int, default=2)
    asked = parser.parse_args()
    if asked.smoke:
        print(json.dumps(measure("smoke", 1), indent=1))
        return
    result: dict[str, Any] = {name: measure(name, asked.runs) for name in ("135M", "pocket")}
    result |= {"shape": SHAPES["135M"], "threads": torch.get_num_threads(), "rounds": asked.runs}
    write_json(RESULT, result | {"environment": asdict(environment())})
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()

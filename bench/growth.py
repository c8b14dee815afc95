"""How speed and memory scale with row length, batch and base size, and how accurate the memory estimates are.

    python -m bench.growth [--smoke]

The shapes of pocket, SmolLM2-135M and -360M with random weights, in bfloat16 if the processor supports it; rank 16 on
all linear layers, no shared prefix. Each point runs in its own process: one step to warm up, then one that counts, and
the estimate of `gradschool fit` for the same rows; some points also with a 4-bit base. Inference: prompts of 128
tokens, 32 new ones, and more and more rows at once. Writes bench/results/growth.json and docs/growth.svg, or
growth-float32 if computed in float32.
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from bench.plot import plot
from bench.shapes import DTYPE, RANK, network_of, result_file, write_model
from bench.usage import documented
from gradschool.environment import environment, peak_memory
from gradschool.files import write_json
from gradschool.model.attention import Segments
from gradschool.model.chat import Rendered
from gradschool.model.decoding import decode
from gradschool.model.loading import load
from gradschool.model.lora import attach
from gradschool.model.memory import ANSWERING_PROCESS_BYTES, CLIMBING_PROCESS_BYTES, AnsweringMemory, Device
from gradschool.model.onednn import bound_caches
from gradschool.model.reader import reader_of
from gradschool.records import Decoding, Step
from gradschool.tune.loop import Training
from gradschool.tune.memory import MemoryPlan, Method, TrainingMemory
from gradschool.tune.objectives.answers import Answers
from gradschool.tune.passes import Pass
from gradschool.tune.plan import Plan

RESULT = result_file("growth")
PLOT = Path(__file__).parents[1] / "docs" / f"{RESULT.stem}.svg"
FORMAT: torch.dtype = getattr(torch, DTYPE)
TOKENS = 4096  # per step
LENGTHS = (256, 1024, 4096)
BATCHES = (1, 4, 16)  # rows of 256 tokens
AT_ONCE = (1, 8, 64)
PROMPT, NEW = 128, 32


def packed(shape: str, length: int, count: int) -> dict[str, Any]:
    """Train on a 4-bit base, whose weights another process writes, so that its memory does not count."""
    with tempfile.TemporaryDirectory() as temporary:
        writing = get_context("spawn").Process(target=write_model, args=(Path(temporary), shape))
        writing.start()
        writing.join()
        return train(shape, length, count, Path(temporary) / "model")


def train(shape: str, length: int, count: int, four_bits: Path | None = None) -> dict[str, Any]:
    """Train on `count` rows of `length` tokens, a third of them answer tokens, optionally on a 4-bit base."""
    device = torch.device("cpu")
    network = load(four_bits, device, FORMAT, quantization="nf4")[0] if four_bits else network_of(shape, FORMAT)
    draw = random.Random(0)
    attach(network, RANK, 2 * RANK, 0)
    vocabulary = network.config.vocab_size

    def row(number: int) -> Rendered:
        ids = (number + 3, *(draw.randrange(3, vocabulary) for _ in range(length - 1)))
        return Rendered(ids, (False,) * (length - length // 3) + (True,) * (length // 3))

    rows = [row(number) for number in range(count)]
    plan = Plan(1e-4, 1.0, count, 10**9, 1, 10**9, 1, 0.0, 0)
    short = Rendered(rows[0].token_ids[:8], (False,) * 4 + (True,) * 4)
    with tempfile.TemporaryDirectory() as temporary:
        checkpoint, memory = Path(temporary) / "none", MemoryPlan(tokens=count * length)
        training = Training(network, [Answers(rows, [short], plan, 0)], plan, checkpoint, memory)
        ended = []
        for event in training.run():
            if isinstance(event, Step):
                ended.append(time.perf_counter())
                if len(ended) == 2:
                    break
    method: Method = "4-bit lora" if four_bits else "lora"
    needed = TrainingMemory(network.config, method, RANK, Device("cpu", FORMAT))
    read = Pass(Segments(0, ((count, length),)), count * (length // 3))
    told = needed.total([read]) + CLIMBING_PROCESS_BYTES
    return {
        "tokens_per_second": round(count * length / (ended[-1] - ended[0]), 1),
        "peak_memory": peak_memory(),
        "told": told,
        "told_of_measured": round(told / peak_memory(), 3),
    }


def answer(shape: str, at_once: int, count: int) -> dict[str, Any]:
    """Answer `count` prompts, `at_once` concurrently."""
    network, draw = network_of(shape, FORMAT), random.Random(0)
    reader, vocabulary = reader_of(network), network.config.vocab_size
    prompts = {n: [draw.randrange(3, vocabulary) for _ in range(PROMPT)] for n in range(count)}
    for _ in decode(reader, {0: prompts[0]}, (), {0: 3}, Decoding()):
        pass
    began = time.perf_counter()
    limits = dict.fromkeys(prompts, NEW)
    said = sum(map(len, decode(reader, prompts, (), limits, Decoding(), slots=at_once)))
    seconds = time.perf_counter() - began
    told = AnsweringMemory(network.config, Device("cpu", FORMAT)).total(at_once, PROMPT, NEW) + ANSWERING_PROCESS_BYTES
    return {
        "new_tokens_per_second": round(said / seconds, 1),
        "peak_memory": peak_memory(),
        "told": told,
        "told_of_measured": round(told / peak_memory(), 3),
    }


def point(what: str, *numbers: Any) -> dict[str, Any]:
    """Measure one point in its own process."""
    command = [sys.executable, "-m", "bench.growth", what, *map(str, numbers)]
    ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    said: dict[str, Any] = json.loads(ran.stdout)
    print(what, *numbers, said, flush=True)
    return said


def draw_plot(result: dict[str, Any]) -> None:
    """Plot speed and memory against length and batch."""
    lengths, batches, answers = result["length"], result["batch"], result["answering"]

    def lines(points: dict[str, Any], key: str, unit: float) -> dict[str, list[tuple[float, float]]]:
        return {shape: [(float(x), said[key] / unit) for x, said in by_x.items()] for shape, by_x in points.items()}

    plot(
        PLOT,
        [
            ("training: tokens/s", "tokens of a row", lines(lengths, "tokens_per_second", 1)),
            ("training: memory, GB", "tokens of a row", lines(lengths, "peak_memory", 1e9)),
            ("training: tokens/s", "rows of 256 tokens", lines(batches, "tokens_per_second", 1)),
            ("answering: new tokens/s", "rows at once", lines(answers, "new_tokens_per_second", 1)),
        ],
    )


def main() -> None:
    """Measure all points; with arguments, measure one."""
    if len(sys.argv) > 2:
        bound_caches()
        what, shape, *numbers = sys.argv[1:]
        print(json.dumps({"train": train, "packed": packed, "answer": answer}[what](shape, *map(int, numbers))))
        return
    parser = documented(__doc__)
    parser.add_argument("--smoke", action="store_true", help="pocket and a few points, to check that it runs")
    smoke = parser.parse_args().smoke
    shapes = ["pocket"] if smoke else ["pocket", "135M", "360M"]
    lengths, batches, at_once = (LENGTHS[:2], BATCHES[:2], AT_ONCE[:2]) if smoke else (LENGTHS, BATCHES, AT_ONCE)
    result: dict[str, Any] = {
        "length": {s: {n: point("train", s, n, TOKENS // n) for n in lengths} for s in shapes},
        "batch": {s: {n: point("train", s, 256, n) for n in batches} for s in shapes},
        "four_bits": {s: {n: point("packed", s, 256, n) for n in batches[-2:]} for s in shapes},
        "answering": {s: {n: point("answer", s, n, n) for n in at_once} for s in shapes},
    }
    told = [said["told_of_measured"] for kind in result.values() for by_x in kind.values() for said in by_x.values()]
    result["told_of_measured"] = {"lowest": min(told), "highest": max(told)}
    print(result["told_of_measured"])
    if not smoke:
        draw_plot(result)
        write_json(RESULT, result | {"threads": torch.get_num_threads(), "environment": asdict(environment())})


if __name__ == "__main__":
    main()

"""How speed and memory scale with row length, batch and base size.

    python -m bench.growth [--smoke]

The shapes of pocket, SmolLM2-135M and -360M with random weights, in bfloat16 if the processor supports it; rank 16 on
all linear layers, no shared prefix. Each point runs in its own process: one step to warm up, then one that counts; some
points also with a 4-bit base. Inference: prompts of 128 tokens, 32 new ones, and more and more rows at once. Writes
bench/results/growth.json and docs/growth.svg, or growth-float32 if computed in float32. `python -m bench.memory`
compares the memory with the estimates.
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from bench.plot import plot
from bench.shapes import DTYPE, RANK, network_of, result_file, write_model
from bench.usage import documented
from gradschool.environment import environment, peak_memory
from gradschool.files import write_json
from gradschool.model.chat import Rendered
from gradschool.model.decoding import decode
from gradschool.model.loading import load
from gradschool.model.lora import attach
from gradschool.model.onednn import bound_caches
from gradschool.model.reader import reader_of
from gradschool.records import Decoding, Step
from gradschool.tune.loop import Training
from gradschool.tune.memory import MemoryPlan
from gradschool.tune.objectives.answers import Answers
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
    """Train on `count` rows of `length` tokens, optionally on a 4-bit base."""
    device = torch.device("cpu")
    network = load(four_bits, device, FORMAT, quantization="nf4")[0] if four_bits else network_of(shape, FORMAT)
    attach(network, RANK, 2 * RANK, 0)
    seconds = step_seconds(network, rows_of((length,) * count, network.config.vocab_size))
    return {"tokens_per_second": round(count * length / seconds, 1), "peak_memory": peak_memory()}


def rows_of(lengths: Sequence[int], vocabulary: int) -> list[Rendered]:
    """Rows of random tokens with these lengths and no common prefix; a third of each are answer tokens."""
    draw = random.Random(0)

    def row(number: int, length: int) -> Rendered:
        ids = (number + 3, *(draw.randrange(3, vocabulary) for _ in range(length - 1)))
        return Rendered(ids, (False,) * (length - length // 3) + (True,) * (length // 3))

    return [row(number, length) for number, length in enumerate(lengths)]


def step_seconds(network: PreTrainedModel, rows: Sequence[Rendered], checkpointing: bool = False) -> float:
    """Train two steps, each with all rows in one micro-batch; returns the seconds of the second one."""
    plan = Plan(1e-4, 1.0, len(rows), 10**9, 1, 10**9, 1, 0.0, 0)
    short = Rendered(rows[0].token_ids[:8], (False,) * 4 + (True,) * 4)
    with tempfile.TemporaryDirectory() as temporary:
        memory = MemoryPlan(sum(len(row.token_ids) for row in rows), checkpointing)
        training = Training(network, [Answers(rows, [short], plan, 0)], plan, Path(temporary) / "none", memory)
        ended = []
        for event in training.run():
            if isinstance(event, Step):
                ended.append(time.perf_counter())
                if len(ended) == 2:
                    break
    return ended[1] - ended[0]


def answer(shape: str, at_once: int, count: int) -> dict[str, Any]:
    """Answer `count` prompts, `at_once` concurrently."""
    said, seconds = answered(network_of(shape, FORMAT), at_once, count)
    return {"new_tokens_per_second": round(said / seconds, 1), "peak_memory": peak_memory()}


def answered(
    network: PreTrainedModel, at_once: int, count: int, prompt: int = PROMPT, new: int = NEW
) -> tuple[int, float]:
    """Answer `count` prompts, `at_once` concurrently; returns the number of new tokens and the seconds."""
    draw, reader, vocabulary = random.Random(0), reader_of(network), network.config.vocab_size
    prompts = {n: [draw.randrange(3, vocabulary) for _ in range(prompt)] for n in range(count)}
    for _ in decode(reader, {0: prompts[0]}, (), {0: 3}, Decoding()):
        pass
    began = time.perf_counter()
    limits = dict.fromkeys(prompts, new)
    said = sum(map(len, decode(reader, prompts, (), limits, Decoding(), slots=at_once)))
    return said, time.perf_counter() - began


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
    if not smoke:
        draw_plot(result)
        write_json(RESULT, result | {"threads": torch.get_num_threads(), "environment": asdict(environment())})


if __name__ == "__main__":
    main()

"""How accurate the memory estimates are: bases of several families, trained and answering.

    python -m bench.memory [--again]

Random weights in the shapes of well-known bases, some with fewer layers, in bfloat16 if the processor supports it. Each
point runs in its own process, which loads its base from a folder. Its peak memory is compared with the estimate that
`gradschool fit` and the memory plan of a training make from the config and the lengths alone, plus the memory of the
process before the base was loaded. Peaks do not depend on how busy the machine is; with --again only the estimates are
made again, and compared with the peaks that are recorded. Writes bench/results/memory.json, or memory-float32.json.
"""

import copy
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from transformers import AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel

from bench.growth import FORMAT, NEW, PROMPT, answered, rows_of, step_seconds
from bench.shapes import RANK, network_of, result_file, save_network
from bench.usage import documented
from gradschool.environment import environment, peak_memory
from gradschool.estimate import config_of
from gradschool.files import write_json
from gradschool.model.answering_memory import AnsweringMemory
from gradschool.model.loading import load
from gradschool.model.lora import attach
from gradschool.model.memory import Device
from gradschool.model.onednn import bound_caches
from gradschool.tune.memory import Method, TrainingMemory
from gradschool.tune.objectives.answers import answer_tokens
from gradschool.tune.passes import Pass
from gradschool.tune.rows import layout_of

T = TypeVar("T")
RESULT = result_file("memory")
CPU = Device("cpu", FORMAT)


@dataclass(frozen=True, slots=True)
class Point:
    """A use of a known base with so many layers: trained on rows of these lengths, or answering so many at once."""

    base: str
    layers: int
    use: Method | Literal["checkpointing", "answer"]
    rows: tuple[int, ...] = ()
    at_once: int = 0
    prompt: int = PROMPT  # tokens of each question, and of each answer
    new: int = NEW

    def config(self) -> PreTrainedConfig:
        """The config of the base, with these layers."""
        config = config_of(self.base)
        config.num_hidden_layers = self.layers
        if getattr(config, "layer_types", None):
            config.layer_types = config.layer_types[: self.layers]
        return config


MIXED = (60,) * 5 + (120,) * 7 + (200,) * 3
POINTS = (
    Point("pocket", 6, "lora", (256,) * 4),
    Point("pocket", 6, "lora", (256,) * 16),
    Point("pocket", 6, "lora", (1024,) * 2),
    Point("pocket", 6, "lora", MIXED),
    Point("pocket", 6, "checkpointing", (256,) * 4),
    Point("pocket", 6, "full", (256,) * 4),
    Point("smollm2-135m", 30, "lora", (256,)),
    Point("smollm2-135m", 30, "lora", (256,) * 4),
    Point("smollm2-135m", 10, "4-bit lora", (256,) * 4),
    Point("smollm2-360m", 8, "lora", (200,) * 4),
    Point("qwen2.5-0.5b", 4, "lora", (200,) * 4),
    Point("qwen3-0.6b", 4, "lora", (60, 120, 120, 200)),
    Point("gemma-3-270m", 6, "lora", (60, 120, 120, 200)),
    Point("pocket", 6, "answer", at_once=64),
    Point("smollm2-135m", 30, "answer", at_once=8),
    Point("smollm2-135m", 30, "answer", at_once=64),
    Point("phi-3.5-mini", 2, "lora", (60, 120, 120, 200)),
    Point("pocket", 6, "answer", at_once=64, new=160),
    Point("pocket", 6, "answer", at_once=16, prompt=1024, new=16),
    Point("smollm2-135m", 4, "answer", at_once=4, prompt=2048, new=8),
    Point("smollm2-135m", 4, "answer", at_once=64, prompt=400, new=8),
    Point("gemma-3-270m", 6, "answer", at_once=64, prompt=32, new=4),
    Point("phi-3.5-mini", 1, "answer", at_once=16, prompt=256, new=4),
)


def measure(point: Point) -> dict[str, int]:
    """The memory of this process before a base is loaded, and its peak after the point.

    A small network is trained and answers first: what the libraries load and allocate once is not the base's.
    """
    small = network_of("smoke", FORMAT)
    answered(small, 2, 2)
    attach(small, RANK, 2 * RANK, 0)
    step_seconds(small, rows_of((16, 16), small.config.vocab_size))
    del small
    before = peak_memory()
    if point.use == "answer":
        answered(_network(point), point.at_once, point.at_once, point.prompt, point.new)
    else:
        rows = rows_of(point.rows, point.config().vocab_size)
        networks = _networks(point)
        step_seconds(networks[-1], rows, point.use == "checkpointing")
    return {"before": before, "peak_memory": peak_memory()}


def estimated(point: Point) -> int:
    """The estimate of a point, from its config and lengths alone."""
    config = point.config()
    if point.use == "answer":
        return AnsweringMemory(config, CPU).total(point.at_once, point.prompt, point.new)
    checkpointing = point.use == "checkpointing"
    method: Method = "lora" if point.use == "checkpointing" else point.use
    rows = rows_of(point.rows, config.vocab_size)
    read = Pass(layout_of(rows, 0), answer_tokens(rows))
    return TrainingMemory(config, method, RANK, CPU).total([read], checkpointing)


def _network(point: Point) -> PreTrainedModel:
    """A base as it is loaded from its folder. Another process writes it, so that its memory does not count."""
    quantization: Literal["nf4"] | None = "nf4" if point.use == "4-bit lora" else None
    with tempfile.TemporaryDirectory() as temporary:
        _apart(partial(_write, Path(temporary)), point)
        return load(Path(temporary), torch.device("cpu"), FORMAT, quantization)[0]


def _networks(point: Point) -> list[PreTrainedModel]:
    """The networks of a training, the trained one last. With all weights trained, the base stays in memory."""
    network = _network(point)
    if point.use == "full":
        return [network, copy.deepcopy(network).float().requires_grad_(True)]
    attach(network, RANK, 2 * RANK, 0)
    return [network]


def _apart(work: Callable[[Point], T], point: Point) -> T:
    """The result of some work in a process of its own. Nothing was computed before, so that a fork misses no thread."""
    context = get_context("fork")
    results = context.SimpleQueue()
    process = context.Process(target=lambda: results.put(work(point)))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(f"{point}: the process ended with {process.exitcode}.")
    result: T = results.get()
    return result


def _write(folder: Path, point: Point) -> None:
    torch.manual_seed(0)
    save_network(AutoModelForCausalLM.from_config(point.config(), dtype=FORMAT), folder)


def main() -> None:
    """Measure all points."""
    bound_caches()
    parser = documented(__doc__)
    parser.add_argument("--again", action="store_true", help="only the estimates, with the peaks that are recorded")
    again = parser.parse_args().again
    points: list[dict[str, Any]] = []
    recorded = json.loads(RESULT.read_text()) if again else {}
    for point in POINTS:
        if again:
            made = json.loads(json.dumps(asdict(point)))
            measured = next(one for one in recorded["points"] if one | made == one)
        else:
            measured = _apart(measure, point)
        estimate = measured["before"] + estimated(point)
        points.append(asdict(point) | {name: measured[name] for name in ("before", "peak_memory")})
        points[-1] |= {"estimate": estimate, "ratio": round(estimate / measured["peak_memory"], 3)}
        print(points[-1], flush=True)
        if not again:
            save(points)
    save(points, recorded)


def save(points: Sequence[dict[str, Any]], recorded: Mapping[str, Any] | None = None) -> None:
    """Write the points measured so far, and how far the estimates are off; `recorded` says where they were measured."""
    ratios = [point["ratio"] for point in points]
    now = {"threads": torch.get_num_threads(), "environment": asdict(environment())}
    where = {name: recorded[name] for name in now} if recorded else now
    result = {"points": points, "lowest": min(ratios), "highest": max(ratios), "dtype": str(FORMAT)}
    write_json(RESULT, result | where)


if __name__ == "__main__":
    main()

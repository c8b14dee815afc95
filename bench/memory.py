"""How accurate the memory estimates are: bases of several families, trained and answering.

    python -m bench.memory

Random weights in the shapes of well-known bases, some with fewer layers, in bfloat16 if the processor supports it. Each
point runs in its own process. Its peak memory is compared with the estimate that `gradschool fit` and the memory plan
of a training make from the config and the lengths alone, plus the memory of the process before the base was loaded.
Peaks do not depend on how busy the machine is. Writes bench/results/memory.json, or memory-float32.json.
"""

import copy
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel

from bench.growth import FORMAT, NEW, PROMPT, answered, rows_of, step_seconds
from bench.shapes import RANK, result_file, save_network
from bench.usage import documented
from gradschool.environment import environment, peak_memory
from gradschool.estimate import config_of
from gradschool.files import write_json
from gradschool.model.loading import load
from gradschool.model.lora import attach
from gradschool.model.memory import AnsweringMemory, Device
from gradschool.model.onednn import bound_caches
from gradschool.tune.memory import Method, TrainingMemory
from gradschool.tune.objectives.answers import answer_tokens
from gradschool.tune.passes import Pass
from gradschool.tune.rows import layout_of

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
)


def measure(point: Point) -> dict[str, Any]:
    """The peak memory of a point in this process, and its estimate."""
    before, config = peak_memory(), point.config()
    if point.use == "answer":
        answered(_network(point), point.at_once, point.at_once)
        estimate = AnsweringMemory(config, CPU).total(point.at_once, PROMPT, NEW)
    else:
        checkpointing = point.use == "checkpointing"
        method: Method = "lora" if point.use == "checkpointing" else point.use
        rows = rows_of(point.rows, config.vocab_size)
        networks = _networks(point)
        step_seconds(networks[-1], rows, checkpointing)
        read = Pass(layout_of(rows, 0), answer_tokens(rows))
        estimate = TrainingMemory(config, method, RANK, CPU).total([read], checkpointing)
    peak = peak_memory()
    return {"peak_memory": peak, "estimate": before + estimate, "ratio": round((before + estimate) / peak, 3)}


def _network(point: Point) -> PreTrainedModel:
    torch.manual_seed(0)
    network: PreTrainedModel = AutoModelForCausalLM.from_config(point.config(), dtype=FORMAT)
    network.eval()
    return network


def _networks(point: Point) -> list[PreTrainedModel]:
    """The networks of a training, the trained one last. With all weights trained, the base stays in memory."""
    if point.use == "full":
        base = _network(point)
        return [base, copy.deepcopy(base).float().requires_grad_(True)]
    network = _four_bits(point) if point.use == "4-bit lora" else _network(point)
    attach(network, RANK, 2 * RANK, 0)
    return [network]


def _four_bits(point: Point) -> PreTrainedModel:
    """A 4-bit base; another process writes its weights, so that its memory does not count."""
    with tempfile.TemporaryDirectory() as temporary:
        writing = get_context("spawn").Process(target=_write, args=(Path(temporary), point))
        writing.start()
        writing.join()
        return load(Path(temporary), torch.device("cpu"), FORMAT, quantization="nf4")[0]


def _write(folder: Path, point: Point) -> None:
    save_network(_network(point), folder)


def main() -> None:
    """Measure all points; with a number, measure one."""
    if len(sys.argv) == 2 and sys.argv[1].isdigit():
        bound_caches()
        print(json.dumps(measure(POINTS[int(sys.argv[1])])))
        return
    documented(__doc__).parse_args()
    points: list[dict[str, Any]] = []
    for number, point in enumerate(POINTS):
        command = [sys.executable, "-m", "bench.memory", str(number)]
        ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        points.append(asdict(point) | json.loads(ran.stdout))
        print(points[-1], flush=True)
        save(points)


def save(points: list[dict[str, Any]]) -> None:
    """Write the points measured so far, and how far the estimates are off."""
    ratios = [point["ratio"] for point in points]
    result = {"points": points, "lowest": min(ratios), "highest": max(ratios), "dtype": str(FORMAT)}
    write_json(RESULT, result | {"threads": torch.get_num_threads(), "environment": asdict(environment())})


if __name__ == "__main__":
    main()

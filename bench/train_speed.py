"""Training speed and memory compared with TRL and PEFT: the same weights, rows, adapter and settings.

    python -m bench.train_speed [--smoke] [--runs 2] [--peers FOLDER]

The shape of SmolLM2-135M with random weights; 64 chat rows of about 249 tokens, of which an instruction of 102 is
shared by all rows (or, in a second run, by none) and 66 are the answer. Batches of 8, rank 16 on all linear layers.
Each library runs in its own process, in rounds; the results are medians. TRL and PEFT are installed into a separate
environment (peers.py). All compute in bfloat16 if the processor supports it, otherwise in float32. Writes
bench/results/train_speed.json, or train_speed-float32.json.
"""

import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from bench.peers import DEFAULT, peers
from bench.shapes import DTYPE, RANK, SHAPES, result_file, write_model
from bench.usage import documented
from gradschool.environment import environment
from gradschool.files import write_json
from gradschool.model.chat import Rendered
from gradschool.model.loading import load
from gradschool.model.lora import attach
from gradschool.records import Step
from gradschool.tune.loop import Training
from gradschool.tune.objectives.answers import Answers
from gradschool.tune.plan import Plan
from gradschool.tune.rows import steps_of_epoch

RESULT = result_file("train_speed")
CONTESTANTS: dict[str, dict[str, Any]] = {
    "gradschool": {"dtype": DTYPE},
    "trl": {"dtype": DTYPE, "checkpointing": False},
    "trl, activation checkpointing": {"dtype": DTYPE, "checkpointing": True},
}
BATCH, RATE = 8, 1e-4
SHARED, QUESTIONS, ANSWERS = 102, (40, 122), (33, 99)  # tokens; uniform between these


def rows_of(shared: bool, vocabulary: int, count: int = 64) -> list[Rendered]:
    """Rows of random tokens with the lengths of real chats."""
    draw = random.Random(0)

    def tokens(number: int) -> tuple[int, ...]:
        return tuple(draw.randrange(3, vocabulary) for _ in range(number))

    prefix, rows = tokens(SHARED), []
    for _ in range(count):
        question, answer = draw.randint(*QUESTIONS), draw.randint(*ANSWERS)
        ids = (prefix if shared else tokens(SHARED)) + tokens(question + answer)
        rows.append(Rendered(ids, (False,) * (SHARED + question) + (True,) * answer))
    return rows


def ours(job: dict[str, Any]) -> dict[str, Any]:
    """Train with gradschool: the same as peer_trl.py, from the same initial adapter."""
    training, _ = training_of(job)
    ended, losses = [], []
    for event in training.run():
        if isinstance(event, Step):
            ended.append((time.perf_counter(), time.process_time()))
            losses.append(event.loss)
            if len(losses) == job["steps"]:
                break
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    return {"losses": losses, "ended": ended, "peak_memory": peak}


def training_of(job: dict[str, Any]) -> tuple[Training, list[Rendered]]:
    """The training loop of a job, and its rows."""
    network, _ = load(Path(job["model"]), torch.device("cpu"), getattr(torch, job["dtype"]))
    attach(network, RANK, 2 * RANK, seed=0)
    rows = [Rendered(tuple(ids), tuple(mask)) for ids, mask in job["rows"]]
    plan = Plan(job["rate"], 1.0, job["batch"], 10**9, 1, 10**9, 1, 0.0, seed=0)
    return Training(network, [Answers(rows, rows[:1], plan, 0)], plan, Path(job["model"]) / "no checkpoint"), rows


def where_time_goes(job: dict[str, Any]) -> dict[str, Any]:
    """FLOP/s of one step, peak FLOP/s of a matrix multiplication, and the fraction of time by kind of operation."""
    training, _ = training_of(job)
    training.network.train()
    training.gradients()
    with FlopCounterMode(display=False) as counter:
        training.gradients()
    began = time.perf_counter()
    training.gradients()
    seconds = time.perf_counter() - began
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        training.gradients()
    times: dict[str, float] = {}
    for event in profiled.key_averages():
        kind = next((kind for kind, names in KINDS.items() if event.key in names), "other")
        times[kind] = times.get(kind, 0.0) + event.self_cpu_time_total
    reached = counter.get_total_flops() / seconds / 1e9
    peak = matrix_peak(getattr(torch, job["dtype"]))
    return {
        "gigaflops_per_second": round(reached, 1),
        "matrix_product_peak": round(peak, 1),
        "share_of_peak": round(reached / peak, 3),
        "shares_of_time": {kind: round(t / sum(times.values()), 3) for kind, t in sorted(times.items())},
    }


KINDS = {
    "matrix multiplication": {"aten::mm", "aten::bmm", "aten::addmm", "aten::addmm_", "aten::baddbmm"},
    "copies and casts": {"aten::copy_", "aten::cat", "aten::fill_", "aten::zero_"},
    "softmax": {"aten::_softmax", "aten::_log_softmax", "aten::_softmax_backward_data", "aten::exp_"},
    "elementwise operations": {
        *("aten::mul", "aten::add", "aten::add_", "aten::pow", "aten::silu", "aten::silu_backward", "aten::div"),
        *("aten::sum", "aten::mean", "aten::rsqrt", "aten::neg", "aten::mul_", "aten::sub", "aten::div_"),
    },
}


def matrix_peak(dtype: torch.dtype) -> float:
    """GFLOP/s of a matrix multiplication with the shapes of a layer, the best of many."""
    x, w = torch.randn(1278, 576).to(dtype), torch.randn(576, 1536).to(dtype)
    best = 0.0
    for _ in range(60):
        began = time.perf_counter()
        x @ w
        best = max(best, 2 * x.shape[0] * w.numel() / (time.perf_counter() - began) / 1e9)
    return best


def contest(name: str, folder: Path, job: dict[str, Any], python: Path) -> dict[str, Any]:
    """Run one library in its own process: tokens per second after the first step, memory, losses."""
    job = {**job, **CONTESTANTS[name]}
    rows = [Rendered(tuple(ids), tuple(mask)) for ids, mask in job["rows"]]
    steps = list(steps_of_epoch(rows, BATCH, 0, 0))[: job["steps"]]
    if name != "gradschool":  # TRL reads the rows in the given order
        job["rows"] = [(row.token_ids, row.loss_mask) for step in steps for row in step]
    (folder / "job.json").write_text(json.dumps(job))
    module = "bench.train_speed" if name == "gradschool" else "bench.peer_trl"
    program = sys.executable if name == "gradschool" else python
    command = [program, "-m", module, folder / "job.json", folder / "result.json"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    result = json.loads((folder / "result.json").read_text())
    tokens = sum(len(row.token_ids) for step in steps[1:] for row in step)
    (began, busy_before), (ended, busy_after) = result["ended"][0], result["ended"][-1]
    return {
        "tokens_per_second": tokens / (ended - began),
        "tokens_per_processor_second": tokens / (busy_after - busy_before),
        "peak_memory": result["peak_memory"],
        "losses": [round(loss, 4) for loss in result["losses"]],
        "versions": result.get("versions", {}),
    }


def measure(shared: bool, shape: str, runs: int, steps: int, python: Path) -> dict[str, Any]:
    """Rounds of all libraries on rows with or without a shared prefix."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_model(folder, shape)
        rows = rows_of(shared, SHAPES[shape]["vocab_size"])
        job = {
            "model": str(folder / "model"),
            "adapter": str(folder / "adapter"),
            "rows": [(row.token_ids, row.loss_mask) for row in rows],
            "batch": BATCH,
            "rate": RATE,
            "schedule": "constant",
            "warmup": 0,
            "steps": steps,
            "seed": 0,
        }
        rounds: list[dict[str, Any]] = []
        for number in range(runs):
            rounds.append({name: contest(name, folder, job, python) for name in CONTESTANTS})
            for name, said in rounds[-1].items():
                print(
                    f"round {number + 1}, {name}: {said['tokens_per_second']:.0f} tokens/s, {said['losses']}",
                    flush=True,
                )
        result = summary(rounds)
        result["gradschool"] |= where_time_goes({**job, **CONTESTANTS["gradschool"]})
    result["rows"] = {"count": len(rows), "mean_tokens": sum(len(row.token_ids) for row in rows) / len(rows)}
    return result


def summary(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over the rounds, and ratios to the fastest and the most memory-efficient peer in the same round."""

    def median(name: str, key: str) -> float:
        return float(statistics.median(one[name][key] for one in rounds))

    said: dict[str, Any] = {}
    for name in CONTESTANTS:
        keys = ("tokens_per_second", "tokens_per_processor_second", "peak_memory")
        said[name] = {key: round(median(name, key), 1) for key in keys} | {"losses": rounds[-1][name]["losses"]}
    others = [name for name in CONTESTANTS if name != "gradschool"]
    for key in ("tokens_per_second", "tokens_per_processor_second"):
        ratios = [one["gradschool"][key] / max(one[name][key] for name in others) for one in rounds]
        said[f"times_the_fastest_peer_in_{key}"] = round(statistics.median(ratios), 2)
    memory = [one["gradschool"]["peak_memory"] / min(one[n]["peak_memory"] for n in others) for one in rounds]
    said["memory_of_the_leanest_peer"] = round(statistics.median(memory), 3)
    losses = [said[name]["losses"] for name in CONTESTANTS]
    said["losses_apart_at_most"] = round(max(max(at) - min(at) for at in zip(*losses, strict=True)), 4)
    said["versions"] = rounds[-1]["trl"]["versions"]
    return said


def main() -> None:
    """Measure both kinds of rows; with a job file as argument, train with gradschool."""
    if len(sys.argv) == 3 and sys.argv[1].endswith(".json"):
        Path(sys.argv[2]).write_text(json.dumps(ours(json.loads(Path(sys.argv[1]).read_text()))))
        return
    parser = documented(__doc__)
    parser.add_argument("--smoke", action="store_true", help="a tiny model and one round, to check that it runs")
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--peers", type=Path, default=DEFAULT)
    asked = parser.parse_args()
    python, shape = peers(asked.peers), "smoke" if asked.smoke else "135M"
    runs = 1 if asked.smoke else asked.runs
    result = {
        "shared_prefix": measure(True, shape, runs, asked.steps, python),
        "no_shared_prefix": measure(False, shape, runs, asked.steps, python),
        "shape": SHAPES[shape],
        "threads": torch.get_num_threads(),
        "rounds": runs,
        "environment": asdict(environment()),
    }
    print(json.dumps(result, indent=1))
    if not asked.smoke:
        write_json(RESULT, result)


if __name__ == "__main__":
    main()

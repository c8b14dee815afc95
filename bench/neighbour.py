"""How much speed is left if another program uses one core: threads chosen by timing, against all threads.

    python -m bench.neighbour [--seconds 30]

Trains LoRA layers and answers a batch, over random weights in the shape of the built-in base and of a model of 135
million parameters; alone and next to a process that computes in an endless loop. Each measurement runs in a process of
its own and counts the steps after the first comparison, for the given time and at least two steps. Writes
bench/results/neighbour.json, in steps per second, with every single measurement.
"""

import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from bench.shapes import RANK, network_of
from bench.usage import documented
from gradschool.environment import environment
from gradschool.files import write_json
from gradschool.model.chat import Rendered
from gradschool.model.decoding import decode
from gradschool.model.lora import attach
from gradschool.model.reader import reader_of
from gradschool.model.threads import Threads, choose_threads, threads_for
from gradschool.records import Decoding, Step
from gradschool.tune.loop import Training
from gradschool.tune.objectives.answers import Answers
from gradschool.tune.plan import Plan

RESULT = Path(__file__).parent / "results" / "neighbour.json"
SHAPES = ("pocket", "135M")
CHOICES = ("by timing", "all threads")
ROWS, PROMPT, ANSWER = 16, 150, 30  # tokens of a row
BUSY = "while True: pass"


def rows() -> list[list[int]]:
    """Rows of random tokens."""
    draw = torch.Generator().manual_seed(0)
    made: list[list[int]] = torch.randint(4000, (ROWS, PROMPT + ANSWER), generator=draw).tolist()
    return made


def training_steps(network: Any, threads: Threads, folder: Path) -> Iterator[None]:
    """Endless training; yields after each step."""
    attach(network, RANK, 2 * RANK, seed=0)
    trained = (False,) * PROMPT + (True,) * ANSWER
    rendered = [Rendered(tuple(ids), trained) for ids in rows()]
    plan = Plan(1e-4, 1.0, ROWS, 10**9, 1, 10**9, 1, 0.0, seed=0)
    objectives = [Answers(rendered, rendered[:1], plan, 0)]
    training = Training(network, objectives, plan, folder / "none", threads=threads)
    return (None for event in training.run() if isinstance(event, Step))


def decode_steps(network: Any, threads: Threads, folder: Path) -> Iterator[None]:
    """Answers of 1,000 tokens to a batch, again and again; yields after each decode step."""
    reader = reader_of(network, threads)
    prompts = {name: ids[:PROMPT] for name, ids in enumerate(rows())}
    limits = dict.fromkeys(prompts, 1000)
    while True:
        yield from (None for _ in decode(reader, prompts, [0], limits, Decoding(), 1000, ROWS))


WORK: dict[str, Callable[[Any, Threads, Path], Iterator[None]]] = {"train": training_steps, "answer": decode_steps}


def rate(work: str, shape: str, choice: str, seconds: float) -> dict[str, float]:
    """Steps per second in this process, and the number of threads at the end."""
    network = network_of(shape, torch.float32).requires_grad_(False)
    threads = threads_for(network.device) if choice == "by timing" else Threads()
    torch.set_num_threads(choose_threads()[0])
    with tempfile.TemporaryDirectory() as folder:
        steps = WORK[work](network, threads, Path(folder))
        next(steps)
        next(steps)
        began, count = time.perf_counter(), 0
        while count < 2 or time.perf_counter() - began < seconds:
            next(steps)
            count += 1
    return {"steps_per_second": count / (time.perf_counter() - began), "threads": torch.get_num_threads()}


@contextmanager
def neighbour(busy: bool) -> Iterator[None]:
    """Another program that uses one core, or none."""
    other = subprocess.Popen([sys.executable, "-c", BUSY]) if busy else None
    try:
        yield
    finally:
        if other:
            other.kill()
            other.wait()


def measured(work: str, shape: str, choice: str, seconds: float) -> dict[str, Any]:
    """The rates alone and with a busy neighbour, each in a process of its own, and how much of the speed is left."""
    found: dict[str, Any] = {"work": work, "base": shape, "threads": choice}
    free = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "MKL_"))}
    for where, busy in (("alone", False), ("busy", True)):
        with neighbour(busy):
            command = [sys.executable, "-m", "bench.neighbour", "--one", work, shape, choice, "--seconds", str(seconds)]
            ran = subprocess.run(command, env=free, capture_output=True, text=True, check=True)
        found[where] = json.loads(ran.stdout)
    found["left"] = round(found["busy"]["steps_per_second"] / found["alone"]["steps_per_second"], 3)
    return found


def main(seconds: float) -> None:
    """Measure everything and write the result."""
    records = []
    for shape, work, choice in itertools.product(SHAPES, WORK, CHOICES):
        records.append(measured(work, shape, choice, seconds))
        print(json.dumps(records[-1]), flush=True)
    write_json(
        RESULT,
        {"command": "python -m bench.neighbour", "seconds": seconds, "records": records, **asdict(environment())},
    )


if __name__ == "__main__":
    parser = documented(__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--one", nargs=3, metavar=("WORK", "BASE", "THREADS"), help="measure one in this process")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(rate(given.one[0], given.one[1], given.one[2], given.seconds)))
    else:
        main(given.seconds)

"""Trains the toy network as one of several processes; started by torchrun in test_world.py.

torchrun --nproc-per-node 2 helper_of_world.py FOLDER lora|full STEPS
"""

import json
import sys
from pathlib import Path

from test_loop import TRAIN, VALIDATION, network
from test_rehearsal import rehearsal

import toy
from finish import finish
from gradschool.records import Step
from gradschool.tune import world as world_module
from gradschool.tune.loop import Training


def main(folder: Path, steps: int, methods: list[str]) -> None:
    """Train by each method for so many steps (12 is the end), and write down what was seen."""
    world = world_module.join()
    greeting = {"greeting": "é" * 5}
    if world.rank == 0:
        world.tell(greeting)
    else:
        assert world.hear() == greeting
    for method in methods:
        train(folder, world, method, steps)
    world_module.leave()


def train(folder: Path, world: world_module.World, method: str, steps: int) -> None:
    """One training, all weights or LoRA with rehearsal."""
    net = network(lora=method == "lora")
    texts = rehearsal(net) if method == "lora" else None
    plan = toy.plan(rows_per_step=5)
    work = Training(net, TRAIN, VALIDATION, plan, 0, folder / f"{method}.safetensors", texts, world=world)
    if steps < plan.steps:
        running = work.run()
        seen = [next(running) for _ in range(steps)]
        running.close()
    else:
        course, seen = finish(work.run())
        sums = {name: float(tensor.double().sum()) for name, tensor in work.best.items()}
        (folder / f"sums-{method}-{world.rank}.json").write_text(json.dumps({"sums": sums, "best": course.best_loss}))
    losses = [(s.step, s.loss, s.validation_loss, s.tokens) for s in seen if isinstance(s, Step)]
    (folder / f"losses-{method}-{world.rank}.json").write_text(json.dumps(losses))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])

"""Trains a small network as one of several processes, for test_world.py."""

import json
from pathlib import Path

import toy
from finish import finish
from gradschool.records import Step
from gradschool.tune import world as world_module
from gradschool.tune.loop import Training


def main(folder: Path, steps: int, methods: list[str]) -> None:
    """Train with each method for so many steps, of 12, and write the losses to files."""
    world = world_module.join()
    greeting = {"greeting": "é" * 5}
    if world.rank == 0:
        world.broadcast(greeting)
    else:
        assert world.receive() == greeting
    for method in methods:
        train(folder, world, method, steps)
    world_module.leave()


def train(folder: Path, world: world_module.World, method: str, steps: int) -> None:
    """Train all weights, or LoRA layers with rehearsal."""
    net, plan = toy.network(lora=method == "lora"), toy.plan(rows_per_step=5)
    objectives = [toy.answers(plan), *([toy.rehearsal()] if method == "lora" else [])]
    work = Training(net, objectives, plan, folder / f"{method}.safetensors", world=world)
    if steps < plan.steps:
        running = work.run()
        seen = [next(running) for _ in range(steps)]
        running.close()
    else:
        state, seen = finish(work.run())
        sums = {name: float(tensor.double().sum()) for name, tensor in work.best.items()}
        (folder / f"sums-{method}-{world.rank}.json").write_text(json.dumps({"sums": sums, "best": state.best_loss}))
    losses = [(s.step, s.loss, s.validation_loss, s.tokens) for s in seen if isinstance(s, Step)]
    (folder / f"losses-{method}-{world.rank}.json").write_text(json.dumps(losses))

"""Quality of trained models compared with TRL and PEFT: the built-in base on two public data sets.

    python -m bench.same_quality DATA_DIR [--smoke] [--seeds 2] [--peers FOLDER]

Both libraries start from the same adapter and read the same rows in the same order, at the same constant learning rate.
gradschool computes as in a climb (bfloat16 if the processor supports it), TRL in float32. Both adapters are evaluated
by the same engine on the same held-out questions. Writes bench/results/same_quality.json: loss and accuracy for each
seed, and the difference between libraries and between seeds.
"""

import copy
import csv
import json
import random
import statistics
import subprocess
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bench.peers import DEFAULT, peers
from bench.usage import documented
from gradschool.environment import environment
from gradschool.files import read_lines, write_json
from gradschool.model.adapter import save_adapter
from gradschool.model.chat import Rendered
from gradschool.model.local import LocalEngine
from gradschool.model.lora import attach
from gradschool.model.machine import training_dtype
from gradschool.model.opening import POCKET
from gradschool.records import Conversation, Decoding, Message, Step
from gradschool.tune.loop import Training
from gradschool.tune.objectives.answers import Answers, mean_loss
from gradschool.tune.plan import Plan
from gradschool.tune.rows import steps_of_epoch

RESULT = Path(__file__).parent / "results" / "same_quality.json"
TASKS = {
    "banking77": "Name the intent of the customer's question.",
    "snips": "Answer with the intent and the slots of the request as one JSON object.",
}
BATCH, RANK, RATE, STEPS, ASKED = 32, 16, 2e-3, 60, 200


def pairs_of(data: Path, name: str) -> list[tuple[str, str]]:
    """Questions and ideal answers of a data set, in a fixed order."""
    if name == "banking77":
        with (data / name / "train.csv").open(newline="", encoding="utf-8") as file:
            pairs = [(row["text"], row["category"]) for row in csv.DictReader(file)]
    else:
        rows = read_lines(data / name / "train.jsonl")
        pairs = [(row["input"], json.dumps(row["output"], ensure_ascii=False)) for row in rows]
    random.Random(0).shuffle(pairs)
    return pairs


def train_ours(engine: LocalEngine, rows: list[Rendered], seed: int, steps: int, folder: Path) -> list[float]:
    """Train with gradschool and save the adapter in `folder`; returns the losses of the steps."""
    network = nn.Module.to(copy.deepcopy(engine.network), training_dtype(engine.network)[0])
    attach(network, RANK, 2 * RANK, seed)
    plan = Plan(RATE, 1.0, BATCH, 10**9, 1, 10**9, 1, 0.0, seed)
    answers = Answers(rows, rows[:1], plan, engine.pad_id)
    training = Training(network, [answers], plan, folder / "no checkpoint")
    losses = []
    for event in training.run():
        if isinstance(event, Step):
            losses.append(event.loss)
            if len(losses) == steps:
                break
    save_adapter(network, folder, "pocket", None)
    return losses


def train_trl(
    engine: LocalEngine, rows: list[Rendered], seed: int, steps: int, folder: Path, python: Path
) -> list[float]:
    """Train with TRL and PEFT, from the same adapter, on the same rows in the same order."""
    ordered = [row for step in list(steps_of_epoch(rows, BATCH, seed, 0))[:steps] for row in step]
    with tempfile.TemporaryDirectory() as temporary:
        begun = copy.deepcopy(engine.network)
        attach(begun, RANK, 2 * RANK, seed)
        save_adapter(begun, Path(temporary) / "begun", str(POCKET), None)
        job = {
            "model": str(POCKET),
            "adapter": str(Path(temporary) / "begun"),
            "rows": [(row.token_ids, row.loss_mask) for row in ordered],
            "batch": BATCH,
            "rate": RATE,
            "schedule": "constant",
            "warmup": 0,
            "steps": steps,
            "seed": seed,
            "dtype": "float32",
            "checkpointing": False,
            "save": str(folder),
        }
        files = [Path(temporary) / "job.json", Path(temporary) / "result.json"]
        files[0].write_text(json.dumps(job))
        command: list[str | Path] = [python, "-m", "bench.peer_trl", *files]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        losses: list[float] = json.loads(files[1].read_text())["losses"]
    return losses


def judge(engine: LocalEngine, adapter: Path, pairs: list[tuple[str, str]], task: str) -> dict[str, float]:
    """The loss of an adapter on held-out answers, and the fraction of exactly matching answers."""
    rows = [engine.chat.render((*asked(task, q), Message("assistant", ideal))) for q, ideal in pairs]
    decoding = Decoding(max_new_tokens=max(row.trained_tokens for row in rows) + 8)
    answers = dict(engine.answer([asked(task, q) for q, _ in pairs], decoding, str(adapter)))
    right = sum(answers[i].text.strip() == ideal for i, (_, ideal) in enumerate(pairs))
    loss = mean_loss(engine.reader(str(adapter)), rows, engine.pad_id)
    return {"loss": loss, "right": right / len(pairs)}


def asked(task: str, question: str) -> Conversation:
    """A question with its instructions."""
    return (Message("system", task), Message("user", question))


def measure(data: Path, name: str, seeds: int, steps: int, python: Path) -> dict[str, Any]:
    """Both libraries on one data set, for each seed."""
    engine, pairs, task = LocalEngine(POCKET), pairs_of(data, name), TASKS[name]
    held_out, trained = pairs[:ASKED], pairs[ASKED : ASKED + steps * BATCH]
    rows = [engine.chat.render((*asked(task, q), Message("assistant", ideal))) for q, ideal in trained]
    found: list[dict[str, Any]] = []
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as temporary:
            folders = {who: Path(temporary) / who for who in ("gradschool", "trl")}
            losses = {
                "gradschool": train_ours(engine, rows, seed, steps, folders["gradschool"]),
                "trl": train_trl(engine, rows, seed, steps, folders["trl"], python),
            }
            scores = {who: judge(engine, folder, held_out, task) for who, folder in folders.items()}
        apart = max(abs(a - b) for a, b in zip(losses["gradschool"][:5], losses["trl"][:5], strict=True))
        found.append({"seed": seed, "first_losses_apart": round(apart, 5), **scores})
        print(f"{name}, seed {seed}: {scores}", flush=True)
    return {"seeds": found, **distances(found)}


def distances(found: list[dict[str, Any]]) -> dict[str, float]:
    """The mean difference between the libraries, and the standard deviation between seeds."""
    said = {}
    for key in ("loss", "right"):
        differences = [one["gradschool"][key] - one["trl"][key] for one in found]
        said[f"trainers_apart_in_{key}"] = round(statistics.mean(differences), 4)
        if len(found) > 1:
            spreads = [statistics.stdev(one[who][key] for one in found) for who in ("gradschool", "trl")]
            said[f"seeds_apart_in_{key}"] = round(statistics.mean(spreads), 4)
    return said


def main() -> None:
    """Measure both data sets."""
    parser = documented(__doc__)
    parser.add_argument("data", type=Path, help="folder that holds banking77/ and snips/")
    parser.add_argument("--smoke", action="store_true", help="two steps and one seed, to check that it runs")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--peers", type=Path, default=DEFAULT)
    given = parser.parse_args()
    python, steps, seeds = peers(given.peers), 2 if given.smoke else STEPS, 1 if given.smoke else given.seeds
    result: dict[str, Any] = {name: measure(given.data, name, seeds, steps, python) for name in TASKS}
    print(json.dumps(result, indent=1))
    if not given.smoke:
        about = {"steps": steps, "batch": BATCH, "rank": RANK, "rate": RATE, "held_out": ASKED}
        write_json(RESULT, result | about | {"threads": torch.get_num_threads(), "environment": asdict(environment())})


if __name__ == "__main__":
    main()

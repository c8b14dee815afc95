"""A complete climb on each of four public data sets, with the command-line program.

    python -m bench.real_sets DATA_DIR [--base-model BASE] [NAME ...]      (default: all four)

Writes a job for each data set and climbs it. If it passes and the data set has its own test file, the specialist is
scored on that, too. Writes bench/results/NAME.json, or NAME-BASE.json for another base than the built-in one: every
rung's score with bounds, verdict, cost and gates, and the baseline from the data set's documentation. Seconds depend on
the load of the machine. Another base trains for fewer epochs, at rates of its own, and answers no separate test file.
"""

import json
import subprocess
import tempfile
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from bench.climbs import GRADSCHOOL, climbed, recorded_in
from bench.usage import documented
from gradschool.files import read_lines, sha256, write_json, write_lines

# Fewer candidates and answers than by default, so that three of the data sets take minutes on two cores.
SHORT = {"prompt": {"shots": [0, 2], "nearest": False}, "split": {"max_validation": 40, "max_test": 150}}


@dataclass(frozen=True, slots=True)
class RealSet:
    """A data set: its job, its baseline, and how its files become examples.

    `write` fills the job's folder from the data folder, and returns the files that it read.
    """

    name: str
    job: dict[str, Any]
    floor: str
    write: Callable[[Path, Path], list[Path]]
    held_out: str = ""  # a file in the job's folder that the packaged specialist is scored on
    epochs_of_others: float = 1.0  # for other bases than the built-in one, which is the smallest

    def job_on(self, base_model: str) -> dict[str, Any]:
        """The job on this base; the learning rates of the built-in one suit no other."""
        if base_model == "pocket":
            return self.job
        tune = {key: value for key, value in self.job["tune"].items() if key != "learning_rates"}
        return {**self.job, "base_model": base_model, "tune": {**tune, "epochs": self.epochs_of_others}}


def banking77(data: Path, job: Path) -> list[Path]:
    """Customer questions and one of 77 intents, as CSV."""
    files = [data / "banking77" / name for name in ("train.csv", "test.csv")]
    for file, name in zip(files, ("examples.csv", "held-out.csv"), strict=True):
        (job / name).write_bytes(file.read_bytes())
    return files


def snips(data: Path, job: Path) -> list[Path]:
    """Requests and the JSON of their intent and slots."""
    files = [data / "snips" / name for name in ("train.jsonl", "valid.jsonl")]
    for file, name in zip(files, ("examples.jsonl", "held-out.jsonl"), strict=True):
        rows = read_lines(file)
        pairs = ({"prompt": r["input"], "completion": json.dumps(r["output"], ensure_ascii=False)} for r in rows)
        write_lines(job / name, pairs)
    return files


def legal_summarization(data: Path, job: Path) -> list[Path]:
    """Clauses of terms of service and their plain summaries; a document is a group."""
    file = data / "legal_summarization" / "pairs.jsonl"
    (job / "examples.jsonl").write_bytes(file.read_bytes())
    return [file]


def fairytaleqa(data: Path, job: Path) -> list[Path]:
    """Questions on the test stories; the passages are the documents, a story is a group."""
    files = [data / "fairytaleqa" / name for name in ("test_questions.jsonl", "test_passages.jsonl")]
    questions, passages = map(read_lines, files)
    rows = [
        {
            "id": q["id"],
            "question": q["question"],
            "answer": q["answers"][0],
            "group": q["gold_passages"][0].split("#")[0],
        }
        for q in questions
        if q["gold_passages"]
    ]
    write_lines(job / "examples.jsonl", rows)
    (job / "documents").mkdir()
    for title in dict.fromkeys(p["title"] for p in passages):
        texts = [p["text"] for p in passages if p["title"] == title]
        (job / "documents" / f"{title}.txt").write_text("\n\n".join(texts), encoding="utf-8")
    return files


SETS = (
    RealSet(
        "banking77",
        {
            "task": "Name the intent of the customer's question.",
            "data": {"examples": "examples.csv"},
            # A mark that only tuning passes, so that the tuned specialist is scored on the test file of the data set.
            "goal": {"metric": "label", "pass_mark": 0.75},
            # The data set has its own test file, so few of these rows have to be held out.
            "split": {"max_test": 200},
            "prompt": {"shots": [0, 4]},
            "tune": {"epochs": 8.0, "learning_rates": [0.005], "rank": 32, "weight_decay": 0.1},
        },
        "naive Bayes on uni- and bigrams, on the set's own test file: accuracy .859; majority .019",
        banking77,
        "held-out.csv",
        epochs_of_others=0.15,
    ),
    RealSet(
        "snips",
        {
            "task": "Answer with the intent and the slots of the request as one JSON object.",
            "goal": {"metric": "json_fields", "pass_mark": 0.7, "extra_metrics": ["exact_match"]},
            "tune": {"epochs": 3.0, "learning_rates": [0.005], "rank": 32},
            **SHORT,
        },
        "intent alone, naive Bayes: .980; no floor for slots",
        snips,
        "held-out.jsonl",
        epochs_of_others=0.1,
    ),
    RealSet(
        "legal_summarization",
        {
            "task": "Say in plain English what the clause means for the user.",
            "data": {"group_column": "doc"},
            "goal": {"metric": "rouge_l", "pass_mark": 0.25, "extra_metrics": ["chrf"]},
            "tune": {"epochs": 3.0, "learning_rates": [0.0025]},
            **SHORT,
            "answers": {"max_new_tokens": 60},
        },
        "first 16 words of the clause: ROUGE-1/2/L .219/.064/.184",
        legal_summarization,
    ),
    RealSet(
        "fairytaleqa",
        {
            "task": "Answer the question about the story in a few words.",
            "data": {"documents": "documents"},
            "goal": {"metric": "token_f1", "pass_mark": 0.3, "extra_metrics": ["rouge_l"]},
            "tune": {"epochs": 1.0, "learning_rates": [0.0025]},
            **SHORT,
        },
        "no floor for answers; for retrieval see fairytaleqa_retrieval.json",
        fairytaleqa,
        epochs_of_others=0.25,
    ),
)


def measure(real: RealSet, data: Path, base_model: str) -> dict[str, Any]:
    """Climb one data set in a temporary folder; returns the record."""
    settings = real.job_on(base_model)
    with tempfile.TemporaryDirectory() as temporary:
        job = Path(temporary) / real.name
        job.mkdir()
        files = real.write(data, job)
        (job / "job.toml").write_text(tomli_w.dumps(settings), encoding="utf-8")
        run = Path(temporary) / "run"
        record = {
            "set": real.name,
            "floor": real.floor,
            "command": f"python -m bench.real_sets DATA_DIR --base-model {base_model} {real.name}",
            "job": settings,
            "data": {file.name: sha256(file) for file in files},
            **climbed(job, run),
        }
        if real.held_out and record["exit_code"] == 0 and base_model == "pocket":
            rows = Path(temporary) / "rows.jsonl"
            subprocess.run([GRADSCHOOL, "score", run / "specialist", job / real.held_out, "-o", rows], check=True)
            record["held_out"] = held_out(read_lines(rows))
        return record


def held_out(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Mean scores on the test file of the data set."""
    parts = {part for row in rows for part in row["parts"]}
    means = {part: sum(row["parts"].get(part, 0.0) for row in rows) / len(rows) for part in sorted(parts)}
    return {"examples": len(rows), "score": sum(row["value"] for row in rows) / len(rows), **means}


def main(data: Path, names: Collection[str], base_model: str) -> None:
    """Measure the named data sets, or all, on a base."""
    for real in SETS:
        if not names or real.name in names:
            print(f"== {real.name}", flush=True)
            write_json(recorded_in(real.name, base_model), measure(real, data, base_model))


if __name__ == "__main__":
    parser = documented(__doc__)
    parser.add_argument("data", metavar="DATA_DIR", type=Path)
    parser.add_argument("names", metavar="NAME", nargs="*")
    parser.add_argument("--base-model", metavar="BASE", default="pocket")
    main(**vars(parser.parse_intermixed_args()))

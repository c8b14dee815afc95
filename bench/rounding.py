"""How many greedy answers differ from those of a test, by base and number format: asked again, in parts, and served.

    python -m bench.rounding [--questions N] [--tokens N] [--format NAME …] [BASE …]      (default: pocket smollm2)

The questions are those of examples/contracts, asked with instructions and two examples, all in one call as a test asks
them; then again, in halves, each alone, and over HTTP by concurrent clients. The scores are those of the example's
metric. A processor without instructions for bfloat16 emulates it. Writes bench/results/rounding.json; the results of
other bases and formats, and emulated ones, stay.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import torch

from bench.usage import documented
from gradschool.data.read import read_examples
from gradschool.environment import environment
from gradschool.evaluate import Measure
from gradschool.events import result_of
from gradschool.files import write_json
from gradschool.job import Job, read_job
from gradschool.model.machine import cpu_has_bfloat16
from gradschool.model.opening import open_engine
from gradschool.records import Answer, Decoding, Example, NumberFormat
from gradschool.score.metrics import find_metrics
from gradschool.serve.over_http import over_http
from gradschool.settings import Settings
from gradschool.specialist import Recipe, Specialist

RESULT = Path(__file__).parent / "results" / "rounding.json"
CONTRACTS = Path(__file__).parents[1] / "examples" / "contracts"
BASES = ("pocket", "smollm2")
FORMATS = ("float32", "bfloat16")
SHOTS = 2


def ways(base: str, name: str, job: Job, examples: Sequence[Example], tokens: int) -> dict[str, dict[str, float]]:
    """For each way of asking, how many answers are the same as in one call, and the score of the answers."""
    answering = NumberFormat(name, "cpu", "asked for")  # type: ignore[arg-type]
    engine = result_of(open_engine(Settings(base_model=base), Path(), answering=answering))
    decoding = Decoding(max_new_tokens=tokens)
    recipe = Recipe(job.settings.task, shots=SHOTS, examples=tuple(examples[:SHOTS]), decoding=decoding)
    specialist, asked = Specialist(engine, recipe), list(examples[SHOTS:])
    questions = [example.question for example in asked]
    measure = Measure(*find_metrics(job.settings.goal, job.folder, asked))
    tested, half = dict(specialist.answer(questions)), len(questions) // 2

    def parts(size: int) -> dict[int, Answer]:
        starts = range(0, len(questions), size)
        return {
            start + position: answer
            for start in starts
            for position, answer in specialist.answer(questions[start : start + size])
        }

    def compared(again: Mapping[int, Answer]) -> dict[str, float]:
        same = sum(again[position].text == answer.text for position, answer in tested.items())
        rows = measure.score(asked, [again[position] for position in range(len(asked))])
        return {"same": same, "score": round(sum(row.value for row in rows) / len(rows), 4)}

    with over_http(specialist) as server:
        served = dict(server.answer(questions, decoding))
    others = {
        "again": dict(specialist.answer(questions)),
        "in halves": parts(half),
        "alone": parts(1),
        "served": served,
    }
    return {"tested": compared(tested)} | {way: compared(answers) for way, answers in others.items()}


def main(bases: Sequence[str], formats: Sequence[str], count: int, tokens: int) -> None:
    job = read_job(CONTRACTS)
    examples = list(read_examples(job.examples, job.settings.data).examples)[: SHOTS + count]
    rows: list[dict[str, Any]] = json.loads(RESULT.read_text()).get("rows", []) if RESULT.exists() else []
    for base, name in product(bases, formats):
        row = {
            "base": base,
            "format": name,
            "questions": len(examples) - SHOTS,
            "tokens": tokens,
            "ways": ways(base, name, job, examples, tokens),
            "emulated": name == "bfloat16" and not cpu_has_bfloat16(),
            "threads": torch.get_num_threads(),
            "environment": asdict(environment()),
        }
        print(json.dumps(row | {"environment": None}), flush=True)
        rows = sorted([one for one in rows if _place(one) != _place(row)] + [row], key=_place)
        write_json(RESULT, {"rows": rows})


def _place(row: dict[str, Any]) -> tuple[str, int, bool]:
    """Identifies a row of the results, in their order: emulated and native bfloat16 are different measurements."""
    return row["base"], FORMATS.index(row["format"]), row["emulated"]


if __name__ == "__main__":
    parser = documented(__doc__)
    parser.add_argument("bases", metavar="BASE", nargs="*")
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--tokens", type=int, default=64, help="of an answer, at most")
    parser.add_argument("--format", choices=FORMATS, action="append")
    options = parser.parse_args()
    main(options.bases or BASES, options.format or FORMATS, options.questions, options.tokens)

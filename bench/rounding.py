"""How many greedy answers differ from those of a test, by number format: asked again, in halves, alone, and served.

    python -m bench.rounding [--questions 60]

The questions are those of examples/contracts, asked to the built-in base with instructions and two examples, all in one
call as a test asks them. Formats that the processor lacks are emulated. Writes bench/results/rounding.json.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch

from bench.usage import documented
from gradschool.data.read import read_examples
from gradschool.environment import environment
from gradschool.files import write_json
from gradschool.job import read_job
from gradschool.model.local import LocalEngine
from gradschool.model.opening import POCKET
from gradschool.records import Answer, Decoding, Example
from gradschool.serve.over_http import over_http
from gradschool.specialist import Recipe, Specialist

RESULT = Path(__file__).parent / "results" / "rounding.json"
CONTRACTS = Path(__file__).parents[1] / "examples" / "contracts"
FORMATS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
SHOTS, NEW_TOKENS = 2, 64


def same_answers(examples: list[Example], task: str, dtype: torch.dtype) -> dict[str, int]:
    """The number of answers that are the same as in one call, for each way of asking."""
    decoding = Decoding(max_new_tokens=NEW_TOKENS)
    recipe = Recipe(task, shots=SHOTS, examples=tuple(examples[:SHOTS]), decoding=decoding)
    specialist = Specialist(LocalEngine(POCKET, name="pocket", dtype=dtype), recipe)
    questions = [example.question for example in examples[SHOTS:]]
    tested, half = dict(specialist.answer(questions)), len(questions) // 2

    def parts(size: int) -> dict[int, Answer]:
        starts = range(0, len(questions), size)
        return {
            start + position: answer
            for start in starts
            for position, answer in specialist.answer(questions[start : start + size])
        }

    def same(again: Mapping[int, Answer]) -> int:
        return sum(again[position].text == answer.text for position, answer in tested.items())

    with over_http(specialist) as server:
        served = dict(server.answer(questions, decoding))
    again = dict(specialist.answer(questions))
    return {"again": same(again), "in halves": same(parts(half)), "alone": same(parts(1)), "served": same(served)}


def main() -> None:
    parser = documented(__doc__)
    parser.add_argument("--questions", type=int, default=60)
    count = parser.parse_args().questions
    job = read_job(CONTRACTS)
    examples = list(read_examples(CONTRACTS / "examples.jsonl", job.settings.data).examples)[: SHOTS + count]
    same = {name: same_answers(examples, job.settings.task, dtype) for name, dtype in FORMATS.items()}
    result = {"questions": len(examples) - SHOTS, "same": same, "environment": asdict(environment())}
    write_json(RESULT, result)
    print(json.dumps(result["same"], indent=1))


if __name__ == "__main__":
    main()

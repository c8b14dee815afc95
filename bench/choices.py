"""How much is lost by choosing a recipe on few examples: the true score of the best one minus that of the chosen one.

    python -m bench.choices

Simulates choices among 8 recipes with right-or-wrong answers. Their true scores are drawn with a standard deviation of
.05 around .7, and half of the luck of an answer is that of its question, which all recipes share. Compares validation
alone with successive halving on unshown train examples as the prompt and the ground rung do it. Writes
bench/results/choices.json: the mean loss with its standard error, and the number of answers asked.
"""

import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from bench.usage import documented
from gradschool.environment import environment
from gradschool.files import write_json
from gradschool.records import Answer, Scored
from gradschool.rungs.choice import MAX_ROUNDS, halving, winner

RESULT = Path(__file__).parent / "results" / "choices.json"
RECIPES, REPEATS = 8, 1_000
VALIDATION = (10, 45, 100)
CENTER, SPREAD, SHARED = 0.7, 0.05, 0.5
ANSWER = Answer("")


def scored(values: np.ndarray, start: int) -> list[Scored]:
    """Rows with these values, each of its own group."""
    return [Scored("", str(start + n), "", "", ANSWER, float(value)) for n, value in enumerate(values)]


def simulate(validation: int, unseen: int) -> dict[str, float]:
    """The mean loss and the mean number of answers over simulated choices."""
    random = np.random.default_rng(validation)
    lost, asked = np.zeros(REPEATS), np.zeros(REPEATS)
    for repeat in range(REPEATS):
        truths = np.clip(random.normal(CENTER, SPREAD, RECIPES), 0, 1)
        values = answers(truths, validation + MAX_ROUNDS * validation, random)
        rows = [scored(one[:validation], 0) for one in values]
        for places, part in halving(rows, unseen, range(RECIPES)):
            for place in places:
                start, stop = validation + part.start, validation + part.stop
                rows[place] += scored(values[place][start:stop], start)
        lost[repeat] = truths.max() - truths[winner(rows, range(RECIPES))]
        asked[repeat] = sum(map(len, rows))
    return {
        "loss": round(float(lost.mean()), 4),
        "standard_error": round(float(lost.std() / math.sqrt(REPEATS)), 4),
        "answers": round(float(asked.mean()), 1),
    }


def answers(truths: np.ndarray, questions: int, random: np.random.Generator) -> np.ndarray:
    """Right (1) or wrong (0) answers of each recipe to the same questions."""
    size = (len(truths), questions)
    luck = np.where(random.random(size) < SHARED, random.random(questions), random.random(size))
    return (luck < truths[:, None]).astype(float)


def main() -> None:
    """Simulate and write the results."""
    methods: dict[str, Callable[[int], int]] = {
        "validation alone": lambda validation: 0,
        "with unshown train examples": lambda validation: MAX_ROUNDS * validation,
    }
    result = {
        name: {str(validation): simulate(validation, unseen(validation)) for validation in VALIDATION}
        for name, unseen in methods.items()
    }
    write_json(
        RESULT,
        {
            "command": "python -m bench.choices",
            "recipes": RECIPES,
            "repeats": REPEATS,
            "by_validation_examples": result,
            "environment": asdict(environment()),
        },
    )
    for name, found in result.items():
        print(name, found)


if __name__ == "__main__":
    documented(__doc__).parse_args()
    main()

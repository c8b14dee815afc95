"""Narrow many recipes down before the choice among the rest (choice.py): each answers a few validation questions.

Successive halving, as in `choice`: after each round the worse half is left out, whose mean scores are lower, and the
others are asked twice as many questions. Nothing is asked twice: the choice goes on with these answers.
"""

from collections.abc import Sequence
from math import ceil

from gradschool.evaluate import evaluate
from gradschool.records import Note, Scored, Work
from gradschool.rungs.rung import RungInputs, validation_answers
from gradschool.score.judge import mean
from gradschool.specialist import Recipe, Specialist, specialist_of

ENOUGH = 8  # recipes that answer all validation questions
FIRST, MIN_FIRST = 1 / 8, 4  # of the validation questions, in the first round


def narrowed(best: Specialist, recipes: Sequence[Recipe], inputs: RungInputs, rung: str) -> Work[list[Recipe]]:
    """The best recipes in their order, at most ENOUGH if there are questions enough; of equals the first ones."""
    places = list(range(len(recipes)))
    asked = max(MIN_FIRST, ceil(FIRST * len(inputs.validation)))
    while len(places) > ENOUGH and asked < len(inputs.validation):
        questions = inputs.validation[:asked]
        rows: list[Sequence[Scored]] = [()] * len(recipes)
        for number, place in enumerate(places, 1):
            specialist, what = specialist_of(best.engine, recipes[place]), f"{rung}: {number} of {len(places)} recipes"
            answers = validation_answers(recipes[place], inputs, rung)
            rows[place] = yield from evaluate(specialist, questions, inputs.measure, answers, what)
        left = sorted(sorted(places, key=lambda place: -mean(rows[place]))[: max(ENOUGH, len(places) // 2)])
        yield Note(f"{rung}: {len(places)} recipes answered {asked} validation questions; {len(left)} of them go on.")
        places, asked = left, 2 * asked
    return [recipes[place] for place in places]

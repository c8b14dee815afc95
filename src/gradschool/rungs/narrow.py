"""Narrow many recipes down before the choice among the rest (choice.py): each answers a few validation questions.

If answers may be constrained, a few recipes say first whether that is better; the others are tried in that form only.
Successive halving, as in `choice`: after each round the worse half is left out, whose mean scores are lower, and the
others are asked twice as many questions. Nothing is asked twice: the choice goes on with these answers.
"""

from collections.abc import Sequence
from math import ceil

from gradschool.evaluate import evaluate
from gradschool.records import Example, Note, Scored, Work
from gradschool.rungs.rung import RungInputs, free_and_constrained, validation_answers
from gradschool.score.judge import mean
from gradschool.specialist import Recipe, Specialist, specialist_of

ENOUGH = 8  # recipes that answer all validation questions
BOTH = 4  # recipes that are tried with free and with constrained answers, if there are many
FIRST, MIN_FIRST = 1 / 8, 4  # of the validation questions, in the first round


def in_better_form(best: Specialist, recipes: Sequence[Recipe], inputs: RungInputs, rung: str) -> Work[list[Recipe]]:
    """The recipes with free answers, with constrained ones, or with both as long as neither is better.

    A few recipes, evenly over all, are kept in both forms.
    """
    if inputs.constraint is None or len(recipes) <= ENOUGH:
        return list(free_and_constrained(recipes, inputs))
    both = [list(free_and_constrained([one], inputs)) for one in recipes]
    asked = inputs.validation[: _first(inputs)]
    sample = range(0, len(recipes), ceil(len(recipes) / BOTH))
    scores = []
    for form in range(len(both[0])):
        rows = yield from _answered(best, [both[place][form] for place in sample], asked, inputs, rung)
        scores.append(mean([row for one in rows for row in one]))
    forms = [form for form, score in enumerate(scores) if score == max(scores)]
    yield Note(f"{rung}: {len(sample)} recipes score {scores[0]:.3f} with free answers, {scores[-1]:.3f} constrained.")
    return [
        recipe
        for place, pair in enumerate(both)
        for form, recipe in enumerate(pair)
        if form in forms or place in sample
    ]


def narrowed(best: Specialist, recipes: Sequence[Recipe], inputs: RungInputs, rung: str) -> Work[list[Recipe]]:
    """The best recipes in their order, at most ENOUGH if there are questions enough; of equals the first ones."""
    places = list(range(len(recipes)))
    asked = _first(inputs)
    while len(places) > ENOUGH and asked < len(inputs.validation):
        questions = inputs.validation[:asked]
        rows = yield from _answered(best, [recipes[place] for place in places], questions, inputs, rung)
        scores = {place: mean(scored) for place, scored in zip(places, rows, strict=True)}
        left = sorted(sorted(places, key=scores.__getitem__, reverse=True)[: max(ENOUGH, len(places) // 2)])
        yield Note(f"{rung}: {len(places)} recipes answered {asked} validation questions; {len(left)} of them go on.")
        places, asked = left, 2 * asked
    return [recipes[place] for place in places]


def _first(inputs: RungInputs) -> int:
    """How many validation questions the first round asks."""
    return max(MIN_FIRST, ceil(FIRST * len(inputs.validation)))


def _answered(
    best: Specialist, recipes: Sequence[Recipe], asked: Sequence[Example], inputs: RungInputs, rung: str
) -> Work[list[list[Scored]]]:
    """The scored answers of each recipe to validation questions."""
    rows = []
    for number, recipe in enumerate(recipes, 1):
        specialist, what = specialist_of(best.engine, recipe), f"{rung}: {number} of {len(recipes)} recipes"
        answers = validation_answers(recipe, inputs, rung)
        rows.append((yield from evaluate(specialist, asked, inputs.measure, answers, what)))
    return rows

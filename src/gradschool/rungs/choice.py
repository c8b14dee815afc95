"""Choose among recipes that train nothing: on validation, then on train examples that none of them shows.

A recipe has not seen the train examples that it does not show, so these are as good as validation examples to choose
by. All recipes answer the validation questions, or the best ones if there are many (narrow.py); then each round asks
the better half more questions (successive halving: Karnin, Koren, Somekh 2013, "Almost Optimal Exploration in
Multi-Armed Bandits"; Jamieson, Talwalkar 2016). Recipes are compared in pairs, on the same questions. Further questions
cost at most as many answers as validation did.
"""

import random
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from math import ceil, sqrt

import numpy as np

from gradschool.data.split import as_units
from gradschool.evaluate import evaluate
from gradschool.records import Example, Note, Scored, Work
from gradschool.rungs.comparing import try_compared
from gradschool.rungs.narrow import narrowed
from gradschool.rungs.rung import RungInputs, answer_gates, best_of, recipe_hash, scores_of, try_all
from gradschool.score.judge import mean
from gradschool.specialist import Recipe, Specialist, specialist_of

CLEAR = 1.5  # standard errors of the paired difference from which a recipe is clearly worse than the best one
MAX_ROUNDS = 4  # the most unshown examples that are asked, in multiples of the number of validation examples
MAX_FRACTION = 0.5  # of the train examples that may be asked, so that enough are left to show


@dataclass(frozen=True, slots=True)
class Chosen:
    """The chosen recipe, its validation answers, and the scores of all that were tried, for the report."""

    recipe: Recipe
    rows: Sequence[Scored]
    tried: tuple[tuple[str, float], ...]


def choose(best: Specialist, recipes: Iterable[Recipe], inputs: RungInputs, rung: str) -> Work[Chosen]:
    """Try recipes on validation, then the best ones on unshown train examples; of equals the first is chosen.

    A recipe whose answers a gate rejects is chosen only if all are rejected.
    """
    contesting = yield from narrowed(best, list(recipes), inputs, rung)
    tried = yield from try_all(best, contesting, inputs, rung)
    rows = [list(scored) for _, scored in tried]
    unseen = unshown([recipe for recipe, _ in tried], inputs, MAX_ROUNDS * len(inputs.validation))
    hidden = frozenset(example.id for example in unseen)
    sound = [place for place, scored in enumerate(rows) if all(gate.held for gate in answer_gates(scored))]
    among = sound or list(range(len(rows)))
    for places, part in halving(rows, len(unseen), among):
        for place in places:
            rows[place] += yield from _on_train(best, tried[place][0], hidden, unseen[part], inputs, rung)
    place = winner(rows, among)
    more = [(number, len(one) - len(inputs.validation)) for number, one in enumerate(rows)]
    compared = [(f"{tried[n][0].describe()}, with {count} train examples", mean(rows[n])) for n, count in more if count]
    if compared:
        on = f"{len(rows[place])} validation and train questions"
        yield Note(f"{rung}: {tried[place][0].describe()} is the best, with {mean(rows[place]):.3f} on {on}.")
    by_probability = yield from try_compared(best, tried[place][0], inputs, rung)
    chosen = best_of([tried[place], *by_probability])
    return Chosen(*chosen, (*scores_of(tried), *compared, *scores_of(by_probability)))


def halving(rows: Sequence[Sequence[Scored]], unseen: int, among: Sequence[int]) -> Iterator[tuple[list[int], slice]]:
    """The rounds after validation: which recipes are asked, by their places in `rows`, and which unseen examples.

    Only the places `among` these are asked. The caller appends the scores to `rows` before the next round. Each round
    has twice as many questions for half as many recipes. All together take at most as many answers as `rows` has at the
    beginning.
    """
    size, budget, start = len(rows[0]), sum(map(len, rows)), 0
    left = contenders(rows, among, max(2, ceil(len(among) / 2)))
    while len(left) > 1 and (stop := min(start + min(size, budget // len(left)), unseen)) > start:
        yield left, slice(start, stop)
        budget, size, start = budget - (stop - start) * len(left), 2 * size, stop
        left = contenders(rows, left, ceil(len(left) / 2))


def winner(rows: Sequence[Sequence[Scored]], among: Sequence[int]) -> int:
    """The place of the best mean among the recipes that answered most questions; of equals the first."""
    most = max(len(rows[place]) for place in among)
    return max((place for place in among if len(rows[place]) == most), key=lambda place: mean(rows[place]))


def contenders(rows: Sequence[Sequence[Scored]], places: Sequence[int], most: int) -> list[int]:
    """The places of the best rows, at most `most`, without those that are clearly worse than the best."""
    best, *others = sorted(places, key=lambda place: -mean(rows[place]))  # stable: of equals the first
    return sorted([best, *(other for other in others if not _clearly_worse(rows[other], rows[best]))][:most])


def _clearly_worse(rows: Sequence[Scored], best: Sequence[Scored]) -> bool:
    """Whether the paired difference is at least CLEAR standard errors, which are those of groups; so are equal rows."""
    places = {group: place for place, group in enumerate(dict.fromkeys(row.group for row in best))}
    apart = [other.value - row.value for row, other in zip(rows, best, strict=True)]
    average = sum(apart) / len(apart)
    groups = np.bincount([places[row.group] for row in best], weights=[one - average for one in apart])
    return average >= CLEAR * sqrt(float((groups**2).sum())) / len(apart)


def unshown(recipes: Sequence[Recipe], inputs: RungInputs, count: int) -> list[Example]:
    """About `count` train examples that no recipe shows, with all that they hang together with, in a random order.

    Recipes that show the nearest examples show none of these while they are asked.
    """
    units = as_units(inputs.train, inputs.near)
    shown = {example.id for recipe in recipes if not recipe.nearest for example in recipe.examples}
    taken = {unit.group for unit in units if unit.id in shown}
    groups: dict[str, list[Example]] = {}
    for unit in units:
        if unit.group not in taken:
            groups.setdefault(unit.group, []).append(unit)
    most, found = min(count, int(MAX_FRACTION * len(units))), list[Example]()
    for group in random.Random(0).sample(sorted(groups), len(groups)):
        if len(found) + len(groups[group]) <= most:
            found += groups[group]
    return found


def _on_train(
    best: Specialist,
    recipe: Recipe,
    hidden: Set[str],
    asked: Sequence[Example],
    inputs: RungInputs,
    rung: str,
) -> Work[list[Scored]]:
    """The scores of a recipe on train examples; it shows none of the `hidden` ones, by their ids."""
    answers = inputs.run.answers(f"{rung}-train-{recipe_hash(recipe)[:12]}")
    what = f"{rung}: comparing {recipe.describe()}"
    shown = tuple(example for example in recipe.examples if example.id not in hidden)
    specialist = specialist_of(best.engine, replace(recipe, examples=shown))
    rows = yield from evaluate(specialist, asked, inputs.measure, answers, what)
    yield Note(f"{rung}: {recipe.describe()} scores {mean(rows):.3f} on {len(asked)} train examples.", "detail")
    return rows

"""Choose among recipes that train nothing: on validation, then on train examples that none of them shows.

A recipe has not seen the train examples that it does not show, so these are as good as validation examples to choose
by. All recipes answer the validation questions; then each round asks the better half more questions (successive
halving: Karnin, Koren, Somekh 2013, "Almost Optimal Exploration in Multi-Armed Bandits"; Jamieson, Talwalkar 2016).
Recipes are compared in pairs, on the same questions. Further questions cost at most as many answers as validation did.
"""

import random
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace
from math import ceil, sqrt

import numpy as np

from gradschool.data.split import as_units
from gradschool.evaluate import evaluate, mean
from gradschool.records import Example, Note, Scored, Work
from gradschool.rungs.rung import RungInputs, Tried, recipe_hash, scores_of, try_all
from gradschool.specialist import Recipe, Specialist, specialist_of

CLEAR = 1.0  # standard errors of the paired difference from which a recipe is clearly worse than the best one
MAX_FRACTION = 0.5  # of the train examples that may be asked, so that enough are left to show


@dataclass(frozen=True, slots=True)
class Chosen:
    """The chosen recipe, its validation answers, and the scores of all that were tried, for the report."""

    recipe: Recipe
    rows: Sequence[Scored]
    tried: tuple[tuple[str, float], ...]


def choose(best: Specialist, recipes: Iterable[Recipe], inputs: RungInputs, rung: str) -> Work[Chosen]:
    """Try recipes on validation, then the best ones on unshown train examples; of equals the first is chosen."""
    tried = yield from try_all(best, recipes, inputs, rung)
    rows = [list(scored) for _, scored in tried]
    budget, size = len(tried) * len(inputs.validation), len(inputs.validation)
    left = contenders(rows, max(2, ceil(len(tried) / 2)))
    unseen = unshown([recipe for recipe, _ in tried], inputs, budget // 2)
    hidden = frozenset(example.id for example in unseen)
    compared: dict[int, int] = {}
    while len(left) > 1 and (asked := unseen[: min(size, budget // len(left))]):
        unseen, budget, size = unseen[len(asked) :], budget - len(asked) * len(left), 2 * size
        for place in left:
            rows[place] += yield from _on_train(best, tried[place][0], hidden, asked, inputs, rung)
            compared[place] = len(rows[place]) - len(inputs.validation)
        left = contenders(rows, ceil(len(left) / 2), left)
    place = max(left, key=lambda one: mean(rows[one]))
    chosen = tried[place][0]
    if compared:
        on = f"{len(rows[place])} validation and train questions"
        yield Note(f"{rung}: {chosen.describe()} is the best of {len(compared)} with {mean(rows[place]):.3f} on {on}.")
    more = [(f"{tried[one][0].describe()}, with {n} train examples", mean(rows[one])) for one, n in compared.items()]
    return Chosen(chosen, tried[place][1], (*scores_of(tried), *more))


def contenders(rows: Sequence[Sequence[Scored]], most: int, among: Sequence[int] | None = None) -> list[int]:
    """The places of the best rows, at most `most`, without those that are clearly worse than the best."""
    places = range(len(rows)) if among is None else among
    ranked = sorted(places, key=lambda place: -mean(rows[place]))  # stable: of equals the first
    best, *others = ranked
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

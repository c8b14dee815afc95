"""Try passages that the base judges: the weight of its judgment is chosen on validation, and answers decide.

Of each weight it is known, without an answer, how much of the ideal answers the passages would have. The best weight is
tried with answers only if its passages have more than those of the search alone.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from gradschool.errors import ModelError
from gradschool.ground.cite import coverage
from gradschool.ground.judge import CANDIDATES, Ranked, question_log_probs, ranked
from gradschool.records import Example, Note, Passage, Progress, Work
from gradschool.rungs.rung import RungInputs, Tried, try_all
from gradschool.specialist import Recipe, Specialist, specialist_of

WEIGHTS = (0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.3)  # of BM25; the rest is that of log P(question | passage)
STEP = 16  # questions whose passages are judged together, each passage read once for all of them
DIGITS = 6  # of coverage: rounding is no difference


def try_judged(best: Specialist, recipe: Recipe, inputs: RungInputs, rung: str) -> Work[Sequence[Tried]]:
    """The recipe with judged passages, and its validation answers; empty if the base cannot judge, or does not help."""
    examples = [example for example in inputs.validation if coverage(example.ideal, (), example.last_user) is not None]
    if not examples:
        yield Note(f"{rung}: the base does not judge passages: no ideal answer has words of its own.", "detail")
        return ()
    index = specialist_of(best.engine, recipe).index
    asked = [example.last_user for example in examples]
    found = [index.scored(one, max(recipe.passages, CANDIDATES)) for one in asked]
    began = time.perf_counter()
    try:
        judged = yield from _judged(best, asked, found, rung)
    except ModelError as error:
        yield Note(f"{rung}: the base does not judge passages. {error.what}", "detail")
        return ()
    seconds = (time.perf_counter() - began) / len(asked)
    searched = _covered(examples, [[one for one, _ in its[: recipe.passages]] for its in found])
    of_weight = {
        weight: _covered(
            examples,
            [ranked(its, read, weight)[: recipe.passages] for its, read in zip(found, judged, strict=True)],
        )
        for weight in WEIGHTS
    }
    weight = max(of_weight, key=lambda one: of_weight[one])
    yield Note(
        f"{rung}: passages have {searched:.3f} of the words of ideal answers; judged by the base, at best "
        f"{of_weight[weight]:.3f} (w = {weight:g}), for {seconds:.2f} s per question."
    )
    if of_weight[weight] <= searched:
        return ()
    return (yield from try_all(best, [replace(recipe, search_weight=weight)], inputs, rung))


def _judged(best: Specialist, asked: Sequence[str], found: Sequence[Ranked], rung: str) -> Work[list[dict[str, float]]]:
    """`question_log_probs` in steps."""
    judged: list[dict[str, float]] = []
    while len(judged) < len(asked):
        some = slice(len(judged), len(judged) + STEP)
        judged += question_log_probs(best.engine, asked[some], found[some])
        yield Progress(f"{rung}: the base judges passages", len(judged), len(asked), "questions")
    return judged


def _covered(examples: Sequence[Example], passages: Sequence[Sequence[Passage]]) -> float:
    """How much of the ideal answers the passages have, on average."""
    each = [coverage(one.ideal, its, one.last_user) or 0.0 for one, its in zip(examples, passages, strict=True)]
    return round(fmean(each), DIGITS)

"""Try to compare labels instead of writing them, and correct what the base prefers whatever the question is.

A base finds some labels likelier than others before it has read a question. Two estimates of that are tried, and none:
- contextual: the mean probability of each label after texts without content (Zhao et al. 2021, "Calibrate Before Use:
  Improving Few-Shot Performance of Language Models", arXiv:2102.09690);
- batch: its mean probability over questions (Zhou et al. 2023, "Batch Calibration: Rethinking Calibration for
  In-Context Learning and Prompt Engineering", arXiv:2309.17249); of train questions, whose answers are not used: a
  recipe that shows the nearest examples shows none of these questions, nor their near-duplicates, meanwhile.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from scipy.special import log_softmax, logsumexp

from gradschool.errors import ModelError
from gradschool.evaluate import answer_all
from gradschool.model.compared import corrected, label_log_probs
from gradschool.records import Answer, Conversation, Example, Message, Note, Work
from gradschool.rungs.rung import (
    RungInputs,
    Tried,
    answer_gates,
    on_validation,
    try_all,
    validation_answers,
    with_constraint,
)
from gradschool.specialist import Recipe, Specialist, specialist_of

NO_CONTENT = [(Message("user", text),) for text in ("N/A", "[MASK]", "-")]
QUESTIONS = 32  # of train, for batch calibration
DIGITS = 4  # of a bias


def try_compared(best: Specialist, recipe: Recipe, inputs: RungInputs, rung: str) -> Work[list[Tried]]:
    """The recipe with compared labels, and their validation answers, once for each correction; empty without labels."""
    if not inputs.settings.answers.compare or not inputs.constraint or not inputs.constraint.choices:
        return []
    labels = inputs.constraint.choices
    questions, shown = _asked(recipe, inputs)
    specialist = specialist_of(best.engine, with_constraint(replace(recipe, examples=shown), None))
    try:
        found = (
            replace(inputs.constraint, bias=(0.0,) * len(labels)),
            replace(inputs.constraint, bias=preferred(specialist, labels, NO_CONTENT), calibration="contextual"),
            replace(inputs.constraint, bias=preferred(specialist, labels, questions), calibration="batch"),
        )
    except ModelError as error:
        yield Note(f"{rung}: labels are not compared by their probability. {error.what}", "detail")
        return []
    recipes = [with_constraint(recipe, constraint) for constraint in found if constraint.bias]
    yield from _read_once(best, recipes, inputs, rung)
    tried = yield from try_all(best, recipes, inputs, rung)
    # A base that prefers one label may answer with it alone, which a gate rejects.
    return [one for one in tried if all(gate.held for gate in answer_gates(one[1]))]


def _read_once(best: Specialist, recipes: Sequence[Recipe], inputs: RungInputs, rung: str) -> Work[None]:
    """Save the validation answers of recipes that only differ in a correction: the first one, without any, reads."""
    plain, *others = recipes
    rows = yield from on_validation(best.engine, plain, inputs, rung)
    answers = [row.answer for row in rows]
    if not all(answer.failure or answer.label_log_probs for answer in answers):
        return  # an earlier version saved them: the others read for themselves
    for other in others:
        constraint = other.decoding.constraint
        assert constraint
        found = {row.id: corrected(row.answer, constraint) for row in rows}
        saved, what = validation_answers(other, inputs, rung), f"{rung}: correcting {other.describe()}"
        yield from answer_all(partial(_from, found), inputs.validation, what, saved)


def _from(found: Mapping[str, Answer], examples: Sequence[Example]) -> Iterator[tuple[int, Answer]]:
    return enumerate(found[example.id] for example in examples)


def _asked(recipe: Recipe, inputs: RungInputs) -> tuple[list[Conversation], tuple[Example, ...]]:
    """Train questions for batch calibration, and the examples that the recipe may show before them."""
    if not recipe.nearest:
        ids = {example.id for example in recipe.examples}
        return [example.question for example in inputs.train if example.id not in ids][:QUESTIONS], recipe.examples
    asked = inputs.train[: min(QUESTIONS, len(inputs.train) // 2)]  # as many are left to show
    ids = {example.id for example in asked}
    hidden = ids.union(*(cluster for cluster in inputs.near if ids.intersection(cluster)))
    return [example.question for example in asked], tuple(one for one in recipe.examples if one.id not in hidden)


def preferred(specialist: Specialist, labels: Sequence[str], questions: Sequence[Conversation]) -> tuple[float, ...]:
    """The logarithm of each label's mean probability among the labels; empty if no question could be read."""
    asked = [specialist.conversation(question)[0] for question in questions]
    read = label_log_probs(specialist.engine, asked, labels, specialist.recipe.adapter)
    # Never as probabilities: that of a label of many tokens may be too small for a number, and its logarithm infinite.
    shares = [log_softmax(one) for one in read if one is not None]
    return tuple((logsumexp(shares, axis=0) - np.log(len(shares))).round(DIGITS).tolist()) if shares else ()

"""The passes that a training needs memory for are the ones that it makes."""

import random

import pytest
import torch

from gradschool.model.chat import Rendered
from gradschool.model.memory import Workload
from gradschool.tune.objectives.answers import Answers
from gradschool.tune.passes import passes_of_rows, passes_of_workload, rehearsal
from gradschool.tune.plan import Plan
from gradschool.tune.rows import micro_batches, pack, pad

CPU = torch.device("cpu")
SHARED = 6


def row(number: int, tokens: int, answer: int) -> Rendered:
    """A row with a common prefix."""
    ids = (*range(SHARED), *(10 + number + place for place in range(tokens - SHARED)))
    return Rendered(ids, (False,) * (tokens - answer) + (True,) * answer)


def plan_of(rows_per_step: int, steps: int, rehearsal: float = 0.0) -> Plan:
    """A plan of so many steps."""
    return Plan(1e-4, 1.0, rows_per_step, steps, 1, steps, 1, 0.0, seed=3, rehearsal=rehearsal)


@pytest.mark.parametrize("packs", [True, False])
@pytest.mark.parametrize("max_tokens", [60, 10_000])
def test_the_largest_pass_is_the_largest_that_the_training_makes(packs: bool, max_tokens: int) -> None:
    draw = random.Random(1)
    rows = [
        row(number, draw.choice((12, 20, 35, 58)) + draw.randrange(9), draw.randrange(2, 5)) for number in range(90)
    ]
    plan = plan_of(rows_per_step=7, steps=40)
    answers = Answers(rows, (), plan, pad_id=0)
    made = []
    for step in range(plan.steps):
        for some in micro_batches(answers.rows(step), max_tokens, packs):
            made.append((pack(some, CPU) if packs else pad(some, 0, CPU)).token_ids.numel())
    told = passes_of_rows(rows, plan, max_tokens, packs)
    assert max(one.tokens for one in told) == max(made)


def test_one_long_row_does_not_make_every_row_long() -> None:
    rows = [*(row(number, 20, 3) for number in range(40)), row(99, 400, 3)]
    largest = max(one.tokens for one in passes_of_rows(rows, plan_of(8, 15), 10_000, True))
    assert largest <= 400 + 7 * 20


def test_without_rows_all_are_assumed_to_be_the_longest() -> None:
    told, taught = passes_of_workload(Workload(100, 20, new_tokens=30), 20 + 3 * 80)
    assert (told.tokens, told.predicted) == (260, 90) and taught.taught
    assert passes_of_workload(Workload(100, 20, new_tokens=300), 50)[0].predicted == 80


def test_texts_are_rehearsed_only_with_a_weight() -> None:
    assert rehearsal(0.0) == [] and len(rehearsal(0.1)) == 1
    rows = [row(number, 20, 3) for number in range(20)]
    assert passes_of_rows(rows, plan_of(4, 5, rehearsal=0.1), 500, True)[-1].taught

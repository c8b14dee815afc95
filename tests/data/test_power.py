"""How many examples of each group are tested: those that make a proof most likely."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest

from gradschool.data.power import best_cap, highest_provable, needed_score_of
from gradschool.data.proof import look_level, provable
from gradschool.data.split import freeze_split
from gradschool.records import Example, Message, Source
from gradschool.score.stats import bounds
from gradschool.settings import Goal, SplitSettings

LEVEL = look_level(0.05, 4)
UNEQUAL = [40, 25, 20, 12, 9, 8, 7, 6, 5, 4, 4, 3, 3, 3, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1]


def named(sizes: list[int]) -> list[str]:
    return [f"g{place}" for place, size in enumerate(sizes) for _ in range(size)]


@pytest.mark.parametrize("sizes", [[1] * 20, [4] * 9, UNEQUAL, [30, 1], [7]])
def test_what_groups_can_prove_is_the_bound_with_every_answer_right(sizes: list[int]) -> None:
    assert highest_provable(sizes, LEVEL) == pytest.approx(
        bounds([1.0] * sum(sizes), named(sizes), LEVEL).low, abs=1e-6
    )
    assert highest_provable(sizes, LEVEL) <= provable(len(sizes), LEVEL) + 1e-9


def test_groups_of_one_size_are_tested_whole() -> None:
    assert best_cap([1] * 60, 0.8, LEVEL) == 0
    assert best_cap([2] * 30, 0.8, LEVEL) == best_cap([3] * 30, 0.6, LEVEL) == 0


def test_unequal_groups_are_capped_where_that_proves_more() -> None:
    cap = best_cap(UNEQUAL, 0.6, LEVEL)
    assert 2 <= cap <= 6
    capped = [min(size, cap) for size in UNEQUAL]
    assert needed_score_of(capped, 0.6, LEVEL) < needed_score_of(UNEQUAL, 0.6, LEVEL) - 0.05


def passed(sizes: list[int], truth: float, mark: float) -> float:
    """How often a test in these groups proves a mark, if its groups have scores of their own."""
    draw, count = np.random.default_rng(0), 0
    for _ in range(100):
        rights = draw.binomial(sizes, draw.beta(2 * truth, 2 * (1 - truth), len(sizes)))
        values = [float(n < right) for right, size in zip(rights, sizes, strict=True) for n in range(size)]
        count += bounds(values, named(sizes), LEVEL).low >= mark
    return count / 100


def test_a_cap_raises_the_chance_of_a_pass() -> None:
    cap = best_cap(UNEQUAL, 0.5, LEVEL)
    assert passed([min(size, cap) for size in UNEQUAL], 0.85, 0.5) > passed(UNEQUAL, 0.85, 0.5) + 0.2


def example(number: int, group: str) -> Example:
    messages = (Message("user", f"question {number}"), Message("assistant", f"answer {number}"))
    return Example(f"e{number}", messages, group, Source("x", number + 1))


def test_a_capped_split_leaves_out_only_examples_of_test_groups() -> None:
    draw, examples = random.Random(5), []
    for group in range(60):
        examples += [example(len(examples) + n, f"g{group}") for n in range(math.ceil(draw.paretovariate(0.9)))][:40]
    split = freeze_split(examples, SplitSettings(), Goal(pass_mark=0.6), [], 4)
    group = {one.id: one.group for one in examples}
    tested = [group[id_] for id_ in split.test]
    assert split.per_group and max(map(tested.count, tested)) == split.per_group
    assert {group[id_] for id_ in split.left_out} <= set(tested)
    assert split.ids == set(group) and len(split.train) + len(split.validation) + len(split.test) < len(group)
    assert f"at most {split.per_group} of each group" in str(split) and f"{len(split.left_out)} are left out" in str(
        split
    )
    assert str(split).startswith(f"{len(examples)} examples")
    alike = replace(split, near=(split.left_out,))
    assert f"at most {split.per_group} of near-duplicates of one question" in str(alike)

"""The choice among bases: the smallest that is not proven worse than the best, in pairs on the same questions."""

from collections.abc import Sequence

import pytest

from gradschool.package.base_words import advice_on_bases
from gradschool.score.bases import Entry, Measured, compare_bases


def entry(base: str, size: int, values: Sequence[float], sound: bool = True) -> Entry:
    by_id = {f"e{number:03}": value for number, value in enumerate(values)}
    return Entry(base, size, Measured(by_id, {id_: id_ for id_ in by_id}, "prompt: no help", sound, 9.0, 1.0))


def chosen(*entries: Entry) -> str:
    [one] = [base for base in compare_bases(entries) if base.chosen]
    return one.base


RIGHT, WRONG = [1.0], [0.0]


@pytest.mark.parametrize(
    ("small", "best"),
    [
        (RIGHT * 30 + WRONG * 10, "small"),  # 0.75 and 0.80 of 40: no proof
        (RIGHT * 10 + WRONG * 30, "large"),  # 0.25 and 0.80: proven
    ],
)
def test_the_smallest_base_is_chosen_unless_it_is_proven_worse(small: list[float], best: str) -> None:
    large = entry("large", 9_000, RIGHT * 32 + WRONG * 8)
    for order in ((entry("small", 10, small), large), (large, entry("small", 10, small))):
        assert chosen(*order) == best


def test_pairs_decide_and_not_bounds_that_overlap() -> None:
    better = RIGHT * 28 + WRONG * 12
    worse = RIGHT * 14 + WRONG * 26  # wrong on half of those, and never right alone
    assert chosen(entry("large", 9, better), entry("small", 1, worse)) == "large"
    few = entry("large", 9, RIGHT * 3 + WRONG * 2), entry("small", 1, RIGHT * 1 + WRONG * 4)
    assert chosen(*few) == "small"  # five questions prove nothing


def test_answers_are_paired_by_their_question_whatever_their_order() -> None:
    large = entry("large", 9, RIGHT * 20 + WRONG * 20)
    values = dict(reversed(list(large.measured.values.items())))
    small = Entry("small", 1, Measured(values, large.measured.groups, "", True, 0.0, 0.0))
    [first, second] = compare_bases([large, small])
    assert second.chosen and first.difference is None
    assert second.difference is None or second.difference.mean == 0.0


def test_between_small_and_large_the_middle_one_may_be_the_smallest_that_is_good_enough() -> None:
    entries = entry("l", 30, RIGHT * 36 + WRONG * 4), entry("m", 20, RIGHT * 35 + WRONG * 5), entry("s", 10, WRONG * 40)
    found = {one.base: one for one in compare_bases(entries)}
    assert [base for base, one in found.items() if one.chosen] == ["m"]
    assert "proven worse than l (with 95% confidence)" in found["s"].reason
    assert "not proven worse than l (with 95% confidence), which scores 0.025 more" in found["m"].reason
    assert "m is smaller" in found["l"].reason
    assert found["s"].difference and found["s"].difference.other == "l" and found["s"].difference.interval.low > 0
    assert found["m"].score and found["m"].score.mean == 35 / 40 and found["m"].score.examples == 40


def test_a_base_whose_answers_a_gate_rejects_is_chosen_only_if_all_are_rejected() -> None:
    rejected = entry("small", 1, RIGHT * 40, sound=False)
    sound = entry("large", 9, WRONG * 20 + RIGHT * 20)
    assert chosen(rejected, sound) == "large"
    assert {one.base: one.reason for one in compare_bases([rejected, sound])}["small"] == "a gate rejects its answers"
    assert chosen(rejected, entry("large", 9, RIGHT * 40, sound=False)) == "small"


def test_a_base_of_unknown_size_counts_as_the_largest() -> None:
    server, large = entry("server", 0, RIGHT * 20 + WRONG * 20), entry("large", 9_000, RIGHT * 19 + WRONG * 21)
    assert chosen(server, large) == "large"
    other = entry("other", 0, RIGHT * 22 + WRONG * 18)
    assert chosen(server, other) == "other"  # of two, the better one
    assert chosen(entry("a", 0, RIGHT * 20 + WRONG), entry("b", 0, RIGHT * 20 + WRONG)) == "a"


def test_the_best_base_is_advised_if_it_is_above_the_chosen_one() -> None:
    found = list(
        compare_bases([entry("large one", 9, RIGHT * 3 + WRONG * 2), entry("small", 1, RIGHT * 1 + WRONG * 4)])
    )
    [advice] = advice_on_bases(found)
    assert "large one was above small by +0.400" in advice and "5 examples do not prove" in advice
    assert advice.endswith("--base-model 'large one'.")
    assert list(advice_on_bases(list(compare_bases([entry("a", 1, RIGHT * 9), entry("b", 2, RIGHT * 9)])))) == []

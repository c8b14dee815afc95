import pytest

from bench.recall import recall
from gradschool.records import Passage
from small_documents import passage


class Fixed:
    """Finds passages 1, 2, 3 … for every question."""

    def __init__(self, count: int) -> None:
        self.count = count

    def search(self, query: str, k: int) -> list[Passage]:
        return [passage("x", number) for number in range(1, self.count + 1)][:k]


def test_shares_and_ranks() -> None:
    gold = [{"a.md#1"}, {"a.md#2", "a.md#9"}, {"a.md#5"}, {"elsewhere"}]
    assert recall(Fixed(20), ["q"] * 4, gold, [1, 2, 5]) == {
        "recall@1": 0.25,
        "recall@2": 0.5,
        "recall@5": 0.75,
        "mrr@10": pytest.approx((1 + 1 / 2 + 1 / 5) / 4),
    }


def test_ranks_beyond_ten_count_for_recall_alone() -> None:
    assert recall(Fixed(20), ["q"], [{"a.md#11"}], [20]) == {"recall@20": 1.0, "mrr@10": 0.0}


def test_questions_and_gold_must_match() -> None:
    with pytest.raises(ValueError, match="2 questions and 1 sets"):
        recall(Fixed(1), ["a", "b"], [{"x"}])
    with pytest.raises(ValueError, match="0 questions"):
        recall(Fixed(1), [], [])

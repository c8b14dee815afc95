"""Recall and mean reciprocal rank of a search index."""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol

from gradschool.records import Passage

MRR_DEPTH = 10


class Searchable(Protocol):
    """A search index over passages."""

    def search(self, query: str, k: int) -> list[Passage]:
        """The k most relevant passages, best first."""
        ...


def recall(
    index: Searchable, questions: Sequence[str], gold: Sequence[AbstractSet[str]], ks: Iterable[int] = (1, 5)
) -> dict[str, float]:
    """The fraction of questions with a gold passage (by id) among the first k, and the mean reciprocal rank.

    Keys are `recall@k` for each k, and `mrr@10`: the mean of 1/rank of the first gold passage, 0 beyond rank 10.
    """
    if not questions or len(questions) != len(gold):
        raise ValueError(f"{len(questions)} questions and {len(gold)} sets of gold passages: need as many, and some")
    depths = sorted(set(ks))
    ranks: list[float] = []
    for question, expected in zip(questions, gold, strict=True):
        found = index.search(question, max(MRR_DEPTH, *depths))
        ranks.append(next((rank for rank, p in enumerate(found, 1) if p.id in expected), float("inf")))
    fractions = {f"recall@{k}": sum(rank <= k for rank in ranks) / len(ranks) for k in depths}
    return fractions | {f"mrr@{MRR_DEPTH}": sum(1 / rank for rank in ranks if rank <= MRR_DEPTH) / len(ranks)}

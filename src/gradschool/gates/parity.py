"""The packaged file must answer as the specialist that was scored."""

from collections.abc import Sequence

from gradschool.records import Answer, Gate

LEAST_SAME = 0.95  # batches of other shapes round differently, which may turn a tie


def same_answers(scored: Sequence[Answer], packaged: Sequence[Answer], least: float = LEAST_SAME) -> Gate:
    """Refuse a package whose answers differ from those that were scored."""
    same = sum(a.text == b.text for a, b in zip(scored, packaged, strict=True))
    share = same / len(scored) if scored else 0.0
    return Gate("the package answers as scored", share >= least, f"{same} of {len(scored)} test answers are the same")

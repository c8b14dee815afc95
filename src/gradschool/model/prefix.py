"""The common prefix of sequences."""

from collections.abc import Hashable, Sequence


def common_prefix(sequences: Sequence[Sequence[Hashable]]) -> int:
    """The length of the longest prefix that all sequences have in common.

    >>> common_prefix(["a cat", "a car", "a cap"])
    4
    """
    for length, items in enumerate(zip(*sequences, strict=False)):
        if len(set(items)) > 1:
            return length
    return min(map(len, sequences))

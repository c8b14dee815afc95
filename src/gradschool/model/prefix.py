"""The common prefix of sequences."""

from collections.abc import Hashable, Sequence

from gradschool.model.image_tokens import FIRST


def common_prefix(sequences: Sequence[Sequence[Hashable]]) -> int:
    """The length of the longest prefix that all sequences have in common.

    >>> common_prefix(["a cat", "a car", "a cap"])
    4
    """
    for length, items in enumerate(zip(*sequences, strict=False)):
        if len(set(items)) > 1:
            return length
    return min(map(len, sequences))


def prompt_prefix(prompts: Sequence[Sequence[int]]) -> int:
    """The length of the common prefix of prompts without the last token of any, which each prompt computes itself."""
    return between_images(prompts, min(common_prefix(prompts), min(map(len, prompts)) - 1))


def between_images(rows: Sequence[Sequence[int]], prefix: int) -> int:
    """The length of a common prefix of rows, shortened so that none of their runs of image tokens is divided."""
    while prefix and any(len(row) > prefix and row[prefix - 1] >= FIRST and row[prefix] >= FIRST for row in rows):
        prefix -= 1
    return prefix

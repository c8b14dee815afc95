"""Attention in both directions within an image: how far each token attends, where it is not to itself alone.

Some families let the tokens of an image attend to each other in both directions. Tokens of an image without others
between them are a run; each attends to the tokens before it, and to its whole run.

Shapes: n rows of L tokens after their beginning.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from gradschool.model.image_tokens import FIRST, has_images


def reaches(rows: Sequence[Sequence[int]], start: int, device: torch.device) -> Tensor | None:
    """The reach of the tokens from `start` on, in each of some rows of one length: (n, L); None if all are causal."""
    if not any(has_images(row[start:]) for row in rows):
        return None
    return torch.tensor([reach_of(row)[start:] for row in rows], device=device)


def reach_of(ids: Sequence[int]) -> list[int]:
    """How far each token of a row attends if image tokens attend to their whole run: to the tokens before this place.

    >>> reach_of([5, FIRST, FIRST | 1, 6])
    [1, 3, 3, 4]
    """
    reach = list(range(1, len(ids) + 1))
    for place in range(len(ids) - 2, -1, -1):
        if ids[place] >= FIRST and ids[place + 1] >= FIRST:
            reach[place] = reach[place + 1]
    return reach

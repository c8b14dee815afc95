"""Positions in three dimensions, as Qwen-VL gives them to the tokens of an image (M-RoPE, arXiv:2409.12191).

A token of a text has one position, that is the same in each dimension; one of an image has the time, the row and the
column. All are one number, so that rows with images have positions like others. Only `Reader.hidden` looks at them.

    bit 62: of an image    bits 40-59: time    bits 20-39: row    bits 0-19: column

Shapes: T tokens of a row, N of an image.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gradschool.model.image_tokens import FIRST, PLACES, has_images

BITS = 20
EACH = 1 << 2 * BITS | 1 << BITS | 1  # times a position: it in each dimension


@dataclass(frozen=True, slots=True)
class Grid:
    """The positions of the tokens of an image that stands first in a row, and that of the next token."""

    places: tuple[int, ...]
    next: int


def grid_of(network: Any, tokens: int, inputs: Mapping[str, Tensor]) -> Grid:
    """The grid of an image of so many tokens, by the family's own `get_rope_index`."""
    ids = torch.zeros(1, tokens + 1, dtype=torch.long)
    kinds = torch.ones(1, tokens + 1, dtype=torch.int)
    kinds[0, -1] = 0  # a token of a text follows
    positions, _ = network.get_rope_index(ids, mm_token_type_ids=kinds, image_grid_thw=inputs["image_grid_thw"])
    times, rows, columns = positions[:, 0].tolist()
    places = (time << 2 * BITS | row << BITS | column for time, row, column in zip(times, rows, columns, strict=True))
    return Grid(tuple(places)[:-1], times[-1])


def positions_of(ids: Sequence[int], grids: Mapping[int, Grid]) -> list[int]:
    """The positions of the tokens of a row, and last that of the next token; `grids` are those of its images, by key.

    Without any, the positions are those of a text.
    """
    if not grids or not has_images(ids):
        return list(range(len(ids) + 1))
    positions, now, place = list[int](), 0, 0
    while place < len(ids):
        token = ids[place]
        if token < FIRST:
            positions.append(now)
            now, place = now + 1, place + 1
        else:
            grid = grids[(token - FIRST) // PLACES]
            positions += [FIRST | one + now * EACH for one in grid.places]
            now, place = now + grid.next, place + len(grid.places)
    return [*positions, now]


def in_three_dimensions(positions: Tensor) -> Tensor:
    """Positions (1, T) as the network takes them: (3, 1, T), or as they are without images."""
    seen = positions >= FIRST
    if not bool(seen.any()):
        return positions
    each = (positions >> 2 * BITS, positions >> BITS, positions)
    return torch.stack([torch.where(seen, one & ((1 << BITS) - 1), positions) for one in each])

"""Token streams on disk, and packing their documents into rows.

A stream `name` consists of `name.tokens` (16-bit), `name.weights` (8-bit, loss weights in tenths) and `name.ends`
(64-bit, the end of each document). Rows contain complete documents; the rest of a row is filled with text.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recipes.pocket.settings import Stage

Tokens = npt.NDArray[np.uint16]
Weights = npt.NDArray[np.uint8]
FILLER = "text"


def write_stream(folder: Path, name: str, documents: Iterable[tuple[list[int], list[int]]]) -> int:
    """Write documents of (tokens, weights in tenths) as one stream and return its number of tokens."""
    folder.mkdir(parents=True, exist_ok=True)
    ends, total = [], 0
    with (folder / f"{name}.tokens").open("wb") as tokens, (folder / f"{name}.weights").open("wb") as weights:
        for ids, loss in documents:
            tokens.write(np.asarray(ids, dtype=np.uint16).tobytes())
            weights.write(np.asarray(loss, dtype=np.uint8).tobytes())
            total += len(ids)
            ends.append(total)
    np.asarray(ends, dtype=np.int64).tofile(folder / f"{name}.ends")
    return total


@dataclass
class Stream:
    """A memory-mapped stream with a cursor: the next document or, for text, the next token."""

    tokens: Tokens
    weights: Weights
    ends: npt.NDArray[np.int64]
    cursor: int = 0

    @classmethod
    def open(cls, folder: Path, name: str) -> "Stream":
        """Open a stream that `write_stream` wrote."""
        return cls(
            np.memmap(folder / f"{name}.tokens", dtype=np.uint16, mode="r"),
            np.memmap(folder / f"{name}.weights", dtype=np.uint8, mode="r"),
            np.fromfile(folder / f"{name}.ends", dtype=np.int64),
        )

    def size_of_next(self) -> int:
        """Return the number of tokens of the next document."""
        i = self.cursor % len(self.ends)
        return int(self.ends[i] - (self.ends[i - 1] if i else 0))

    def take_document(self) -> tuple[Tokens, Weights]:
        """Return the next document and advance; restarts after the last."""
        i = self.cursor % len(self.ends)
        start = int(self.ends[i - 1]) if i else 0
        self.cursor += 1
        return self.tokens[start : self.ends[i]], self.weights[start : self.ends[i]]

    def take_running(self, count: int) -> tuple[Tokens, Weights]:
        """Return the next `count` tokens of text and advance."""
        if self.cursor + count > len(self.tokens):
            self.cursor = 0
        start, self.cursor = self.cursor, self.cursor + count
        return self.tokens[start : self.cursor], self.weights[start : self.cursor]


class Packer:
    """Draws rows from streams by the mix of a stage; its state consists of the cursors and a random generator."""

    def __init__(self, folder: Path, names: Iterable[str], seed: int) -> None:
        self.streams = {name: Stream.open(folder, name) for name in names}
        self.random = np.random.default_rng(seed)

    def row(self, stage: Stage) -> tuple[Tokens, Weights]:
        """Build one row of `stage.length` + 1 tokens with their loss weights."""
        names = list(stage.mix)
        probs = np.asarray([stage.mix[name] for name in names])
        name = names[int(self.random.choice(len(names), p=probs / probs.sum()))]
        free = stage.length + 1
        parts: list[tuple[Tokens, Weights]] = []
        if name != FILLER:
            stream = self.streams[name]
            while stream.size_of_next() > stage.length + 1:
                stream.cursor += 1
            while (size := stream.size_of_next()) <= free:
                parts.append(stream.take_document())
                free -= size
        if free:
            parts.append(self.streams[FILLER].take_running(free))
        return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])

    def rows(self, stage: Stage, count: int) -> tuple[Tokens, Weights]:
        """Build `count` rows."""
        drawn = [self.row(stage) for _ in range(count)]
        return np.stack([d[0] for d in drawn]), np.stack([d[1] for d in drawn])

    def state(self) -> dict[str, Any]:
        """Return the state for resuming."""
        return {"cursors": {n: s.cursor for n, s in self.streams.items()}, "random": self.random.bit_generator.state}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a state; streams that are not in it start at their beginning."""
        cursors = state["cursors"]
        for name, cursor in cursors.items():
            if name in self.streams:
                self.streams[name].cursor = cursor
        self.random.bit_generator.state = state["random"]

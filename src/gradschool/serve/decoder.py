"""Generating the answers of a changing set of requests, step by step."""

from collections import deque
from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch

from gradschool.model.constrained import Matcher
from gradschool.model.decoding import Batch, Row, Token
from gradschool.model.generation import likelihoods_of, stream_tokens
from gradschool.model.local import LocalEngine
from gradschool.model.reader import Reader
from gradschool.records import Decoding


class Decoder(Protocol):
    """Rows that are being answered, each a prompt and the answer so far, with the same sampling settings but seeds."""

    def add(self, name: int, ids: Sequence[int], limit: int, seed: int, matcher: Matcher | None = None) -> None:
        """Add a prompt, to be continued by at most `limit` tokens, which a `matcher` constrains."""
        ...

    def step(self) -> list[Token]:
        """Generate the next token of some rows; every row gets its turn."""
        ...

    def drop(self, names: Collection[int]) -> None:
        """Cancel rows; a token of theirs may still follow."""
        ...


def decoder_of(
    engine: LocalEngine, reader: Reader, decoding: Decoding, prefix: Sequence[int], slots: int, top: int = 0
) -> Decoder:
    """A decoder for the network with an adapter or without; all prompts begin with `prefix`, prefilled once.

    With `top` likeliest tokens in each likelihood, if the decoding asks for these.
    """
    if reader.packs:
        return PackedDecoder(engine, reader, decoding, prefix, slots, top)
    return OneRowDecoder(engine, reader, decoding, top)


class PackedDecoder:
    """Continuous batching with packed rows: rows are added and removed between any two tokens."""

    def __init__(
        self, engine: LocalEngine, reader: Reader, decoding: Decoding, prefix: Sequence[int], slots: int, top: int = 0
    ) -> None:
        assert reader.head is not None
        self._sampled = decoding.temperature > 0
        self._waiting: deque[Row] = deque()
        self._batch = Batch(reader, reader.head, prefix, engine.stop_ids, decoding, slots, 0, top)
        self._added = False

    def add(self, name: int, ids: Sequence[int], limit: int, seed: int, matcher: Matcher | None = None) -> None:
        """Add a prompt; its sampled tokens depend on its seed, not on other rows."""
        uniforms = None
        if self._sampled:
            uniforms = torch.rand(limit, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        self._waiting.append(Row(name, ids, limit, uniforms=uniforms, matcher=matcher))

    def step(self) -> list[Token]:
        """Prefill waiting prompts or generate a token for each row, in turns, so that neither has to wait for long."""
        batch = self._batch
        self._added = bool(self._waiting) and batch.has_space() and not (batch.rows and self._added)
        if self._added:
            return batch.add(self._waiting)
        tokens = batch.advance() if batch.rows else []
        if not batch.rows:
            batch.cache.rows.clear()  # the cached prefix stays
        return tokens

    def drop(self, names: Collection[int]) -> None:
        """Remove waiting prompts, and finish rows with their next token."""
        self._waiting = deque(row for row in self._waiting if row.name not in names)
        for row in self._batch.rows:
            if row.name in names:
                row.max_new_tokens = 0


@dataclass(slots=True)
class _Single:
    name: int
    prompt: Sequence[int]
    left: int
    tokens: Generator[int, None, None]
    matcher: Matcher | None
    held: list[int] = field(default_factory=list)  # tokens whose likelihoods are computed at the end


class OneRowDecoder:
    """One answer after the other, for networks that cannot read packed rows, such as recurrent ones."""

    def __init__(self, engine: LocalEngine, reader: Reader, decoding: Decoding, top: int = 0) -> None:
        self._top = top
        self._engine, self._network, self._decoding = engine, reader.network, decoding
        self._rows: deque[_Single] = deque()

    def add(self, name: int, ids: Sequence[int], limit: int, seed: int, matcher: Matcher | None = None) -> None:
        """Add a prompt; it waits for those before it."""
        self._rows.append(_Single(name, ids, limit, self._tokens(ids, limit, seed, matcher), matcher))

    def step(self) -> list[Token]:
        """Generate one more token of the oldest row; with likelihoods, all of its tokens come with the last one."""
        if not self._rows:
            return []
        row = self._rows[0]
        token = next(row.tokens)
        row.left -= 1
        last = row.left == 0 or token in self._engine.stop_ids
        if last:
            self.drop([row.name])
        if not self._decoding.log_probs:
            return [Token(row.name, token, last)]
        row.held.append(token)
        if not last:
            return []
        likely = likelihoods_of(self._network, row.prompt, row.held, row.matcher, self._top)
        ends = [False] * (len(likely) - 1) + [True]
        return [Token(row.name, *one) for one in zip(row.held, ends, likely, strict=True)]

    def drop(self, names: Collection[int]) -> None:
        """Remove rows, and stop generating their tokens."""
        for row in self._rows:
            if row.name in names:
                row.tokens.close()
        self._rows = deque(row for row in self._rows if row.name not in names)

    def _tokens(self, ids: Sequence[int], limit: int, seed: int, matcher: Matcher | None) -> Generator[int, None, None]:
        decoding = Decoding(limit, self._decoding.temperature, self._decoding.top_p, seed)
        yield from stream_tokens(self._network, ids, self._engine.stop_ids, limit, decoding, matcher)

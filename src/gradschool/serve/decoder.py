"""A changing set of answers drawn together, one token of each a step: what continuous batching asks of a network.

Legend: B rows, T columns of the cache, H heads, D width of a head, V vocabulary.
"""

import inspect
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer

from gradschool.model.generation import stream_tokens
from gradschool.records import Decoding

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ROOM = 128  # columns that a cache grows by
READ_AT_ONCE = 4096  # tokens of new prompts, padding included, for which running answers wait


class Decoder(Protocol):
    """Holds rows, each a prompt with the answer drawn so far. The seam at which a faster engine slots in."""

    def add(self, key: int, ids: Sequence[int], limit: int, decoding: Decoding) -> None:
        """Take in a prompt that will be continued by at most `limit` tokens."""
        ...

    def step(self) -> list[tuple[int, int]]:
        """Draw the next token of some rows, in the long run of all: (key, token). Rows never end by themselves."""
        ...

    def drop(self, keys: Collection[int]) -> None:
        """Forget rows and free their places."""
        ...


@dataclass(slots=True, eq=False)
class _Row:
    key: int
    ids: Sequence[int]
    decoding: Decoding
    generator: torch.Generator
    start: int = 0  # the column of its first token
    last: int = field(default=0)  # the token drawn last, not yet in the cache


class BatchDecoder:
    """Rows of any age in one batch: padded on the left, the padding masked, so that all go on at the same column.

    New prompts are read in a batch of their own and then join; rows that are dropped leave at once. An answer does not
    depend on its neighbours, up to rounding. For networks whose whole state is keys and values of attention.
    """

    def __init__(self, network: "PreTrainedModel") -> None:
        self._network = network
        self._rows: list[_Row] = []  # in the order of the cache
        self._new: list[_Row] = []
        self._cache = _empty_cache()
        self._columns = 0
        self._has_read = False
        accepted = inspect.signature(network.forward).parameters
        self._last_only = {"logits_to_keep": 1} if "logits_to_keep" in accepted else {}

    def add(self, key: int, ids: Sequence[int], limit: int, decoding: Decoding) -> None:
        """Take in a prompt; it is read at one of the next steps."""
        generator = torch.Generator().manual_seed(decoding.seed)
        self._new.append(_Row(key, ids, decoding, generator))

    def step(self) -> list[tuple[int, int]]:
        """Read some new prompts, or draw a token for each row that is there; in turns where there is both to do."""
        if not (self._rows or self._new):
            return []
        self._has_read = bool(self._new) and not (self._rows and self._has_read)
        with torch.inference_mode():
            rows = self._read() if self._has_read else self._go_on()
        return [(row.key, row.last) for row in rows]

    def drop(self, keys: Collection[int]) -> None:
        """Forget rows, and the columns that none of the others needs."""
        self._new = [row for row in self._new if row.key not in keys]
        kept = [position for position, row in enumerate(self._rows) if row.key not in keys]
        if len(kept) == len(self._rows):
            return
        self._rows = [self._rows[position] for position in kept]
        if not kept:
            self._cache, self._columns = _empty_cache(), 0
            return
        spare = min(row.start for row in self._rows)
        index = torch.tensor(kept, device=self._network.device)
        with torch.inference_mode():
            for layer in _layers(self._cache):
                layer.hold([tuple(held[:, :, spare:].index_select(0, index) for held in (layer.keys, layer.values))])
        for row in self._rows:
            row.start -= spare
        self._columns -= spare

    def _read(self) -> list[_Row]:
        """Read as many of the new prompts as may be read at once, at least one, and let them join the others."""
        batch: list[_Row] = []
        longest = 0
        for row in self._new:
            longest = max(longest, len(row.ids))
            if batch and longest * (len(batch) + 1) > READ_AT_ONCE:
                break
            batch.append(row)
        longest = max(len(row.ids) for row in batch)
        for row in batch:
            row.start = longest - len(row.ids)
        cache = _empty_cache()
        self._forward([[0] * row.start + list(row.ids) for row in batch], batch, cache, 0)
        del self._new[: len(batch)]
        self._join(batch, cache, longest)
        return batch

    def _join(self, batch: list[_Row], cache: Cache, columns: int) -> None:
        if not self._rows:
            self._cache, self._columns = cache, columns
        else:
            for layer, other in zip(_layers(self._cache), _layers(cache), strict=True):
                layer.hold([(layer.keys, layer.values), (other.keys, other.values)])
            together = max(self._columns, columns)
            for row in self._rows:
                row.start += together - self._columns
            for row in batch:
                row.start += together - columns
            self._columns = together
        self._rows += batch

    def _go_on(self) -> list[_Row]:
        self._forward([[row.last] for row in self._rows], self._rows, self._cache, self._columns)
        self._columns += 1
        return self._rows

    def _forward(self, ids: list[list[int]], rows: list[_Row], cache: Cache, before: int) -> None:
        """Read further tokens of some rows, behind `before` columns, and draw the next token of each."""
        device = self._network.device
        read = torch.tensor(ids, device=device)  # (B, tokens)
        starts = torch.tensor([[row.start] for row in rows], device=device)  # (B, 1)
        columns = torch.arange(before + read.shape[1], device=device)  # (T)
        output: Any = self._network(
            input_ids=read,
            attention_mask=(columns >= starts).long(),  # (B, T)
            position_ids=(columns[before:] - starts).clamp(min=0),
            past_key_values=cache,
            use_cache=True,
            **self._last_only,
        )
        logits: Tensor = output.logits[:, -1]  # (B, V)
        for row, token in zip(rows, logits.argmax(-1).tolist(), strict=True):
            row.last = token
        for position, row in enumerate(rows):
            if row.decoding.temperature > 0:
                row.last = draw(logits[position], row.decoding, row.generator)


class OneRowDecoder:
    """One answer after the other, for networks that keep another state than keys and values (Mamba and its like)."""

    def __init__(self, network: "PreTrainedModel", stop_ids: Sequence[int]) -> None:
        self._network, self._stop_ids = network, stop_ids
        self._waiting: list[tuple[int, Iterator[int]]] = []

    def add(self, key: int, ids: Sequence[int], limit: int, decoding: Decoding) -> None:
        """Take in a prompt; it waits for those before it."""
        self._waiting.append((key, stream_tokens(self._network, ids, self._stop_ids, limit, decoding)))

    def step(self) -> list[tuple[int, int]]:
        """Draw one more token of the oldest row."""
        if not self._waiting:
            return []
        key, tokens = self._waiting[0]
        return [(key, next(tokens))]

    def drop(self, keys: Collection[int]) -> None:
        """Forget rows, and end the work on them."""
        for key, tokens in self._waiting:
            if key in keys:
                tokens.close()  # type: ignore[attr-defined]  # a generator, said to be an iterator
        self._waiting = [(key, tokens) for key, tokens in self._waiting if key not in keys]


class GrowingLayer(DynamicLayer):
    """A cache layer with room for further columns, so that a step writes one column and copies none."""

    _room: tuple[Tensor, ...] = ()

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Add columns to all rows; returns all keys and values, each (B, H, T, D)."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self.hold([(key_states, value_states)])
        else:
            before = self.keys.shape[2]
            after = before + key_states.shape[2]
            if after > self._room[0].shape[2]:
                self.hold([(self.keys, self.values)])
            for room, states in zip(self._room, (key_states, value_states), strict=True):
                room[:, :, before:after] = states
            self._show(after)
        return self.keys, self.values

    def hold(self, blocks: Sequence[tuple[Tensor, ...]]) -> None:
        """Hold these blocks of rows and nothing else: keys and values, each (B, H, T, D), aligned at their ends."""
        columns = max(block[0].shape[2] for block in blocks)
        room = []
        for held in zip(*blocks, strict=True):  # all keys, then all values
            _, heads, _, width = held[0].shape
            whole = held[0].new_zeros(sum(part.shape[0] for part in held), heads, columns + ROOM, width)
            first = 0
            for part in held:
                whole[first : first + part.shape[0], :, columns - part.shape[2] : columns] = part
                first += part.shape[0]
            room.append(whole)
        self._room = tuple(room)
        self._show(columns)

    def _show(self, columns: int) -> None:
        self.keys, self.values = (room[:, :, :columns] for room in self._room)


def draw(logits: Tensor, decoding: Decoding, generator: torch.Generator) -> int:
    """Draw one token from logits (V): by temperature, among the likeliest that together reach `top_p`."""
    scaled = (logits.float() - logits.float().max()) / decoding.temperature
    likely, order = scaled.softmax(-1).cpu().sort(descending=True)
    likely[1:][likely.cumsum(-1)[:-1] >= decoding.top_p] = 0  # the likeliest always stays
    return int(order[torch.multinomial(likely, 1, generator=generator)])


def _empty_cache() -> Cache:
    return Cache(layer_class_to_replicate=GrowingLayer)


def _layers(cache: Cache) -> list[GrowingLayer]:
    """The layers that hold anything; those that share another's keys and values do not."""
    return [layer for layer in cache.layers if isinstance(layer, GrowingLayer) and layer.is_initialized]

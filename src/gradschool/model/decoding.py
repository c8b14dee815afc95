"""Answering many prompts at once: what they share is read once, rows leave when they stop, and new ones enter.

Shapes: B rows under way, V vocabulary.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from gradschool.model.kv_cache import DecodeStep, KVCache, Prefill, PrefillPrefix, grouped
from gradschool.model.memory import PREFILL_TOKENS
from gradschool.model.prefix import common_prefix
from gradschool.model.reader import Head, Reader
from gradschool.records import Decoding

ENTRY_SHARE = 8  # rows enter when at least one in so many slots is free: reading prompts one by one costs more


@dataclass(slots=True)
class Row:
    """A prompt under way: `said` are the tokens of its answer so far, at most `limit`."""

    name: int
    prompt: Sequence[int]
    limit: int
    said: list[int] = field(default_factory=list)
    uniforms: Tensor | None = None  # (limit,), what decides its draws


@dataclass(frozen=True, slots=True)
class Token:
    """One token of one row's answer; `last` when the row is done."""

    name: int
    token: int
    last: bool


def decode(
    reader: Reader,
    prompts: Mapping[int, Sequence[int]],
    stop_ids: Sequence[int],
    limits: Mapping[int, int],
    decoding: Decoding,
    min_new_tokens: int = 0,
    slots: int = 1,
) -> Iterator[list[Token]]:
    """Continue prompts, at most `slots` of them at once, longest first; yields the tokens of each step.

    A row ends with a stop token, or after its limit; before `min_new_tokens` tokens it does not stop. Sampled draws
    depend on the seed and the row's name alone, not on the rows beside it.
    """
    assert reader.packs and reader.head is not None
    order = sorted(prompts, key=lambda name: (-len(prompts[name]), name))
    waiting = deque(
        Row(name, prompts[name], limits[name], uniforms=_uniforms(decoding, name, limits)) for name in order
    )
    shared = _shared(list(prompts.values()))
    batch = Batch(reader, reader.head, shared, stop_ids, decoding, min(slots, len(waiting)), min_new_tokens)
    while waiting or batch.rows:
        if waiting and batch.wants():
            yield batch.enter(waiting)
        else:
            yield batch.advance()


class Batch:
    """The rows under way, and what is kept of them."""

    def __init__(
        self,
        reader: Reader,
        head: Head,
        prefix: Sequence[int],
        stop_ids: Sequence[int],
        decoding: Decoding,
        slots: int,
        min_new_tokens: int,
    ) -> None:
        self.reader, self.head, self.decoding, self.min_new_tokens = reader, head, decoding, min_new_tokens
        self.device, self.stop_ids = reader.network.device, frozenset(stop_ids)
        self.prefix = len(prefix)
        self.rows: list[Row] = []
        self.kept = KVCache(slots, lengths=torch.zeros(slots, dtype=torch.long, device=self.device))
        if prefix:
            self._read(list(prefix), list(range(len(prefix))), PrefillPrefix(self.kept))

    def wants(self) -> bool:
        """Whether rows should enter now."""
        free = self.kept.slots - len(self.rows)
        return not self.rows or free * ENTRY_SHARE >= self.kept.slots

    def enter(self, waiting: deque[Row]) -> list[Token]:
        """Read the prompts of the next rows that fit, and say their first tokens."""
        entering: list[Row] = []
        tokens = 0
        while waiting and len(self.rows) + len(entering) < self.kept.slots:
            tokens += len(waiting[0].prompt) - self.prefix
            if entering and tokens > PREFILL_TOKENS:
                break
            entering.append(waiting.popleft())
        entering.sort(key=lambda row: len(row.prompt))
        own = [row.prompt[self.prefix :] for row in entering]
        lengths = [len(ids) for ids in own]
        slots = torch.arange(len(self.rows), len(self.rows) + len(entering), device=self.device)
        layout = Prefill(self.kept, grouped(lengths), slots)
        ids = [token for part in own for token in part]
        places = [self.prefix + place for length in lengths for place in range(length)]
        self.kept.lengths[slots] = torch.tensor(lengths, device=self.device)
        ends = torch.tensor(lengths, device=self.device).cumsum(0) - 1
        hidden = self._read(ids, places, layout)[ends]
        first = len(self.rows)
        self.rows += entering
        return self._say(hidden, first)

    def advance(self) -> list[Token]:
        """Let each row say one more token."""
        count, lengths = len(self.rows), self.kept.lengths
        places = [len(row.prompt) + len(row.said) - 1 for row in self.rows]
        layout = DecodeStep(self.kept, count, max(places) - self.prefix + 1)
        hidden = self._read([row.said[-1] for row in self.rows], places, layout)
        lengths[:count] += 1
        return self._say(hidden, 0)

    @torch.inference_mode()
    def _read(self, ids: list[int], places: list[int], layout: PrefillPrefix | Prefill | DecodeStep) -> Tensor:
        tokens, positions = torch.tensor([ids], device=self.device), torch.tensor([places], device=self.device)
        return self.reader.hidden(tokens, positions, layout)

    def _say(self, hidden: Tensor, first: int) -> list[Token]:
        """Choose a token for each row from `first` on, and let those go that are done."""
        tokens = self._choose(hidden, self.rows[first:])
        said, done = [], []
        for slot, token in enumerate(tokens, first):
            row = self.rows[slot]
            row.said.append(token)
            last = token in self.stop_ids or len(row.said) >= row.limit
            said.append(Token(row.name, token, last))
            if last:
                done.append(slot)
        for slot in reversed(done):
            self._leave(slot)
        return said

    def _leave(self, slot: int) -> None:
        row = self.rows.pop()
        if slot < len(self.rows):  # the last row takes the place of the one that leaves
            with torch.inference_mode():
                self.kept.move(len(self.rows), slot)
            self.rows[slot] = row

    @torch.inference_mode()
    def _choose(self, hidden: Tensor, rows: Sequence[Row]) -> list[int]:
        logits = self.head.logits(hidden)  # (B, V)
        young = [i for i, row in enumerate(rows) if len(row.said) < self.min_new_tokens]
        if young:
            logits[torch.tensor(young)[:, None], torch.tensor(sorted(self.stop_ids))] = float("-inf")
        if self.decoding.temperature == 0:
            return logits.max(-1).indices.tolist()  # argmax is slower in bfloat16
        uniforms = torch.stack([row.uniforms[len(row.said)] for row in rows if row.uniforms is not None])
        return draw(logits.float(), uniforms.to(self.device), self.decoding).tolist()


def draw(logits: Tensor, uniforms: Tensor, decoding: Decoding) -> Tensor:
    """Draw a token per row from logits (B, V), decided by numbers (B,) in [0, 1).

    With top_p, from the smallest set of likeliest tokens that reach this share (Holtzman et al. 2020,
    arXiv:1904.09751).
    """
    probs = (logits / decoding.temperature).softmax(-1)
    order = None
    if decoding.top_p < 1:
        probs, order = probs.sort(-1, descending=True)
        probs = probs.masked_fill(probs.cumsum(-1) - probs >= decoding.top_p, 0.0)
    reached = probs.double().cumsum(-1)
    drawn = torch.searchsorted(reached, (uniforms[:, None] * reached[:, -1:]), right=True).clamp(max=probs.shape[1] - 1)
    return (drawn if order is None else order.gather(1, drawn)).squeeze(1)


def _uniforms(decoding: Decoding, name: int, limits: Mapping[int, int]) -> Tensor | None:
    if decoding.temperature == 0:
        return None
    generator = torch.Generator().manual_seed((decoding.seed * 1_000_003 + name) % (1 << 63))
    return torch.rand(limits[name], generator=generator, dtype=torch.float64)


def _shared(prompts: Sequence[Sequence[int]]) -> Sequence[int]:
    """What all prompts begin with, short of the last token of each; nothing for a single prompt."""
    if len(prompts) < 2:
        return ()
    return prompts[0][: min(common_prefix(prompts), min(map(len, prompts)) - 1)]

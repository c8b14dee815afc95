"""Continuous batching: prompts share one prefill of their common prefix, and rows are added and removed at any step.

Shapes: B rows in the batch, V vocabulary.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from math import inf

import torch
from torch import Tensor

from gradschool.model.constrained import Matcher, forbid
from gradschool.model.eyes import positions_in, reach_in
from gradschool.model.kv_cache import DecodeStep, Extend, KVCache, Prefill, PrefillPrefix, grouped
from gradschool.model.memory import PREFILL_TOKENS
from gradschool.model.prefix import prompt_prefix
from gradschool.model.reader import CHUNK_NUMBERS, Head, Reader
from gradschool.model.signals import Likelihood
from gradschool.records import Decoding

COLDEST = 1e-6  # at a lower temperature, float32 has no number for the quotients, and nothing else changes
FREE_FRACTION = 1 / 8  # of the slots, before more rows are added: prefilling prompts one by one costs more


@dataclass(slots=True)
class Row:
    """A prompt with the tokens generated for it so far, at most `max_new_tokens`.

    `matcher` constrains the answer. `forced` counts the last tokens but one that are not in the KV cache yet. The
    position of a token is the number of tokens before it, and `shift`: images of some bases take fewer positions.
    """

    name: int
    prompt: Sequence[int]
    max_new_tokens: int
    generated: list[int] = field(default_factory=list)
    uniforms: Tensor | None = None  # (max_new_tokens,), which decide the sampled tokens
    matcher: Matcher | None = None
    forced: int = 0
    shift: int = 0


@dataclass(frozen=True, slots=True)
class Token:
    """One token of the answer of one row; `last` if the row is finished. The likelihood is None unless requested."""

    name: int
    token: int
    last: bool
    likelihood: Likelihood | None = None


def decode(
    reader: Reader,
    prompts: Mapping[int, Sequence[int]],
    stop_ids: Sequence[int],
    max_new_tokens: Mapping[int, int],
    decoding: Decoding,
    min_new_tokens: int = 0,
    slots: int = 1,
    matcher: Matcher | None = None,
) -> Iterator[list[Token]]:
    """Continue prompts, at most `slots` at a time, longest first; yields the tokens of each step.

    A row is finished by a stop token, which it does not generate before `min_new_tokens`, or at its maximum. Sampled
    tokens depend on the seed and the row's name alone, not on other rows. A `matcher` at the beginning of an answer
    constrains all of them; tokens that it forces come in the same step, and are read in one pass.
    """
    assert reader.packs and reader.head is not None
    order = sorted(prompts, key=lambda name: (-len(prompts[name]), name))
    waiting = deque(
        Row(
            name,
            prompts[name],
            max_new_tokens[name],
            uniforms=_uniforms(decoding, name, max_new_tokens[name]),
            matcher=matcher and matcher.fresh(),
        )
        for name in order
    )
    prefix = _shared_prefix(list(prompts.values()))
    batch = Batch(reader, reader.head, prefix, stop_ids, decoding, min(slots, len(waiting)), min_new_tokens)
    while waiting or batch.rows:
        if waiting and batch.has_space():
            yield batch.add(waiting)
        else:
            yield batch.advance()


class Batch:
    """The rows that are being continued, and their KV cache."""

    def __init__(
        self,
        reader: Reader,
        head: Head,
        prefix: Sequence[int],
        stop_ids: Sequence[int],
        decoding: Decoding,
        slots: int,
        min_new_tokens: int,
        top: int = 0,
    ) -> None:
        self.reader, self.head, self.decoding, self.min_new_tokens = reader, head, decoding, min_new_tokens
        self.top = top  # tokens in each likelihood
        self.device, self.stop_ids = reader.network.device, frozenset(stop_ids)
        self.prefix, self.eyes = len(prefix), reader.eyes
        self.rows: list[Row] = []
        self.cache = KVCache(slots, lengths=torch.zeros(slots, dtype=torch.long, device=self.device))
        if prefix:
            layout = PrefillPrefix(self.cache, reach=reach_in(self.eyes, [prefix], 0))
            self._forward(list(prefix), positions_in(self.eyes, prefix)[:-1], layout)

    def has_space(self) -> bool:
        """Whether enough slots are free to add rows."""
        free = self.cache.slots - len(self.rows)
        return not self.rows or free >= FREE_FRACTION * self.cache.slots

    def add(self, waiting: deque[Row]) -> list[Token]:
        """Prefill the prompts of the next rows that fit; returns their first tokens."""
        added: list[Row] = []
        tokens = 0
        while waiting and len(self.rows) + len(added) < self.cache.slots:
            tokens += len(waiting[0].prompt) - self.prefix
            if added and tokens > PREFILL_TOKENS:
                break
            added.append(waiting.popleft())
        openings = {row.name: _opening(row) for row in added}
        added.sort(key=lambda row: len(row.prompt) + len(openings[row.name]))
        own = [[*row.prompt[self.prefix :], *openings[row.name]] for row in added]
        lengths = [len(ids) for ids in own]
        slots = torch.arange(len(self.rows), len(self.rows) + len(added), device=self.device)
        groups = grouped(lengths)
        layout = Prefill(self.cache, groups, slots, reach=self._reach(groups, added, openings))
        ids = [token for part in own for token in part]
        positions: list[int] = []
        for row in added:
            *its, after = positions_in(self.eyes, [*row.prompt, *openings[row.name]])
            row.shift = after - len(its)
            positions += its[self.prefix :]
        self.cache.lengths[slots] = torch.tensor(lengths, device=self.device)
        ends = torch.tensor(lengths, device=self.device).cumsum(0) - 1
        hidden = self._forward(ids, positions, layout)[ends]
        first = len(self.rows)
        self.rows += added
        for row in added:
            row.generated += openings[row.name]
        known = [Token(row.name, token, last=False) for row in added for token in row.generated]
        return known + self._append(hidden, first)

    def advance(self) -> list[Token]:
        """Generate one more token for each row, and those that it forces."""
        self._read_forced()
        count, lengths = len(self.rows), self.cache.lengths
        ends = [len(row.prompt) + len(row.generated) for row in self.rows]
        layout = DecodeStep(self.cache, count, max(ends) - self.prefix)
        positions = [end - 1 + row.shift for end, row in zip(ends, self.rows, strict=True)]
        last = [row.generated[-1] for row in self.rows]
        # Repeatable: until the lengths change, a step writes to the same places of the cache.
        hidden = self.reader.threads.run(partial(self._forward, last, positions, layout))
        lengths[:count] += 1
        return self._append(hidden, 0)

    def _read_forced(self) -> None:
        """Add the forced tokens to the KV cache, all but the last one of each row, which the next step reads."""
        slots = tuple(slot for slot, row in enumerate(self.rows) if row.forced)
        if not slots:
            return
        rows, counts = [self.rows[slot] for slot in slots], tuple(self.rows[slot].forced for slot in slots)
        ids = [token for row in rows for token in row.generated[-1 - row.forced : -1]]
        ends = [len(row.prompt) + len(row.generated) - 1 for row in rows]
        lengths = tuple(end - count - self.prefix for end, count in zip(ends, counts, strict=True))
        positions = [
            position + row.shift
            for row, end, count in zip(rows, ends, counts, strict=True)
            for position in range(end - count, end)
        ]
        self._forward(ids, positions, Extend(self.cache, slots, lengths, counts))
        self.cache.lengths[torch.tensor(slots)] += torch.tensor(counts, device=self.device)
        for row in rows:
            row.forced = 0

    def _reach(
        self, groups: Sequence[tuple[int, int]], added: Sequence[Row], openings: Mapping[int, Sequence[int]]
    ) -> tuple[Tensor | None, ...]:
        """How far the tokens of each group of added rows attend."""
        rows = iter([*row.prompt, *openings[row.name]] for row in added)
        return tuple(reach_in(self.eyes, list(islice(rows, count)), self.prefix) for count, _ in groups)

    @torch.inference_mode()
    def _forward(
        self, ids: list[int], positions: list[int], layout: PrefillPrefix | Prefill | DecodeStep | Extend
    ) -> Tensor:
        return self.reader.hidden(
            torch.tensor([ids], device=self.device), torch.tensor([positions], device=self.device), layout
        )

    def _append(self, hidden: Tensor, first: int) -> list[Token]:
        """Choose a token for each row from `first` on, and remove finished rows."""
        chosen, likelihoods = self._choose(hidden, self.rows[first:])
        tokens, finished = [], []
        for slot, (token, likelihood) in enumerate(zip(chosen, likelihoods, strict=True), first):
            row = self.rows[slot]
            row.forced = -1
            following_tokens = [token, *(row.matcher.follow(token) if row.matcher else ())]
            if row.matcher and row.matcher.broken:  # cut, as at the limit of tokens
                row.max_new_tokens = min(row.max_new_tokens, len(row.generated) + len(following_tokens))
            for following in following_tokens:
                row.generated.append(following)
                row.forced += 1
                last = following in self.stop_ids or len(row.generated) >= row.max_new_tokens
                tokens.append(Token(row.name, following, last, None if row.forced else likelihood))
                if last:
                    finished.append(slot)
                    break
        for slot in reversed(finished):
            self._remove(slot)
        return tokens

    def _remove(self, slot: int) -> None:
        row = self.rows.pop()
        if slot < len(self.rows):  # the last row moves into the free slot
            with torch.inference_mode():
                self.cache.move(len(self.rows), slot)
            self.rows[slot] = row

    @torch.inference_mode()
    def _choose(self, hidden: Tensor, rows: Sequence[Row]) -> tuple[list[int], Sequence[Likelihood | None]]:
        logits = self.head.logits(hidden)  # (B, V)
        forbid(logits, [row.matcher for row in rows])
        unstoppable = [i for i, row in enumerate(rows) if len(row.generated) < self.min_new_tokens]
        if unstoppable:
            logits[torch.tensor(unstoppable)[:, None], torch.tensor(sorted(self.stop_ids))] = float("-inf")
        # Sampling computes several numbers for each logit, in higher precision: for some rows at a time.
        size = max(1, CHUNK_NUMBERS // logits.shape[1])
        parts = [slice(start, start + size) for start in range(0, len(rows), size)]
        if self.decoding.temperature == 0:
            chosen = logits.max(-1).indices  # argmax is slower in bfloat16
        else:
            uniforms = torch.stack([row.uniforms[len(row.generated)] for row in rows if row.uniforms is not None])
            uniforms = uniforms.to(self.device)
            chosen = torch.cat([sample(logits[part].float(), uniforms[part], self.decoding) for part in parts])
        if not self.decoding.log_probs:
            return chosen.tolist(), [None] * len(rows)
        return chosen.tolist(), [one for part in parts for one in likelihoods(logits[part], chosen[part], self.top)]


def _opening(row: Row) -> list[int]:
    """The tokens that an answer must begin with, but for one at least that the row may still generate."""
    return row.matcher.opening(row.max_new_tokens - 1) if row.matcher and not row.generated else []


def likelihoods(logits: Tensor, chosen: Tensor, top: int = 0) -> list[Likelihood | None]:
    """How likely the chosen tokens (B,) are, given their logits (B, V), at temperature 1; None if no other may be.

    With a constraint, the logits are those of the tokens that it allows, and their probabilities add up to 1.
    """
    log_probs = logits.float().log_softmax(-1)
    own = log_probs.gather(1, chosen[:, None]).squeeze(1)
    best = log_probs.topk(min(max(2, top), log_probs.shape[1]))
    second = best.values[:, min(1, best.values.shape[1] - 1)]
    other = torch.where(best.indices[:, 0] == chosen, second, best.values[:, 0])
    likeliest = _likeliest(best.indices[:, :top], best.values[:, :top]) if top else [()] * len(chosen)
    found = zip(own.tolist(), (own - other).tolist(), likeliest, strict=True)
    return [Likelihood(log_prob, margin, its) if margin < inf else None for log_prob, margin, its in found]


def _likeliest(tokens: Tensor, log_probs: Tensor) -> list[tuple[tuple[int, float], ...]]:
    """The likeliest tokens (B, top) of each row that may follow, with their log-probabilities."""
    rows = zip(tokens.tolist(), log_probs.tolist(), strict=True)
    return [tuple((token, value) for token, value in zip(*row, strict=True) if value > -inf) for row in rows]


def cooled(logits: Tensor, temperature: float) -> Tensor:
    """Logits (B, V) divided by a temperature: relative to the highest one, so that none of them becomes infinite."""
    return (logits - logits.max(-1, keepdim=True).values) / max(temperature, COLDEST)


def sample(logits: Tensor, uniforms: Tensor, decoding: Decoding) -> Tensor:
    """Sample a token per row from logits (B, V), decided by numbers (B,) in [0, 1).

    With top_p, from the smallest set of most likely tokens with that total probability (Holtzman et al. 2020,
    arXiv:1904.09751), at least the likeliest one.
    """
    probs = cooled(logits, decoding.temperature).softmax(-1)
    order = None
    if decoding.top_p < 1:
        probs, order = probs.sort(-1, descending=True)
        beyond = probs.cumsum(-1) - probs >= decoding.top_p
        beyond[:, 0] = False
        probs = probs.masked_fill(beyond, 0.0)
    cumulative = probs.double().cumsum(-1)
    targets = uniforms[:, None] * cumulative[:, -1:]
    sampled = torch.searchsorted(cumulative, targets, right=True).clamp(max=probs.shape[1] - 1)
    return (sampled if order is None else order.gather(1, sampled)).squeeze(1)


def _uniforms(decoding: Decoding, name: int, count: int) -> Tensor | None:
    if decoding.temperature == 0:
        return None
    generator = torch.Generator().manual_seed((decoding.seed * 1_000_003 + name) % (1 << 63))
    return torch.rand(count, generator=generator, dtype=torch.float64)


def _shared_prefix(prompts: Sequence[Sequence[int]]) -> Sequence[int]:
    """The common prefix of all prompts, without the last token of any; empty for a single prompt."""
    if len(prompts) < 2:
        return ()
    return prompts[0][: prompt_prefix(prompts)]

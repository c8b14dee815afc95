"""Read several continuations of many prompts in one packed row: no token of a prompt is computed twice.

The row holds a prefix that all prompts share, then for each prompt its further tokens and its continuations. A prompt
attends to the prefix, and each continuation to the prefix, its prompt and itself.

Shapes: H query heads, K key heads, T tokens of the row, D numbers per head, n continuations of L tokens each.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import torch
from torch import Tensor

from gradschool.model.attention import Masks, Scoring, after, attend, unpacked
from gradschool.model.eyes import Eyes, positions_in, reach_in
from gradschool.model.kv_cache import grouped
from gradschool.model.prefix import prompt_prefix


@dataclass(frozen=True, slots=True)
class Branches:
    """A packed row: `prefix` tokens, then for each prompt its tokens and the groups of its continuations.

    A group is (number of continuations, tokens of each), as in `attention.Segments`.
    """

    prefix: int
    prompts: tuple[tuple[int, tuple[tuple[int, int], ...]], ...]
    reach: tuple[Tensor | None, ...] = field(default=(), compare=False, repr=False)  # of the prefix, and each prompt
    masks: Masks = field(default_factory=dict, compare=False, repr=False)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, scoring: Scoring, layer: int) -> Tensor:
        """(1, H, T, D), (1, K, T, D) twice -> (1, T, H, D)."""
        sizes = [self.prefix]
        for prompt, groups in self.prompts:
            sizes += [prompt, *(count * length for count, length in groups)]
        parts = list(zip(*(states[0].split_with_sizes(sizes, dim=1) for states in (query, key, value)), strict=True))
        prefix_query, prefix_key, prefix_value = parts[0]
        outputs, place = [], 1
        first, *reaches = self.reach or (None,) * (1 + len(self.prompts))
        if self.prefix:
            states = prefix_query[None], prefix_key[None], prefix_value[None]
            outputs.append(attend(*states, 0, scoring, self.masks, first))
        for (_, groups), reach in zip(self.prompts, reaches, strict=True):
            own_query, own_key, own_value = parts[place]
            keys, values = (torch.cat(pair, dim=1) for pair in ((prefix_key, own_key), (prefix_value, own_value)))
            outputs.append(attend(own_query[None], keys[None], values[None], self.prefix, scoring, self.masks, reach))
            before = keys.shape[1]
            for (count, _), (its_query, its_key, its_value) in zip(
                groups, parts[place + 1 : place + 1 + len(groups)], strict=True
            ):
                its = unpacked(its_query, count), after(keys, its_key, count), after(values, its_value, count)
                outputs.append(attend(*its, before, scoring, self.masks))
            place += 1 + len(groups)
        return torch.cat([output.transpose(1, 2).flatten(0, 1) for output in outputs])[None]


@dataclass(frozen=True, slots=True)
class PackedRow:
    """The tokens of a row of branches with their positions, and where each continuation is predicted.

    `predicted[i][j]` are the places in the row whose hidden states predict the tokens of continuation j of prompt i.
    """

    layout: Branches
    ids: list[int]
    positions: list[int]
    predicted: list[list[list[int]]]


def packed(
    prompts: Sequence[Sequence[int]], continuations: Sequence[Sequence[Sequence[int]]], eyes: Eyes | None = None
) -> PackedRow:
    """Pack prompts with their continuations, each of at least one token; the last token of each need not be read."""
    prefix = prompt_prefix(prompts)  # a prompt's own end predicts what follows
    ids, positions = list(prompts[0][:prefix]), positions_in(eyes, prompts[0])[:prefix]
    layouts: list[tuple[int, tuple[tuple[int, int], ...]]] = []
    predicted: list[list[list[int]]] = []
    for prompt, its in zip(prompts, continuations, strict=True):
        ids += prompt[prefix:]
        *own, after = positions_in(eyes, prompt)[prefix:]
        positions += own
        end = len(ids) - 1
        order = sorted(range(len(its)), key=lambda number: len(its[number]))
        lengths = [len(its[number]) - 1 for number in order]
        starts = accumulate(lengths, initial=len(ids))
        places: dict[int, list[int]] = {}
        for number, start, length in zip(order, starts, lengths, strict=False):
            places[number] = [end, *range(start, start + length)]
            ids += its[number][:-1]
            positions += range(after, after + length)
        layouts.append((len(prompt) - prefix, tuple(group for group in grouped(lengths) if group[1])))
        predicted.append([places[number] for number in range(len(its))])
    reach = [reach_in(eyes, [prompts[0][:prefix]], 0), *(reach_in(eyes, [prompt], prefix) for prompt in prompts)]
    return PackedRow(Branches(prefix, tuple(layouts), tuple(reach)), ids, positions, predicted)

"""Continuing prompts with any network: packed rows if it reads them, transformers' `generate` if not."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from gradschool.model.constrained import Matcher
from gradschool.model.decoding import decode
from gradschool.model.generation import in_batches, likelihoods_of, stream_tokens
from gradschool.model.loading import is_out_of_memory, out_of_memory
from gradschool.model.reader import Reader
from gradschool.model.signals import Likelihood
from gradschool.records import Decoding


@dataclass(frozen=True, slots=True)
class Completion:
    """The tokens that continue the prompt `name`, and the seconds that they took: its part of each step's time.

    `likelihoods` are those of the tokens, if the decoding asks for them.
    """

    name: int
    token_ids: list[int]
    seconds: float
    likelihoods: list[Likelihood] = field(default_factory=list)


def complete(
    reader: Reader,
    prompts: Mapping[int, Sequence[int]],
    stop_ids: Sequence[int],
    max_new_tokens: Mapping[int, int],
    decoding: Decoding,
    batch_size: int,
    min_new_tokens: int = 0,
    matcher: Matcher | None = None,
) -> Iterator[Completion]:
    """Continue prompts, at most `batch_size` at a time; yields each one when it is done.

    A `matcher` at the beginning of an answer constrains them.
    """
    if not reader.packs:
        done = in_batches(reader, prompts, stop_ids, max_new_tokens, decoding, min_new_tokens, batch_size, matcher)
        for name, ids, seconds in done:
            found = likelihoods_of(reader.network, prompts[name], ids, matcher) if decoding.log_probs else []
            yield Completion(name, ids, seconds, [one for one in found if one])
        return
    token_ids: dict[int, list[int]] = {name: [] for name in prompts}
    likely: dict[int, list[Likelihood]] = {name: [] for name in prompts}
    spent = dict.fromkeys(prompts, 0.0)
    began = time.perf_counter()
    for step in decode(reader, prompts, stop_ids, max_new_tokens, decoding, min_new_tokens, batch_size, matcher):
        each = (time.perf_counter() - began) / len(step)
        for token in step:
            token_ids[token.name].append(token.token)
            spent[token.name] += each
            if token.likelihood:
                likely[token.name].append(token.likelihood)
        for token in step:
            if token.last:
                yield Completion(token.name, token_ids.pop(token.name), spent[token.name], likely.pop(token.name))
        began = time.perf_counter()


def complete_by_token(
    reader: Reader,
    prompt: Sequence[int],
    stop_ids: Sequence[int],
    max_new_tokens: int,
    decoding: Decoding,
    matcher: Matcher | None = None,
) -> Iterator[int]:
    """Continue one prompt; yields each token as soon as it is chosen."""
    if not reader.packs:
        yield from stream_tokens(reader.network, prompt, stop_ids, max_new_tokens, decoding, matcher)
        return
    for step in decode(reader, {0: prompt}, stop_ids, {0: max_new_tokens}, decoding, matcher=matcher):
        yield from (token.token for token in step)


def complete_in_memory(
    prompts: Mapping[int, Sequence[int]],
    batch_size: int,
    complete_some: Callable[[Mapping[int, Sequence[int]], int], Iterator[Completion]],
    device: torch.device,
) -> Iterator[Completion]:
    """Run `complete_some(prompts, batch_size)`; after running out of memory, again with half the batch size.

    Raises ResourceError if a single prompt does not fit into memory.
    """
    waiting = dict(prompts)
    while waiting:
        try:
            for done in complete_some(dict(waiting), batch_size):
                del waiting[done.name]
                yield done
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if batch_size == 1 or len(waiting) == 1:
                raise out_of_memory("A question does not fit into memory, even alone.") from error
            batch_size = max(1, min(batch_size, len(waiting)) // 2)
        if waiting and device.type == "cuda":
            torch.cuda.empty_cache()  # outside the handler, which still references the tensors

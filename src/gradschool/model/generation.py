"""Generation with transformers' own `generate`, for networks that cannot read packed rows."""

import itertools
import queue
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    TopPLogitsWarper,
)
from transformers.generation.streamers import BaseStreamer

from gradschool.model.constrained import Matcher, forbid
from gradschool.model.decoding import cooled, likelihoods
from gradschool.model.reader import Reader, logits_at
from gradschool.model.signals import Likelihood
from gradschool.records import Decoding

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def in_batches(
    reader: Reader,
    prompts: Mapping[int, Sequence[int]],
    stop_ids: Sequence[int],
    max_new_tokens: Mapping[int, int],
    decoding: Decoding,
    min_new_tokens: int = 0,
    size: int = 1,
    matcher: Matcher | None = None,
) -> Iterator[tuple[int, list[int], float]]:
    """Continue prompts batch by batch; yields (name, tokens, seconds), with a batch's time divided by its rows.

    The arguments are those of `decoding.decode`.
    """
    for number, batch in enumerate(batches({name: len(ids) for name, ids in prompts.items()}, max_new_tokens, size)):
        began = time.perf_counter()
        sampling = replace(decoding, seed=decoding.seed + number)
        ids, longest = [prompts[name] for name in batch], max_new_tokens[batch[0]]
        reader.threads.settle(partial(_step_of, reader.network, len(batch), stop_ids[0]))
        rows = generate(reader.network, ids, stop_ids, longest, sampling, min_new_tokens, matcher)
        seconds = (time.perf_counter() - began) / len(batch)
        yield from ((name, row, seconds) for name, row in zip(batch, rows, strict=True))


def batches(lengths: Mapping[int, int], max_new_tokens: Mapping[int, int], size: int) -> Iterator[list[int]]:
    """Group prompts by length, to avoid padding; `lengths` and `max_new_tokens` are numbers of tokens by name.

    The longest come first, so that a lack of memory shows at once. Prompts of a batch have the same maximum of new
    tokens, so that no answer is cut short.
    """
    order = sorted(lengths, key=lambda name: (-lengths[name], name))
    for _, alike in itertools.groupby(order, key=max_new_tokens.__getitem__):
        names = list(alike)
        yield from (names[i : i + size] for i in range(0, len(names), size))


@torch.inference_mode()
def likelihoods_of(
    network: "PreTrainedModel",
    prompt: Sequence[int],
    answer: Sequence[int],
    matcher: Matcher | None = None,
    top: int = 0,
) -> list[Likelihood | None]:
    """How likely the tokens of an answer are after their prompt, in one forward pass over both.

    A `matcher` at the beginning of the answer is what constrained it. With `top` likeliest tokens each.
    """
    ids = torch.tensor([[*prompt, *answer]], device=network.device)
    before = torch.arange(len(prompt) - 1, ids.shape[1] - 1, device=network.device)
    logits = logits_at(network, before, input_ids=ids)[0]
    followed = matcher and matcher.fresh()
    for position, token in enumerate(answer if followed else ()):
        forbid(logits[position : position + 1], [followed])
        if followed and position < len(answer) - 1:  # the last one may be a stop token, which no matcher consumes
            followed.resume([token])
    return likelihoods(logits, ids[0, len(prompt) :], top)


def generate(
    network: "PreTrainedModel",
    prompts: Sequence[Sequence[int]],
    stop_ids: Sequence[int],
    max_new_tokens: int,
    decoding: Decoding,
    min_new_tokens: int = 0,
    matcher: Matcher | None = None,
    streamer: BaseStreamer | None = None,
) -> list[list[int]]:
    """Continue prompts in one batch; each row ends with a stop token or has `max_new_tokens` tokens.

    Prompts are padded on the left and the padding is masked, so that a row's answer does not depend on its batch
    (up to rounding). Sampled tokens depend on the seed and on the batch.
    """
    longest = max(map(len, prompts))
    device = network.device
    ids = torch.tensor([[0] * (longest - len(p)) + list(p) for p in prompts], device=device)
    mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts], device=device)
    config = GenerationConfig(
        max_new_tokens=max_new_tokens,
        min_new_tokens=min_new_tokens or None,
        do_sample=False,
        eos_token_id=list(stop_ids),
        pad_token_id=stop_ids[0],  # for rows that have ended; removed again below
    )
    processors: list[LogitsProcessor] = [Constraining(matcher, longest, stop_ids)] if matcher else []
    processors += [Sampler(decoding, device)] if decoding.temperature > 0 else []
    output: Any = network.generate(  # type: ignore[operator]
        input_ids=ids,
        attention_mask=mask,
        generation_config=config,
        logits_processor=LogitsProcessorList(processors),
        streamer=streamer,
    )
    rows: list[list[int]] = output[:, longest:].tolist()
    return [_up_to_stop(row, stop_ids) for row in rows]


class Constraining(LogitsProcessor):
    """Lets each row choose only tokens that its constraint allows; `start` is where the answers begin."""

    def __init__(self, matcher: Matcher, start: int, stop_ids: Sequence[int]) -> None:
        self._matcher, self._start, self._stop_ids = matcher, start, frozenset(stop_ids)
        self._rows: list[Matcher | None] = []

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """(B, T), (B, V) -> (B, V)."""
        if input_ids.shape[1] == self._start:
            self._rows = [self._matcher.fresh() for _ in input_ids]
        else:
            for row, token in enumerate(input_ids[:, -1].tolist()):
                if token in self._stop_ids:
                    self._rows[row] = None
                elif its := self._rows[row]:
                    its.resume([token])
        scores = scores.clone()
        forbid(scores, self._rows)
        return scores


class Sampler(LogitsProcessor):
    """Samples the next token of each row, and makes it the only possible one.

    `generate` itself can only sample from the global random state, which several threads would share.
    """

    def __init__(self, decoding: Decoding, device: torch.device) -> None:
        self._generator = torch.Generator(device).manual_seed(decoding.seed)
        self._temperature = decoding.temperature
        self._warpers: list[LogitsProcessor] = [TopPLogitsWarper(decoding.top_p)] if decoding.top_p < 1 else []

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """(B, T), (B, V) -> (B, V)."""
        scores = cooled(scores.float(), self._temperature)
        for warper in self._warpers:
            scores = warper(input_ids, scores)
        sampled = torch.multinomial(scores.softmax(-1), 1, generator=self._generator)
        return torch.full_like(scores, float("-inf")).scatter_(1, sampled, 0.0)


def stream_tokens(
    network: "PreTrainedModel",
    prompt: Sequence[int],
    stop_ids: Sequence[int],
    max_new_tokens: int,
    decoding: Decoding,
    matcher: Matcher | None = None,
) -> Iterator[int]:
    """Continue one prompt, token by token; closing the iterator ends the generation after the current token.

    The network computes only while the caller waits for a token.
    """
    tokens: queue.Queue[int | BaseException | None] = queue.Queue()
    wanted: queue.Queue[bool] = queue.Queue()  # True: one more token; False: no more

    def work() -> None:
        try:
            streamer = _IntoQueue(tokens, wanted)
            generate(network, [prompt], stop_ids, max_new_tokens, decoding, matcher=matcher, streamer=streamer)
            tokens.put(None)
        except BaseException as error:  # raised in the caller's thread below
            tokens.put(error)

    thread = threading.Thread(target=work, name="gradschool-stream", daemon=True)
    thread.start()
    try:
        wanted.put(True)
        while (token := tokens.get()) is not None:
            if isinstance(token, BaseException):
                raise token
            yield token
            wanted.put(True)
    finally:
        wanted.put(False)
        thread.join()


class _IntoQueue(BaseStreamer):
    """Passes each new token on, then waits until the next one is wanted; the first value is the prompt.

    If no more tokens are wanted it raises _Unwanted, which ends `generate` at once. Stopping criteria would not do:
    versions of transformers differ in whether they run before or after the streamer.
    """

    def __init__(self, tokens: "queue.Queue[int | BaseException | None]", wanted: "queue.Queue[bool]") -> None:
        self._tokens, self._wanted = tokens, wanted
        self._prompt_seen = False

    def put(self, value: torch.Tensor) -> None:
        if self._prompt_seen:
            for token in value.flatten().tolist():
                self._tokens.put(int(token))
        self._prompt_seen = True
        if not self._wanted.get():
            raise _Unwanted

    def end(self) -> None:
        """Nothing to do: the end is when `generate` returns."""


class _Unwanted(Exception):
    """No more tokens are wanted."""


@torch.inference_mode()
def _step_of(network: "PreTrainedModel", rows: int, token: int) -> None:
    """A forward pass like those of `generate`, which cannot be repeated itself."""
    network(input_ids=torch.full((rows, 1), token, device=network.device), use_cache=False)


def _up_to_stop(row: list[int], stop_ids: Sequence[int]) -> list[int]:
    end = next((position for position, token in enumerate(row) if token in stop_ids), None)
    return row if end is None else row[: end + 1]

"""How a network reads: whether it can read packed rows, and how its last hidden states become logits.

Families differ, and new ones come; so nothing is believed. Each way is tried on a few tokens, against the network's
own plain forward, and one that does not give the same is not used.

Shapes: T tokens of a row, W width of the network, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from gradschool.model.attention import Layout, Segments, install, uninstall

# How far hidden states or logits may be apart, as a share of their size. Tokens that saw a neighbour's are off by
# tens of percent; bfloat16 rounds each number to half a percent.
TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-6}
ROUGH_TOLERANCE = 0.06
CHUNK_NUMBERS = 1 << 22  # logits that exist at once
TRIED_PREFIX, TRIED_SEGMENTS = 5, (3, 3, 6)
# What layers raise that do not take a packed row.
UNABLE = (RuntimeError, TypeError, ValueError, LookupError, AttributeError)


@dataclass(frozen=True, slots=True)
class Head:
    """The output layer, and what a family does to its logits: times `scale`, then bounded by `softcap`."""

    layer: nn.Linear
    scale: float = 1.0
    softcap: float | None = None

    def logits(self, hidden: Tensor) -> Tensor:
        """(…, W) -> (…, V)."""
        logits = nn.functional.linear(hidden, self.layer.weight, self.layer.bias)
        if self.scale != 1.0:
            logits = logits * self.scale
        return logits if self.softcap is None else torch.tanh(logits / self.softcap) * self.softcap

    @torch.inference_mode()
    def nats(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """How unlikely each target (K,) is after its hidden state (K, W), in nats, (K,); some at a time."""
        size = max(1, CHUNK_NUMBERS // self.layer.out_features)
        pieces = []
        for start in range(0, len(targets), size):
            probs = self.logits(hidden[start : start + size]).float().log_softmax(-1)
            pieces.append(-probs.gather(1, targets[start : start + size, None]).squeeze(1))
        return torch.cat(pieces)


@dataclass(frozen=True, slots=True)
class Reader:
    """A network with the ways of reading that were found to be exact for it.

    Without `packs` rows must be padded; without a `head` logits must come from the network itself.
    """

    network: PreTrainedModel
    packs: bool
    head: Head | None

    def hidden(self, token_ids: Tensor, positions: Tensor, layout: Layout) -> Tensor:
        """The last hidden states of a packed row: (1, T), (1, T) -> (T, W)."""
        # A mask of four dimensions counts as finished: none is made, and the layout takes its place.
        finished = torch.ones(1, 1, 1, 1, dtype=torch.bool, device=token_ids.device)
        output = self.network.get_decoder()(
            input_ids=token_ids, position_ids=positions, attention_mask=finished, use_cache=False, layout=layout
        )
        hidden: Tensor = output.last_hidden_state[0]
        return hidden


@torch.no_grad()
def reader_of(network: PreTrainedModel) -> Reader:
    """Find out how a network can be read; it keeps the attention that was found to be right."""
    was_training = network.training
    network.eval()
    try:
        if network.is_backend_compatible():
            uninstall(network)
        rows = _tried_rows(network)
        logits = [_logits(network, row) for row in rows]
        head = _head(network, rows[0], logits[0])
        packs = head is not None and network.is_backend_compatible() and _packs(network, head, rows, logits)
        return Reader(network, packs, head)
    finally:
        network.train(was_training)


def _head(network: PreTrainedModel, row: Tensor, logits: Tensor) -> Head | None:
    """The output layer, if it makes the network's logits out of its last hidden states."""
    layer, config = network.get_output_embeddings(), network.config.get_text_config()
    if not isinstance(layer, nn.Linear):
        return None
    scale = getattr(config, "logit_scale", None) or 1 / (getattr(config, "logits_scaling", None) or 1.0)
    head = Head(layer, scale, getattr(config, "final_logit_softcapping", None))
    try:
        hidden = network.get_decoder()(input_ids=row[None], use_cache=False).last_hidden_state[0]
        return head if _close(head.logits(hidden), logits) else None
    except UNABLE:
        return None


def _packs(network: PreTrainedModel, head: Head, rows: Sequence[Tensor], logits: Sequence[Tensor]) -> bool:
    """Whether rows give the same end to end behind their prefix as each alone, and alone the same as before.

    If they do, the network keeps the attention that does it.
    """
    own = [row[TRIED_PREFIX:] for row in rows]
    token_ids = torch.cat([rows[0][:TRIED_PREFIX], *own])[None]
    places = [torch.arange(TRIED_PREFIX, len(row)) for row in rows]
    positions = torch.cat([torch.arange(TRIED_PREFIX), *places])[None].to(token_ids.device)
    layout = Segments(TRIED_PREFIX, tuple((sum(1 for _ in alike), length) for length, alike in groupby(TRIED_SEGMENTS)))
    install(network)
    try:
        packed = head.logits(Reader(network, True, head).hidden(token_ids, positions, layout))[TRIED_PREFIX:]
        window = getattr(network.config.get_text_config(), "sliding_window", None)
        if window and not any(layout.windows()):
            raise ValueError("The tried rows are shorter than the window, and no layer said that it has one.")
        pairs = zip(packed.split_with_sizes(TRIED_SEGMENTS), (line[TRIED_PREFIX:] for line in logits), strict=True)
        if all(_close(part, alone) for part, alone in pairs) and all(
            _close(_logits(network, row), before) for row, before in zip(rows, logits, strict=True)
        ):
            return True
    except UNABLE:
        pass
    uninstall(network)
    return False


def _tried_rows(network: PreTrainedModel) -> list[Tensor]:
    """Rows of any tokens that begin alike."""
    vocabulary = network.config.get_text_config().vocab_size
    draw = torch.Generator().manual_seed(0)
    lengths = [TRIED_PREFIX, *TRIED_SEGMENTS]
    prefix, *own = (
        torch.randint(vocabulary, (sum(lengths),), generator=draw).to(network.device).split_with_sizes(lengths)
    )
    return [torch.cat([prefix, segment]) for segment in own]


def _logits(network: PreTrainedModel, row: Tensor) -> Tensor:
    logits: Tensor = network(input_ids=row[None], use_cache=False).logits[0]
    return logits


def _close(one: Tensor, other: Tensor) -> bool:
    apart = (one.double() - other.double()).norm() / other.double().norm()
    return bool(apart <= TOLERANCE.get(other.dtype, ROUGH_TOLERANCE))

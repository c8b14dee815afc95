"""How to read with a network: whether it reads packed rows exactly, and how its hidden states become logits.

Families of models differ, so nothing is assumed. Both shortcuts are tested on a few tokens against the network's own
forward pass, and are only used if the results agree.

Shapes: T tokens of a row, W width of the network, V vocabulary.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from gradschool.model.attention import Layout, Segments, install, uninstall
from gradschool.model.eyes import Eyes, positions_in, reach_in
from gradschool.model.seeing import SeeingEmbedding, eyes_in
from gradschool.model.threads import Threads

# The allowed relative difference of logits. It is tens of percent if tokens attend to another segment; bfloat16 rounds
# each number to half a percent.
TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-6}
LOW_PRECISION_TOLERANCE = 0.06
CHUNK_NUMBERS = 1 << 22  # logits in memory at once
TEST_PREFIX, TEST_SEGMENTS = 5, (3, 3, 6)
# Errors of layers that do not accept a packed row.
UNSUPPORTED = (RuntimeError, TypeError, ValueError, LookupError, AttributeError)


@dataclass(frozen=True, slots=True)
class Head:
    """The output layer, and how a family changes its logits: scaled by `scale`, then bounded by `softcap`."""

    layer: nn.Linear
    scale: float = 1.0
    softcap: float | None = None

    def logits(self, hidden: Tensor) -> Tensor:
        """(…, W) -> (…, V)."""
        logits = nn.functional.linear(hidden, self.layer.weight, self.layer.bias)
        if self.scale != 1.0:
            logits = logits * self.scale
        return logits if self.softcap is None else torch.tanh(logits / self.softcap) * self.softcap

    def nats(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """-log p of each target (K,) given its hidden state (K, W), in nats, (K,)."""
        return self.predictions(hidden, targets)[0]

    @torch.inference_mode()
    def predictions(self, hidden: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """-log p of each target (K,) given its hidden state (K, W), in nats, and whether it is the likeliest token.

        Two tensors (K,), computed in chunks.
        """
        size = max(1, CHUNK_NUMBERS // self.layer.out_features)
        nats, greedy = [], []
        for start in range(0, len(targets), size):
            log_probs = self.logits(hidden[start : start + size]).float().log_softmax(-1)
            chunk = targets[start : start + size]
            nats.append(-log_probs.gather(1, chunk[:, None]).squeeze(1))
            greedy.append(log_probs.max(-1).indices == chunk)
        return torch.cat(nats), torch.cat(greedy)


@dataclass(frozen=True, slots=True)
class Reader:
    """A network, and the shortcuts that are exact for it.

    If it does not pack, rows must be padded; if it has no `head`, logits must come from its forward pass.
    """

    network: PreTrainedModel
    packs: bool
    head: Head | None
    threads: Threads = field(default_factory=Threads)  # for decode steps

    @property
    def eyes(self) -> Eyes | None:
        """The eyes of the network; None if it reads no images."""
        return eyes_in(self.network)

    def hidden(self, token_ids: Tensor, positions: Tensor, layout: Layout) -> Tensor:
        """The last hidden states of a packed row: (1, T), (1, T) -> (T, W)."""
        # transformers uses a mask of four dimensions as it is; the layout replaces it.
        mask = torch.ones(1, 1, 1, 1, dtype=torch.bool, device=token_ids.device)
        layer = self.network.get_input_embeddings()
        if isinstance(layer, SeeingEmbedding):
            inputs = layer.inputs(token_ids, positions)
        else:
            inputs = {"input_ids": token_ids, "position_ids": positions}
        output = self.network.get_decoder()(**inputs, attention_mask=mask, use_cache=False, layout=layout)
        hidden: Tensor = output.last_hidden_state[0]
        return hidden


def logits_at(network: PreTrainedModel, columns: Tensor, **inputs: Tensor) -> Tensor:
    """The logits of a network's own forward pass at these positions (K,) of each row: (rows, K, V).

    Families whose forward pass takes `logits_to_keep` compute only these.
    """
    keep = {"logits_to_keep": columns} if "logits_to_keep" in inspect.signature(network.forward).parameters else {}
    logits: Tensor = network(**inputs, use_cache=False, **keep).logits
    return logits if keep else logits[:, columns]


@torch.inference_mode()
def next_logits(reader: Reader, prompt: Sequence[int]) -> Tensor:
    """The logits (V,) after a prompt: by the network's own forward pass, or packed if only that reads its images."""
    ids = torch.tensor([list(prompt)], device=reader.network.device)
    if reader.head is not None and (eyes := reader.eyes) and eyes.packed_only:
        positions = torch.tensor([positions_in(eyes, prompt)[:-1]], device=ids.device)
        layout = Segments(0, ((1, len(prompt)),), (None, reach_in(eyes, [prompt], 0)))
        return reader.head.logits(reader.hidden(ids, positions, layout)[-1])
    return logits_at(reader.network, torch.tensor([len(prompt) - 1], device=ids.device), input_ids=ids)[0, 0]


@torch.no_grad()
def reader_of(network: PreTrainedModel, threads: Threads | None = None) -> Reader:
    """Test how a network can be read; it keeps the attention that packed rows need if they are exact."""
    was_training = network.training
    network.eval()
    try:
        if network.is_backend_compatible():
            uninstall(network)
        rows = _test_rows(network)
        logits = [_logits(network, row) for row in rows]
        head = _head(network, rows[0], logits[0])
        packs = head is not None and network.is_backend_compatible() and _packs(network, head, rows, logits)
        return Reader(network, packs, head, threads or Threads())
    finally:
        network.train(was_training)


def _head(network: PreTrainedModel, row: Tensor, logits: Tensor) -> Head | None:
    """The output layer, if it computes the network's logits from its last hidden states."""
    layer, config = network.get_output_embeddings(), network.config.get_text_config()
    if not isinstance(layer, nn.Linear):
        return None
    scale = getattr(config, "logit_scale", None) or 1 / (getattr(config, "logits_scaling", None) or 1.0)
    head = Head(layer, scale, getattr(config, "final_logit_softcapping", None))
    try:
        hidden = network.get_decoder()(input_ids=row[None], use_cache=False).last_hidden_state[0]
        return head if _close(head.logits(hidden), logits) else None
    except UNSUPPORTED:
        return None


def _packs(network: PreTrainedModel, head: Head, rows: Sequence[Tensor], logits: Sequence[Tensor]) -> bool:
    """Whether packed rows have the same logits as each row alone, and single rows the same as before.

    If so, the network keeps our attention.
    """
    own = [row[TEST_PREFIX:] for row in rows]
    token_ids = torch.cat([rows[0][:TEST_PREFIX], *own])[None]
    later = [torch.arange(TEST_PREFIX, len(row)) for row in rows]
    positions = torch.cat([torch.arange(TEST_PREFIX), *later])[None].to(token_ids.device)
    layout = Segments(TEST_PREFIX, tuple((sum(1 for _ in alike), length) for length, alike in groupby(TEST_SEGMENTS)))
    install(network)
    try:
        packed = head.logits(Reader(network, True, head).hidden(token_ids, positions, layout))[TEST_PREFIX:]
        window = getattr(network.config.get_text_config(), "sliding_window", None)
        if window and not any(layout.windows()):
            raise ValueError("The test rows are shorter than the sliding window, and no layer reported one.")
        pairs = zip(packed.split_with_sizes(TEST_SEGMENTS), (line[TEST_PREFIX:] for line in logits), strict=True)
        if all(_close(part, alone) for part, alone in pairs) and all(
            _close(_logits(network, row), before) for row, before in zip(rows, logits, strict=True)
        ):
            return True
    except UNSUPPORTED:
        pass
    uninstall(network)
    return False


def _test_rows(network: PreTrainedModel) -> list[Tensor]:
    """Rows of random tokens with a common prefix."""
    vocabulary = network.config.get_text_config().vocab_size
    generator = torch.Generator().manual_seed(0)
    lengths = [TEST_PREFIX, *TEST_SEGMENTS]
    prefix, *own = (
        torch.randint(vocabulary, (sum(lengths),), generator=generator).to(network.device).split_with_sizes(lengths)
    )
    return [torch.cat([prefix, segment]) for segment in own]


def _logits(network: PreTrainedModel, row: Tensor) -> Tensor:
    logits: Tensor = network(input_ids=row[None], use_cache=False).logits[0]
    return logits


def _close(one: Tensor, other: Tensor) -> bool:
    difference = (one.double() - other.double()).norm() / other.double().norm()
    return bool(difference <= TOLERANCE.get(other.dtype, LOW_PRECISION_TOLERANCE))

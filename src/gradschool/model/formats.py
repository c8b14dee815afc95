"""The number format to compute in, float32 or bfloat16: timed with some layers of the base on this processor.

A CPU with instructions for bfloat16 may be two to three times as fast in it, or slower with small layers; one without
them emulates it. No rule holds for every base and processor, so an answer step and a training step are timed in both.
The layers have the shape of the base and random weights, so that nothing is loaded for this, and they are as many as do
not fit into a cache. What was measured is remembered, since every command that opens the base needs it.
"""

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import torch
from pydantic import TypeAdapter
from transformers import PreTrainedConfig, PreTrainedModel

from gradschool.environment import environment
from gradschool.errors import DamagedError, ResourceError
from gradschool.files import sha256_of
from gradschool.model.lora import attach
from gradschool.model.memory import without_weights
from gradschool.remembered import Remembered

FORMATS: dict[str, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}
GAIN = 1.15  # how much faster bfloat16 must be: float32 rounds less, and gives the same answer in any batch
SHARE = 128 << 20  # bytes of weights in float32 that are timed at least, if the base has so many
MAX_LAYERS = 64
VOCABULARY = 4096  # tokens: larger ones take the same share of time in both formats
ROWS, TOKENS, RANK = 4, 32, 8  # of an answer step: rows; of a training step: tokens, and the rank of LoRA layers
HOPELESS = 8.0  # if bfloat16 is so many times slower in an answer step, no training step is timed in it
LONG_STEP = 1.0  # seconds; a longer step is timed once, a shorter one three times


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of a step by the name of the format; a format that was not timed is hopelessly slow."""

    answering: dict[str, float] = field(default_factory=dict)
    training: dict[str, float] = field(default_factory=dict)


KNOWN: Remembered[dict[str, Times]] = Remembered(
    "formats.json", TypeAdapter(dict[str, Times]), {}, "number formats are then timed again"
)


def faster(seconds: Mapping[str, float]) -> str:
    """The format to choose: bfloat16 if it is clearly faster, else float32."""
    return "bfloat16" if seconds.get("bfloat16", float("inf")) * GAIN < seconds["float32"] else "float32"


def in_words(seconds: Mapping[str, float], step: str) -> str:
    """What was measured, for a note."""
    if "bfloat16" not in seconds:
        return f"bfloat16 is over {HOPELESS:g} times slower in an answer step here"
    each = " and ".join(f"{1000 * seconds[name]:.2g} ms in {name}" for name in FORMATS)
    return f"{step} with some layers of this base takes {each}"


def times_of(config: PreTrainedConfig, device: torch.device, stored: int) -> Times | None:
    """The times of steps of a base with this config and so many bytes of weights; None if they cannot be timed.

    They are measured once for each shape, processor, number of threads and version of torch.
    """
    key = sha256_of([_shape(config), environment().processor, device.type, torch.get_num_threads(), torch.__version__])
    with contextlib.suppress(ResourceError, DamagedError):
        if found := KNOWN.read().get(key):
            return found
    try:
        times = measure(partial(_layers, config, device=device, stored=stored))
    except Exception:  # layers of a rare family may need more than token ids
        return None
    with contextlib.suppress(ResourceError, DamagedError):
        KNOWN.change(lambda known: {**known, key: known.get(key, times)})
    return times


def measure(layers: Callable[[torch.dtype], PreTrainedModel], clock: Callable[[], float] = time.perf_counter) -> Times:
    """Time an answer step and a training step in each format; `layers` makes a network in a format."""
    answering, training = dict[str, float](), dict[str, float]()
    for name, dtype in FORMATS.items():
        network = layers(dtype)
        answering[name] = _seconds(partial(_answer, network), clock)
        if answering[name] < HOPELESS * answering["float32"]:
            attach(network, RANK, RANK, seed=0)
            training[name] = _seconds(partial(_train, network), clock)
    return Times(answering, training)


def _seconds(step: Callable[[], None], clock: Callable[[], float]) -> float:
    """The shortest duration of a step, after one that warms up."""
    least = float("inf")
    for number in range(4):
        began = clock()
        step()
        took = clock() - began
        if number or took > LONG_STEP:
            least = min(least, took)
        if took > LONG_STEP:
            break
    return least


@torch.no_grad()
def _answer(network: PreTrainedModel) -> None:
    network(input_ids=torch.ones(ROWS, 1, dtype=torch.long, device=network.device), use_cache=False)


def _train(network: PreTrainedModel) -> None:
    ids = torch.arange(TOKENS, device=network.device)[None] % network.config.get_text_config().vocab_size
    network(input_ids=ids, use_cache=False).logits.float().logsumexp(-1).mean().backward()
    network.zero_grad(set_to_none=True)


def _layers(config: PreTrainedConfig, dtype: torch.dtype, device: torch.device, stored: int) -> PreTrainedModel:
    """Some layers of a base, with random weights and a small vocabulary.

    Raises ValueError for a config whose layer has more weights than the files.
    """
    small = type(config).from_dict(config.to_dict())
    text = small.get_text_config()
    text.vocab_size = min(text.vocab_size, VOCABULARY)
    for name in ("pad_token_id", "bos_token_id", "eos_token_id"):
        setattr(text, name, None)
    depth, one = int(text.num_hidden_layers), without_weights(small, torch.float32, 1)
    width = sum(weight.numel() for weight in one.parameters()) - 2 * text.vocab_size * text.hidden_size
    if width > stored:
        raise ValueError(f"A layer has {width} weights, and the files have {stored} bytes.")
    network = without_weights(small, dtype, min(depth, MAX_LAYERS, max(1, SHARE // (4 * max(width, 1)))))
    network.to_empty(device=device)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for tensor in (*network.parameters(), *network.buffers()):
            if tensor.is_floating_point():
                torch.nn.init.normal_(tensor, std=0.02)
    network.eval().requires_grad_(False)
    return network


def _shape(config: PreTrainedConfig) -> dict[str, object]:
    """What the time of a layer depends on."""
    text = config.get_text_config()
    names = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads")
    return {"kind": config.model_type} | {
        name: getattr(text, name, None) for name in (*names, "head_dim", "vocab_size")
    }

"""Whether the header of a GGUF file makes sense, before anything is built by it: files of others can contain anything.

llama.cpp would refuse most of this too, but only after transformers has built the network and the tokenizer.
"""

import math
from collections import Counter
from collections.abc import Iterator

from gradschool.model.gguf_header import ALIGNMENT, EMBEDDING, Header, damaged

MAX_NUMBER = 1 << 31  # of a field about the network: layers, heads, widths, tokens of context
POSITIVE = (  # fields of the family that no network has as zero
    *("block_count", "context_length", "embedding_length", "attention.key_length", "attention.value_length"),
    *("attention.layer_norm_rms_epsilon", "attention.layer_norm_epsilon", "rope.freq_base"),
)
TOKENS, MERGES = "tokenizer.ggml.tokens", "tokenizer.ggml.merges"
MAX_MERGES = 16  # for each token


def refuse_unsound(parts: tuple[Header, ...]) -> None:
    """Raise ModelError for a file whose numbers contradict each other, or that no network can have."""
    first = parts[0]
    for header in parts:
        for why in _of_tensors(header):
            raise damaged(header.path, why)
    rows = next((one.shape[0] for part in parts for one in part.tensors if one.name == EMBEDDING and one.shape), None)
    for why in (*_of_network(first), *_of_tokenizer(first, rows)):
        raise damaged(first.path, why)


def _of_tensors(header: Header) -> Iterator[str]:
    alignment = header.number("general.alignment") or ALIGNMENT
    if alignment % 8:
        yield f"Its alignment is {alignment}, and a multiple of 8 is expected."
    twice = [name for name, count in Counter(one.name for one in header.tensors).items() if count > 1]
    if twice:
        yield f"The tensor {twice[0]!r} is in it twice."
    end, before = 0, ""
    for one in sorted(header.tensors, key=lambda tensor: tensor.offset):
        if 0 in one.shape:
            yield f"The tensor {one.name!r} has the shape {one.shape}."
        if one.offset % alignment:
            yield f"The tensor {one.name!r} begins at byte {one.offset}, which is no multiple of {alignment}."
        if one.offset < end:
            yield f"The tensors {before!r} and {one.name!r} overlap."
        end, before = one.offset + one.bytes, one.name


def _of_network(header: Header) -> Iterator[str]:
    prefix = f"{header.architecture}."
    for name, value in header.fields.items():
        if name.startswith(prefix) and isinstance(value, int | float) and not abs(value) < MAX_NUMBER:  # also for NaN
            yield f"The field {name} is {value:,}."
    for name in POSITIVE:
        value = header.own(name)
        if isinstance(value, int | float) and not (math.isfinite(value) and value > 0):
            yield f"The field {prefix}{name} is {value}."


def _of_tokenizer(header: Header, rows: int | None) -> Iterator[str]:
    tokens, merges = header.number(TOKENS), header.number(MERGES)
    if rows is not None and tokens > rows:
        yield f"It has {tokens:,} tokens, and weights for {rows:,} of them."
    if merges > MAX_MERGES * max(1, tokens):
        yield f"It has {merges:,} rules to merge {tokens:,} tokens."

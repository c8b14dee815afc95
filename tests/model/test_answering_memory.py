"""The memory of answering: what is counted without weights is what a network with weights holds while it answers."""

import gc
import weakref
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor
from torch.overrides import TorchFunctionMode

import tiny
from gradschool.model.answering_memory import AnsweringMemory
from gradschool.model.decoding import decode
from gradschool.model.kv_cache import GROWTH, slot_tokens
from gradschool.model.memory import HEAP_OVERHEAD, MATMUL_BUFFERS, Device, kv_cache_bytes
from gradschool.model.reader import reader_of
from gradschool.records import Decoding

GPU, CPU = Device("cuda", torch.float32), Device("cpu", torch.float32)


class Live(TorchFunctionMode):
    """Bytes of the tensors that exist at the same time, by where their numbers are."""

    def __init__(self, own: list[Tensor]) -> None:
        super().__init__()
        self.own = {tensor.untyped_storage().data_ptr() for tensor in own}
        self.tensors: dict[int, tuple[weakref.ref[Tensor], int, int]] = {}
        self.peak = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        results = func(*args, **(kwargs or {}))
        for result in results if isinstance(results, (tuple, list)) else (results,):
            if isinstance(result, Tensor):
                storage = result.untyped_storage()
                self.tensors[id(result)] = weakref.ref(result), storage.data_ptr(), storage.nbytes()
        self.tensors = {name: held for name, held in self.tensors.items() if held[0]() is not None}
        alive = {place: size for _, place, size in self.tensors.values()}
        self.peak = max(self.peak, sum(size for place, size in alive.items() if place not in self.own))
        return results


def answering(family: str, rows: int, prompt: int, new: int, shared: int) -> int:
    """The most bytes of tensors while rows are answered, besides the weights."""
    network = tiny.network(family)
    reader = reader_of(network)
    assert reader.packs
    prompts = {n: [7] * shared + [20 + n] * (prompt - shared) for n in range(rows)}
    own = [*network.parameters(), *network.buffers()]
    gc.collect()
    live = Live(own)
    with live:
        for _ in decode(reader, prompts, (), dict.fromkeys(prompts, new), Decoding(), slots=rows):
            pass
    return live.peak


def on_heap(memory: AnsweringMemory, rows: int, prompt: int, new: int, shared: int = 0) -> float:
    """The bytes of tensors in an estimate for a processor, besides the weights."""
    return (memory.total(rows, prompt, new, shared) - memory.base - MATMUL_BUFFERS) / HEAP_OVERHEAD


@pytest.mark.parametrize(("rows", "prompt", "new", "shared"), [(6, 40, 3, 0), (5, 30, 70, 0), (6, 40, 30, 25)])
@pytest.mark.parametrize("family", ["llama", "gemma3", "phi3"])
def test_the_counted_bytes_are_those_of_a_network_that_answers(
    family: str, rows: int, prompt: int, new: int, shared: int
) -> None:
    memory = AnsweringMemory(tiny.network(family).config, CPU)
    counted = on_heap(memory, rows, prompt, new, shared)
    assert counted == pytest.approx(answering(family, rows, prompt, new, shared), rel=0.1)


def test_only_a_processor_stores_the_scores_of_short_rows() -> None:
    config = tiny.network("llama").config
    gpu, cpu = AnsweringMemory(config, GPU), AnsweringMemory(config, CPU)
    scores = 8 * 4 * 60 * 60 * 4
    assert on_heap(cpu, 8, 60, 3) - (gpu.total(8, 60, 3) - gpu.base) > scores


def test_rows_in_a_batch_need_their_slots_of_the_kv_cache() -> None:
    config = tiny.network("llama").config
    memory, per_token = AnsweringMemory(config, GPU), kv_cache_bytes(config, torch.float32)
    assert memory.base == 4 * sum(parameter.numel() for parameter in tiny.network("llama").parameters())
    # Prompts are read in passes of the same size, whatever the number of rows.
    slot = slot_tokens(20_001)
    assert slot % GROWTH == 0
    assert memory.total(8, 20_000, 1) - memory.total(4, 20_000, 1) == 4 * slot * per_token
    # A common prefix is cached once.
    assert memory.total(8, 2_000, 1) - memory.total(8, 2_000, 1, shared=1_900) > 2 * 1_900 * per_token
    # With long answers the peak is at their end, where the slots of a layer exist twice while they are enlarged.
    longer = memory.total(8, 100, 9_000) - memory.total(8, 100, 8_000)
    assert 1.4 * 8 * 1_000 * per_token < longer < 2.2 * 8 * 1_000 * per_token


def test_a_pass_over_a_long_common_prefix_counts() -> None:
    memory = AnsweringMemory(tiny.network("llama").config, GPU)
    assert memory.total(1, 8_001, 1, shared=8_000) > memory.total(1, 4_001, 1, shared=4_000) * 1.5


def test_a_family_that_cannot_be_counted_is_estimated() -> None:
    config = transformers.BloomConfig(vocab_size=320, hidden_size=32, n_layer=2, n_head=4)
    memory = AnsweringMemory(config, GPU)
    assert memory.total(2, 100, 8) > memory.base + 200 * 4 * 128 * 4

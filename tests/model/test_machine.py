"""Device, number format and memory: a container's limits are respected, and each choice has a reason."""

from pathlib import Path

import psutil
import pytest
import torch

import tiny
from gradschool.model import local, machine
from gradschool.model.formats import Times
from gradschool.model.local import LocalEngine
from gradschool.model.machine import SMALL, choose_dtype, format_for, training_dtype
from gradschool.model.memory import free_bytes, kv_cache_bytes, rows_at_once
from gradschool.records import NumberFormat

CPU = torch.device("cpu")


@pytest.mark.parametrize("knows", [True, False])
def test_small_bases_compute_in_float32_and_large_ones_in_what_the_cpu_supports(
    knows: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "cpu_has_bfloat16", lambda: knows)
    assert choose_dtype(tiny.save_model(tmp_path), CPU)[0] == torch.float32
    dtype, reason = format_for(SMALL + 1, CPU)
    assert dtype == (torch.bfloat16 if knows else torch.float32) and str(dtype).removeprefix("torch.") in reason
    huge = psutil.virtual_memory().total
    assert format_for(huge, CPU)[0] == torch.bfloat16


def timed(monkeypatch: pytest.MonkeyPatch, answering: dict[str, float], training: dict[str, float]) -> None:
    monkeypatch.setattr(machine, "times_of", lambda *_: Times(answering, training))


FAST, SLOW = {"float32": 0.3, "bfloat16": 0.1}, {"float32": 0.1, "bfloat16": 0.3}


def test_layers_are_trained_in_bfloat16_only_if_it_is_faster_and_the_weights_are_exact_in_it(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = LocalEngine(base).network
    timed(monkeypatch, SLOW, FAST)
    assert training_dtype(network) == (torch.float32, "float32: the base's weights are not exact in bfloat16")
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(weight.bfloat16())
    dtype, reason = training_dtype(network)
    assert dtype == torch.bfloat16 and "3e+02 ms in float32 and 1e+02 ms in bfloat16" in reason
    timed(monkeypatch, FAST, SLOW)
    assert training_dtype(network)[0] == torch.float32
    assert training_dtype(network.bfloat16())[0] == torch.float32  # numbers of bfloat16 are exact in float32
    timed(monkeypatch, SLOW, FAST)
    assert training_dtype(network.bfloat16())[0] == torch.bfloat16


@pytest.mark.parametrize("knows", [True, False])
@pytest.mark.parametrize(("seconds", "chosen"), [(FAST, torch.bfloat16), (SLOW, torch.float32)])
def test_a_large_base_answers_in_the_format_that_is_faster_here_whatever_the_cpu_claims(
    knows: bool, seconds: dict[str, float], chosen: torch.dtype, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "cpu_has_bfloat16", lambda: knows)
    monkeypatch.setattr(machine, "SMALL", 10)
    timed(monkeypatch, seconds, {})
    dtype, reason = choose_dtype(base, CPU)
    assert dtype == chosen and "an answer step with some layers of this base takes" in reason
    assert ("no instructions for bfloat16" in reason) is not knows
    monkeypatch.setattr(machine, "times_of", lambda *_: None)  # its layers cannot be timed
    assert choose_dtype(base, CPU)[0] == (torch.bfloat16 if knows else torch.float32)


def test_a_run_keeps_the_formats_that_it_began_with(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "choose_dtype", lambda *_: pytest.fail("it is chosen already"))
    monkeypatch.setattr(local, "training_dtype", lambda *_: pytest.fail("it is chosen already"))
    began, other = NumberFormat("bfloat16", "cpu", "as timed"), NumberFormat("float32", "cpu", "as timed too")
    engine = LocalEngine(base, answering=began, training=other)
    assert engine.network.dtype == torch.bfloat16 and engine.dtype_reason == "as timed"
    assert (engine.answering_format, engine.training_format, engine.training_dtype) == (began, other, torch.float32)


def test_another_device_chooses_anew(base: Path) -> None:
    engine = LocalEngine(base, answering=NumberFormat("bfloat16", "cuda"), training=NumberFormat("bfloat16", "cuda"))
    assert engine.answering_format.device == "cpu" and engine.network.dtype == torch.float32
    assert engine.training_format.name == "float32"


def test_free_memory_respects_the_limit_of_a_container(tmp_path: Path) -> None:
    machine_has = free_bytes(CPU, tmp_path)
    assert machine_has > 0
    (tmp_path / "memory.max").write_text("5000\n")
    (tmp_path / "memory.current").write_text("3000\n")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 700\nfile 9\n")
    assert free_bytes(CPU, tmp_path) == 2700
    (tmp_path / "memory.max").write_text("max\n")
    assert free_bytes(CPU, tmp_path) > 2700


def test_a_batch_has_as_many_rows_as_fit_into_memory(engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    config = engine.network.config
    per_token = kv_cache_bytes(config, torch.float32)
    assert per_token == 2 * 2 * 2 * 8 * 4  # keys and values, layers, heads, width, bytes
    monkeypatch.setattr("gradschool.model.memory.free_bytes", lambda _: 2 * 10 * 100 * per_token)
    assert rows_at_once(config, torch.float32, 100, CPU) == 10
    assert rows_at_once(config, torch.float32, 100_000, CPU) == 1
    assert rows_at_once(config, torch.float32, 1, CPU) == 64

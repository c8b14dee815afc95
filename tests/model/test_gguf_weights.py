"""The weights of a GGUF file: a conversion that is interrupted goes on, and what does not fit a network is refused."""

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import tiny
from finish import finish
from gradschool.errors import ModelError
from gradschool.export.families import gguf_tensors, write_sizes
from gradschool.model import gguf_weights
from gradschool.model.gguf_config import config_of_gguf
from gradschool.model.gguf_file import GgufFile, read_gguf
from gradschool.model.gguf_weights import INDEX, write_weights


def file_of(path: Path, leave_out: str = "", extra: str = "", **fields: Any) -> GgufFile:
    """A small random Llama as a file, without some of its tensors or with another one."""
    network = tiny.network("llama")
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("model")
    write_sizes(writer, network.config)
    writer.add_token_list([f"t{n}" for n in range(320)])
    for name, value in fields.items():
        writer.add_key_value(f"llama.{name}", value, gguf.GGUFValueType.get_type(value))
    tensors = {name: tensor.float().numpy() for name, tensor in gguf_tensors(network) if name != leave_out}
    if extra:
        tensors[extra] = np.ones((8, 8), dtype=np.float32)
    for name, tensor in tensors.items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return read_gguf(path)


def test_weights_are_those_of_the_network(tmp_path: Path) -> None:
    file = file_of(tmp_path / "x.gguf")
    _, events = finish(write_weights(file, config_of_gguf(file), torch.float32, tmp_path))
    found, expected = load_file(tmp_path / "model.safetensors"), tiny.network("llama").state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)
    assert events[-1].done == events[-1].total == sum(tensor.nbytes for tensor in found.values())


def test_an_interrupted_conversion_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gguf_weights, "SHARD", 20_000)
    file = file_of(tmp_path / "x.gguf")
    config = config_of_gguf(file)
    work = write_weights(file, config, torch.float32, tmp_path)
    while len(list(tmp_path.glob("*.safetensors"))) < 2:
        next(work)
    work.close()
    done = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.safetensors")}
    assert not (tmp_path / INDEX).exists()
    damaged = sorted(done)[0]
    damaged.write_bytes(damaged.read_bytes()[:-1])
    finish(write_weights(file, config, torch.float32, tmp_path))
    now = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.safetensors")}
    assert (tmp_path / INDEX).is_file() and len(now) > len(done)
    assert {path for path in done if now[path] == done[path]} == set(done) - {damaged}
    assert len({name for path in now for name in load_file(path)}) == len(tiny.network("llama").state_dict())


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"leave_out": "blk.1.ffn_up.weight"}, "1 of its weights are missing, such as model.layers.1.mlp.up_proj"),
        ({"extra": "blk.0.ffn_gate_inp.weight"}, "The tensor blk.0.ffn_gate_inp.weight has no place in it"),
        ({"feed_forward_length": 65}, r"has the shape .*, and \(65, 32\) is expected"),
    ],
)
def test_what_does_not_fit_the_network_is_named(changes: dict[str, Any], says: str, tmp_path: Path) -> None:
    file = file_of(tmp_path / "x.gguf", **changes)
    with pytest.raises(ModelError, match=says):
        finish(write_weights(file, config_of_gguf(file), torch.float32, tmp_path))
    assert not list(tmp_path.glob("*.safetensors"))


def test_weights_of_a_file_that_changes_meanwhile_get_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gguf_weights, "SHARD", 20_000)
    file = file_of(tmp_path / "x.gguf")
    still = iter([True, True, False])
    with pytest.raises(ModelError, match="changed while it was read"):
        finish(write_weights(file, config_of_gguf(file), torch.float32, tmp_path, lambda: next(still)))
    assert len(list(tmp_path.glob("*.safetensors"))) == 2

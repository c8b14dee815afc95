"""A LoRA adapter as a GGUF adapter for one file: names, layout, and what is refused."""

from pathlib import Path

import gguf
import pytest
import torch
from safetensors.torch import save_file

from gradschool.errors import ModelError
from gradschool.files import write_json
from gradschool.model.adapter import PREFIX, WEIGHTS, peft_config
from gradschool.model.gguf_file import read_gguf
from gradschool.model.kinds import ADAPTER
from gradschool.model.lora_gguf import About, convert_lora, sizes_of
from tiny_gguf import tiny_gguf

LAYER = "model.layers.0.self_attn.q_proj"
ABOUT = About("small", "base")


def adapter(folder: Path, rows: int = 8, columns: int = 4, layer: str = LAYER) -> Path:
    folder.mkdir()
    write_json(folder / ADAPTER, peft_config([layer], 2, 4, "base", None))
    torch.manual_seed(0)
    tensors = {"lora_A": torch.randn(2, columns), "lora_B": torch.randn(rows, 2)}
    save_file({f"{PREFIX}{layer}.{name}.weight": tensor for name, tensor in tensors.items()}, folder / WEIGHTS)
    return folder


def test_the_adapter_has_the_names_and_the_order_of_rows_of_the_file(tmp_path: Path) -> None:
    base = read_gguf(tiny_gguf(tmp_path / "b.gguf", **{"blk.0.attn_q.weight": (8, 4)}))
    convert_lora(adapter(tmp_path / "adapter"), base, tmp_path / "lora.gguf", ABOUT)
    reader = gguf.GGUFReader(tmp_path / "lora.gguf")
    found = {tensor.name: tensor.data for tensor in reader.tensors}
    assert found.keys() == {"blk.0.attn_q.weight.lora_a", "blk.0.attn_q.weight.lora_b"}
    torch.manual_seed(0)
    lora_a, lora_b = torch.randn(2, 4), torch.randn(8, 2)
    assert torch.equal(torch.tensor(found["blk.0.attn_q.weight.lora_a"]), lora_a)
    heads = lora_b.reshape(4, 2, 1, 2).transpose(1, 2).reshape(8, 2)  # adjacent pairs are rotated, not halves
    assert torch.equal(torch.tensor(found["blk.0.attn_q.weight.lora_b"]), heads)
    assert reader.fields["adapter.lora.alpha"].contents() == 4.0


@pytest.mark.parametrize("change", [{"rows": 6}, {"columns": 5}, {"layer": "model.layers.0.mlp.up_proj"}])
def test_an_adapter_of_another_base_is_refused(change: dict[str, object], tmp_path: Path) -> None:
    base = read_gguf(tiny_gguf(tmp_path / "b.gguf", **{"blk.0.attn_q.weight": (8, 4)}))
    with pytest.raises(ModelError, match="does not fit b"):
        convert_lora(adapter(tmp_path / "adapter", **change), base, tmp_path / "lora.gguf", ABOUT)  # type: ignore[arg-type]
    assert not (tmp_path / "lora.gguf").exists()


def test_a_layer_without_a_name_in_gguf_is_refused(tmp_path: Path) -> None:
    base = read_gguf(tiny_gguf(tmp_path / "b.gguf"))
    with pytest.raises(ModelError, match="no name for the layer"):
        convert_lora(adapter(tmp_path / "adapter", layer="model.odd"), base, tmp_path / "lora.gguf", ABOUT)


def test_a_family_without_a_known_layout_is_refused_with_those_that_are_known(tmp_path: Path) -> None:
    path = tiny_gguf(tmp_path / "b.gguf")
    path.write_bytes(path.read_bytes().replace(b"llama", b"mamba"))
    with pytest.raises(ModelError, match="cannot apply an adapter to b") as caught:
        sizes_of(read_gguf(path))
    assert "'mamba'" in caught.value.why and "qwen3" in caught.value.why and "gemma3" in caught.value.why

"""A folder whose weights are not those of its network is refused: what would be left out, random or no number."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from gradschool.errors import ModelError
from gradschool.model.local import LocalEngine
from gradschool.model.weights import refuse_packed

Tensors = dict[str, Tensor]
QUERY = "model.layers.0.self_attn.q_proj.weight"


def copy(base: Path, folder: Path, change: Callable[[Tensors], Tensors] = dict, **config: object) -> Path:
    made = Path(shutil.copytree(base, folder / "copy"))
    save_file(change(load_file(made / "model.safetensors")), made / "model.safetensors", {"format": "pt"})
    values = json.loads((made / "config.json").read_text()) | config
    (made / "config.json").write_text(json.dumps(values))
    return made


def with_lora(tensors: Tensors) -> Tensors:
    return tensors | {QUERY.replace("weight", "lora_A.weight"): torch.ones(2, 2)}


def unmerged(tensors: Tensors) -> Tensors:
    return {f"base_model.model.{name.replace('q_proj', 'q_proj.base_layer')}": one for name, one in tensors.items()}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (with_lora, "an adapter that is not merged"),
        (unmerged, "an adapter that is not merged"),
        (lambda tensors: {f"module.{name}": one for name, one in tensors.items()}, "names that do not fit"),
        (lambda tensors: {f"_orig_mod.{name}": one for name, one in tensors.items()}, "torch.compile"),
        (lambda tensors: {name: one for name, one in tensors.items() if name != QUERY}, "not complete"),
        (lambda tensors: tensors | {"model.norm.weight": torch.ones(3)}, "do not fit its config"),
        (lambda tensors: {name: one * float("nan") for name, one in tensors.items()}, "no finite numbers"),
        (lambda tensors: {name: one * 0 for name, one in tensors.items()}, "all equal"),
    ],
)
def test_weights_of_another_network_are_refused(
    change: Callable[[Tensors], Tensors], says: str, base: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=says) as caught:
        LocalEngine(copy(base, tmp_path, change))
    assert caught.value.why and caught.value.fix


@pytest.mark.parametrize("dtype", [torch.int8, torch.float8_e4m3fn, torch.float8_e5m2, torch.int32])
def test_quantized_weights_need_their_method(dtype: torch.dtype, base: Path, tmp_path: Path) -> None:
    """Without it they would be read as they stand, and answer noise; a config that names one is for its program."""

    def packed(tensors: Tensors) -> Tensors:
        return {name: one.to(dtype) if name == QUERY else one for name, one in tensors.items()}

    made = copy(base, tmp_path, packed)
    with pytest.raises(ModelError, match=r"are quantized, and its config\.json does not say how") as caught:
        LocalEngine(made)
    assert QUERY in caught.value.why and "as its makers published it" in caught.value.fix
    refuse_packed(made, {"quantization_config": {"quant_method": "fp8"}})


def test_a_mask_of_whole_numbers_is_no_quantized_weight(base: Path, tmp_path: Path) -> None:
    mask = {"model.layers.0.self_attn.bias": torch.ones(2, 2, dtype=torch.uint8)}
    refuse_packed(copy(base, tmp_path, lambda tensors: tensors | mask), {})


@pytest.mark.parametrize("head", ["LlamaForSequenceClassification", "BertForMaskedLM", "LlamaForTokenClassification"])
def test_a_classifier_is_no_base(head: str, base: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="writes no text"):
        LocalEngine(copy(base, tmp_path, architectures=[head]))


def test_layers_that_the_config_does_not_count_are_a_warning(base: Path, engine: LocalEngine, tmp_path: Path) -> None:
    fewer = LocalEngine(copy(base, tmp_path, num_hidden_layers=1))
    assert not engine.warnings and "counts fewer layers" in fewer.warnings[0]


def test_parts_of_other_kinds_are_left_out_without_a_word(base: Path, tmp_path: Path) -> None:
    folder = copy(base, tmp_path, lambda tensors: tensors | {"vision_tower.layers.0.weight": torch.ones(2)})
    assert not LocalEngine(folder).warnings


def test_quantized_weights_that_nothing_here_reads_name_their_form(base: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"quantized \(gptq\)") as caught:
        LocalEngine(copy(base, tmp_path, quantization_config={"quant_method": "gptq", "bits": 4}))
    assert "as its makers published it" in caught.value.fix

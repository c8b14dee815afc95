"""A converted network that predicts other tokens than llama.cpp is refused."""

from pathlib import Path

import pytest
import torch

import tiny
from gradschool.errors import ModelError
from gradschool.model.gguf_file import GgufFile, read_gguf
from gradschool.model.gguf_network import LIMIT, NextTokens, demand_equal_network
from stored_models import written

IDS = (5, 9, 200)


@pytest.fixture
def file(tmp_path: Path) -> GgufFile:
    return read_gguf(written(tmp_path / "x.gguf"))


def expected() -> NextTokens:
    """What a small network predicts, as llama.cpp would report it."""
    with torch.inference_mode():
        logits = tiny.network("llama")(input_ids=torch.tensor([IDS])).logits[0, -1]
    values, tokens = torch.log_softmax(logits, -1).topk(20)
    return NextTokens(IDS, dict(zip(tokens.tolist(), values.tolist(), strict=True)))


def test_the_same_network_is_accepted_and_others_are_not(file: GgufFile, tmp_path: Path) -> None:
    network = tiny.network("llama")
    network.save_pretrained(tmp_path / "same")
    demand_equal_network(tmp_path / "same", file, [expected()])
    network.model.layers[0].mlp.up_proj.weight.data.neg_()
    network.save_pretrained(tmp_path / "other")
    with pytest.raises(ModelError, match="does not compute what llama") as caught:
        demand_equal_network(tmp_path / "other", file, [expected()])
    assert f"limit {LIMIT}" in caught.value.why
    network.model.norm.weight.data.fill_(float("nan"))
    network.save_pretrained(tmp_path / "undefined")
    with pytest.raises(ModelError, match="does not compute"):
        demand_equal_network(tmp_path / "undefined", file, [expected()])

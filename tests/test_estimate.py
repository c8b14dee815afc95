"""What a base needs is told from its config: known sizes are right, growing, and what fits is said for each place."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import tiny
from gradschool import estimate as fit
from gradschool.cli import app
from gradschool.errors import ModelError
from gradschool.estimate import CARDS, Lengths, Place, config_of, fitting, known_bases, lengths_of
from gradschool.job import read_job
from gradschool.model.engine import POCKET

# Parameters in billions, as their makers count them.
PUBLISHED = {
    "pocket": 0.0058,
    "smollm2-135m": 0.135,
    "qwen2.5-0.5b": 0.494,
    "gemma-3-1b": 1.0,
    "llama-3.2-1b": 1.24,
    "gemma-2-2b": 2.61,
    "phi-3.5-mini": 3.82,
    "mistral-7b": 7.25,
    "llama-3.1-8b": 8.03,
    "qwen3-32b": 32.8,
    "llama-3.1-70b": 70.6,
}


@pytest.fixture(autouse=True)
def same_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor with 20 GB free, whatever machine this is."""
    monkeypatch.setattr(fit, "this_machine", lambda _: Place("here", "cpu", 20 * 10**9, torch.bfloat16))


def test_known_bases_have_the_parameters_that_were_published() -> None:
    assert set(PUBLISHED) <= set(known_bases())
    for name, billions in PUBLISHED.items():
        found = fitting(name, Lengths(longest=64), cards=())
        assert found.parameters / 1e9 == pytest.approx(billions, rel=0.01)


def test_pocket_is_the_one_that_is_built_in() -> None:
    config = json.loads((POCKET / "config.json").read_text())
    assert {key: config[key] for key in known_bases()["pocket"]} == known_bases()["pocket"]


def test_needs_grow_with_base_length_rank_and_way() -> None:
    def needs(base: str, **changes: int) -> dict[str, tuple[int, int]]:
        return {one.way: (one.least, one.ease) for one in fitting(base, Lengths(**changes), cards=()).fits}

    small, large = needs("qwen3-0.6b"), needs("qwen3-1.7b")
    longer, higher = needs("qwen3-0.6b", longest=2048), needs("qwen3-0.6b", rank=64)
    for way, (least, ease) in small.items():
        assert least < ease or way == "full"
        assert large[way] > small[way] and longer[way][0] > least
    assert higher["lora"][0] > small["lora"][0] and higher["full"] == small["full"]
    assert small["4-bit lora"][0] < small["lora"][0] < small["full"][0]


def test_each_place_is_told_what_is_possible_there() -> None:
    said = {one.way: one.places for one in fitting("llama-3.1-8b", Lengths()).fits}
    assert all(len(places) == 1 + len(CARDS) for places in said.values())
    assert set(said["full"]) == {"no"}
    assert said["answer"][1] == said["lora"][1] == "no" and said["lora"][-1] == "yes"
    assert said["4-bit lora"][CARDS.index(16) + 1] != "no"
    assert set(fitting("pocket", Lengths()).fits[1].places) == {"yes"}
    assert set(fitting("qwen2.5-72b", Lengths(), cards=(48,)).fits[1].places) == {"no"}


def test_a_folder_is_read_by_its_config_alone(tmp_path: Path) -> None:
    folder = tiny.save_model(tmp_path)
    for file in folder.glob("*.safetensors"):
        file.unlink()
    assert fitting(str(folder), Lengths(), cards=()).parameters == 39_072


@pytest.mark.parametrize("base", ["llama-3.1-9b", "owner/nothing here", "/nowhere"])
def test_an_unknown_base_is_an_error_that_names_the_nearest(base: str) -> None:
    with pytest.raises(ModelError, match="Nothing is known") as caught:
        config_of(base)
    assert "folder or a Hub id" in caught.value.fix


def test_a_hub_model_that_cannot_be_had_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def offline(*_: object) -> str:
        raise OSError("no network")

    monkeypatch.setattr(fit, "hf_hub_download", offline)
    with pytest.raises(ModelError, match="cannot be fetched"):
        config_of("owner/model")
    (tmp_path / "config.json").write_text("{")
    monkeypatch.setattr(fit, "hf_hub_download", lambda *_: str(tmp_path / "config.json"))
    with pytest.raises(ModelError, match="cannot be read"):
        config_of("owner/model")


def test_lengths_are_taken_from_a_job(tmp_path: Path) -> None:
    rows = [{"prompt": "x" * 30, "completion": "y" * 6}, {"prompt": "x" * 300, "completion": "y" * 90}]
    (tmp_path / "examples.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "job.toml").write_text('task = "Do it."\n[tune]\nrank = 8\n')
    lengths = lengths_of(read_job(tmp_path))
    assert lengths.longest >= (300 + 90) // 3 and lengths.new_tokens == 30
    assert lengths.rank == 8 and 0 < lengths.shared < lengths.longest


def test_the_command_shows_a_base_and_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = CliRunner().invoke(app, ["fit", "smollm2-135m", "--tokens", "200"])
    assert shown.exit_code == 0 and "135 M parameters" in shown.output and "20.0 GB free" in shown.output
    some = {name: known_bases()[name] for name in ("pocket", "gemma-3-1b")}
    monkeypatch.setattr(fit, "known_bases", lambda: some)
    listed = CliRunner().invoke(app, ["fit"])
    assert listed.exit_code == 0 and "pocket" in listed.output and "gemma-3-1b" in listed.output
    refused = CliRunner().invoke(app, ["fit", "nonsense"])
    assert refused.exit_code == 5

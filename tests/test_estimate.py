"""Memory estimates from a base's config: sizes are right and grow, and each device has a verdict."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import tiny
from gradschool import estimate
from gradschool.cli import app
from gradschool.errors import ModelError
from gradschool.estimate import CARDS, METHODS, Fit, config_of, devices_for, fits_of, known_bases, workload_of
from gradschool.job import read_job
from gradschool.model import machine
from gradschool.model.formats import Times
from gradschool.model.memory import Device, Workload, parameters_of
from gradschool.model.opening import POCKET
from gradschool.tune.memory import Method

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
    """A CPU with 20 GB free, on any machine."""
    monkeypatch.setattr(estimate, "this_machine", lambda *_: Device("cpu", torch.bfloat16, 20 * 10**9))


def fits(base: str, cards: tuple[int, ...] = (), methods: Sequence[Method] = METHODS, **changes: int) -> dict[str, Fit]:
    """What each use of a base needs."""
    config = config_of(base)
    devices = devices_for(config, parameters_of(config), cards)
    found = fits_of(config, Workload(**{"longest": 1024, **changes}), devices, methods)
    return {fit.use: fit for fit in found}


def test_known_bases_have_the_parameters_that_were_published() -> None:
    assert set(PUBLISHED) <= set(known_bases())
    for name, billions in PUBLISHED.items():
        assert parameters_of(config_of(name)) / 1e9 == pytest.approx(billions, rel=0.01)


def test_the_known_pocket_is_the_built_in_base() -> None:
    config = json.loads((POCKET / "config.json").read_text())
    assert {key: config[key] for key in known_bases()["pocket"]} == known_bases()["pocket"]


@pytest.mark.parametrize("chosen", ["float32", "bfloat16"])
def test_a_base_is_estimated_in_the_format_that_a_run_would_choose_here(
    chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # the machine as it is
    times = {"float32": 1.0, "bfloat16": 2.0 if chosen == "float32" else 0.1}
    monkeypatch.setattr(machine, "times_of", lambda *_: Times(times, times))
    monkeypatch.setattr(machine, "cpu_has_bfloat16", lambda: chosen == "float32")  # what it claims does not decide
    monkeypatch.setattr(machine, "free_memory", lambda: 20 * 10**9)
    monkeypatch.setattr(estimate, "choose_device", lambda: torch.device("cpu"))
    config = config_of("smollm2-135m")
    assert devices_for(config, parameters_of(config))[0].dtype == getattr(torch, chosen)


def test_memory_grows_with_base_length_rank_and_method() -> None:
    def memory(base: str, methods: Sequence[Method] = METHODS, **changes: int) -> dict[str, tuple[int, int]]:
        return {use: (fit.minimum, fit.comfortable) for use, fit in fits(base, methods=methods, **changes).items()}

    small, large = memory("qwen3-0.6b"), memory("qwen3-1.7b")
    longer, higher = memory("qwen3-0.6b", longest=2048), memory("qwen3-0.6b", ("lora", "full"), rank=64)
    for use, (minimum, comfortable) in small.items():
        assert minimum < comfortable or use == "full"
        assert large[use] > small[use] and longer[use][0] > minimum
    assert higher["lora"][0] > small["lora"][0] and higher["full"] == small["full"]
    assert small["4-bit lora"][0] < small["lora"][0] < small["full"][0]


def test_each_device_has_a_verdict() -> None:
    verdicts = {use: fit.devices for use, fit in fits("llama-3.1-8b", CARDS).items()}
    assert all(len(devices) == 1 + len(CARDS) for devices in verdicts.values())
    assert set(verdicts["full"]) == {"no"}
    assert verdicts["answer"][1] == verdicts["lora"][1] == "no" and verdicts["lora"][-1] == "yes"
    assert verdicts["4-bit lora"][CARDS.index(16) + 1] != "no"
    assert set(fits("pocket", CARDS, ("lora",))["lora"].devices) == {"yes"}
    assert set(fits("qwen2.5-72b", (48,), ("lora",))["lora"].devices) == {"no"}


def test_a_folder_is_read_by_its_config_alone(tmp_path: Path) -> None:
    folder = tiny.save_model(tmp_path)
    for file in folder.glob("*.safetensors"):
        file.unlink()
    assert parameters_of(config_of(str(folder))) == 39_072


@pytest.mark.parametrize("base", ["llama-3.1-9b", "owner/nothing here", "/nowhere"])
def test_an_unknown_base_is_an_error_that_names_the_nearest(base: str) -> None:
    with pytest.raises(ModelError, match="Nothing is known") as caught:
        config_of(base)
    assert "folder or a Hub id" in caught.value.fix


def test_a_hub_model_that_cannot_be_fetched_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def offline(*_: object, **__: object) -> str:
        raise OSError("no network")

    monkeypatch.setattr(estimate, "hf_hub_download", offline)
    with pytest.raises(ModelError, match="cannot be fetched"):
        config_of("https://huggingface.co/owner/model")

    def silent(*_: object, **__: object) -> str:
        raise OSError

    monkeypatch.setattr(estimate, "hf_hub_download", silent)
    with pytest.raises(ModelError, match="cannot be fetched") as caught:
        config_of("https://huggingface.co/owner/model")
    assert caught.value.why == "huggingface_hub: OSError"
    (tmp_path / "config.json").write_text("{")
    monkeypatch.setattr(estimate, "hf_hub_download", lambda *_, **__: str(tmp_path / "config.json"))
    with pytest.raises(ModelError, match="cannot be read"):
        config_of("https://huggingface.co/owner/model")


def test_the_workload_is_that_of_a_job(tmp_path: Path) -> None:
    rows = [{"prompt": "x" * 30, "completion": "y" * 6}, {"prompt": "x" * 300, "completion": "y" * 90}]
    (tmp_path / "examples.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "job.toml").write_text('task = "Do it."\n[tune]\nrank = 8\n')
    workload = workload_of(read_job(tmp_path))
    assert workload.longest >= (300 + 90) // 3 and workload.new_tokens == 30
    assert workload.rank == 8 and 0 < workload.shared < workload.longest


def test_the_command_shows_a_base_and_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = CliRunner().invoke(app, ["fit", "smollm2-135m", "--tokens", "200"])
    assert shown.exit_code == 0 and "135 M parameters" in shown.output and "20.0 GB free" in shown.output
    some = {name: known_bases()[name] for name in ("pocket", "gemma-3-1b")}
    monkeypatch.setattr(estimate, "known_bases", lambda: some)
    listed = CliRunner().invoke(app, ["fit"])
    assert listed.exit_code == 0 and "pocket" in listed.output and "gemma-3-1b" in listed.output
    refused = CliRunner().invoke(app, ["fit", "nonsense"])
    assert refused.exit_code == 5

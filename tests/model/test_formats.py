"""Number formats: an answer step and a training step of some layers of a base are timed in each."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig

import tiny
from gradschool.model import formats
from gradschool.model.formats import GAIN, HOPELESS, KNOWN, Times, faster, in_words, measure, times_of

CPU = torch.device("cpu")
PLENTY = 1 << 30


class Processor:
    """A clock that steps of a network advance by what they take in its format."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **bfloat16: float) -> None:
        self.now, self.steps = 0.0, list[tuple[str, torch.dtype]]()
        for step in ("answer", "train"):
            monkeypatch.setattr(formats, f"_{step}", self._step(step, bfloat16[step]))

    def _step(self, name: str, factor: float) -> Callable[[torch.nn.Module], None]:
        def step(network: torch.nn.Module) -> None:
            dtype = next(network.parameters()).dtype
            self.steps.append((name, dtype))
            self.now += 0.01 * (factor if dtype == torch.bfloat16 else 1.0)

        return step

    def times(self) -> Times:
        return measure(lambda dtype: tiny.network().to(dtype), clock=lambda: self.now)


def test_each_step_is_timed_in_each_format(monkeypatch: pytest.MonkeyPatch) -> None:
    times = Processor(monkeypatch, answer=0.5, train=2.0).times()
    assert times.answering == pytest.approx({"float32": 0.01, "bfloat16": 0.005})
    assert times.training == pytest.approx({"float32": 0.01, "bfloat16": 0.02})
    assert (faster(times.answering), faster(times.training)) == ("bfloat16", "float32")


def test_no_training_step_is_timed_in_a_format_that_is_hopelessly_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    processor = Processor(monkeypatch, answer=HOPELESS + 1, train=1.0)
    times = processor.times()
    assert ("train", torch.bfloat16) not in processor.steps
    assert faster(times.training) == "float32" and "8 times slower" in in_words(times.training, "a training step")


def test_a_long_step_is_timed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    processor = Processor(monkeypatch, answer=500.0, train=1.0)
    times = processor.times()
    assert processor.steps.count(("answer", torch.bfloat16)) == 1 and times.answering["bfloat16"] == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("ratio", "chosen"),
    [(0.5, "bfloat16"), (0.99 / GAIN, "bfloat16"), (0.95, "float32"), (1.0, "float32"), (9, "float32")],
)
def test_bfloat16_must_be_clearly_faster(ratio: float, chosen: str) -> None:
    assert faster({"float32": 0.2, "bfloat16": 0.2 * ratio}) == chosen


@pytest.mark.parametrize("family", ["llama", "qwen3", "gemma2", "gemma3", "phi3"])
def test_layers_of_every_family_can_be_timed(family: str) -> None:
    config = tiny.network(family).config
    times = measure(lambda dtype: formats._layers(config, dtype, CPU, PLENTY))
    assert all(set(one) >= {"float32"} for one in (times.answering, times.training))
    assert config.vocab_size == tiny.SIZES["vocab_size"]  # the base's own config is left as it is


def test_what_was_measured_is_remembered(base: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    config, found = AutoConfig.from_pretrained(base), Times({"float32": 1.0}, {"float32": 2.0})
    monkeypatch.setattr(formats, "measure", lambda layers: found)
    assert times_of(config, CPU, PLENTY) == found
    monkeypatch.setattr(formats, "measure", lambda layers: pytest.fail("it is known"))
    assert times_of(config, CPU, PLENTY) == found
    KNOWN.path.write_text("not JSON")
    monkeypatch.setattr(formats, "measure", lambda layers: found)
    assert times_of(config, CPU, PLENTY) == found  # a damaged file is no reason to stop


def test_a_config_whose_layers_are_larger_than_the_files_is_not_tried(base: Path) -> None:
    config = AutoConfig.from_pretrained(base)
    config.intermediate_size = 1 << 40
    assert times_of(config, CPU, 1 << 20) is None

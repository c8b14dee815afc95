"""Exports over a quantized base: they use the full weights, and must reach the score."""

from pathlib import Path

import pytest

from finish import finish
from gradschool.export.export import ExportOptions, export
from gradschool.package.forms import ExportRejected
from quantized import needs_bitsandbytes
from shipped import QUESTIONS, ship

pytestmark = needs_bitsandbytes


@pytest.fixture(scope="module")
def specialist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ship(tmp_path_factory.mktemp("four bits"), quantization="nf4")


def test_the_adapter_answers_as_the_specialist_and_other_forms_almost(specialist: Path, tmp_path: Path) -> None:
    exported, _ = finish(export(ExportOptions(specialist, "adapter", tmp_path / "out", max_drop=0.5)))
    over_four_bits, over_whole_weights = exported.table
    assert over_four_bits.form == "adapter" and over_four_bits.same_answers == len(QUESTIONS)
    assert over_whole_weights.form == "gguf adapter" and over_whole_weights.same_prompts == len(QUESTIONS)
    assert len(QUESTIONS) / 2 <= over_whole_weights.same_answers < len(QUESTIONS)
    assert all(result.sound for result in exported.table)


@pytest.mark.usefixtures("answered")
@pytest.mark.parametrize("to", ["merged", "gguf"])
def test_a_form_that_scores_too_low_without_quantization_is_rejected(to: str, specialist: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportRejected, match="the mean score changes by"):
        finish(export(ExportOptions(specialist, to, tmp_path / "out", number_format="f16")))  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()

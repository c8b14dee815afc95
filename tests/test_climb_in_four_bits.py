"""A climb over a base in 4 bits: the specialist is opened in 4 bits again and answers as it did in the test."""

import json
import tomllib
from pathlib import Path

import pytest

import small_job
from finish import finish
from gradschool import workspace
from gradschool.errors import UsageError
from gradschool.job import read_job
from gradschool.model.four_bits import in_four_bits
from gradschool.package.bundle import open_specialist
from gradschool.tune.world import World
from gradschool.workspace import check_job
from quantized import needs_bitsandbytes

pytestmark = needs_bitsandbytes


@pytest.mark.slow
def test_a_specialist_over_a_4_bit_base_is_opened_in_4_bits(base: Path, tmp_path: Path) -> None:
    job = small_job.write_job(tmp_path / "job", small_job.JOB.replace("[data]", 'quantization = "nf4"\n[data]', 1))
    result = small_job.run(
        "climb", job, "--run", tmp_path / "run", "--base-model", base, "--learning-rates", "0.01", "--verbose"
    )
    assert result.exit_code == 3, result.output
    assert "layers are quantized to 4 bits" in result.output
    [folder] = [path.parent for path in (tmp_path / "run").glob("**/specialist.toml")]
    manifest = tomllib.loads((folder / "specialist.toml").read_text())
    assert manifest["base"]["bits"] == "4"
    specialist, _ = finish(open_specialist(folder))
    assert in_four_bits(specialist.engine.network)
    climbed = json.loads((tmp_path / "run" / "done" / "climbed.json").read_text())
    assert any(one["rung"] == "tune" for one in climbed["results"])


def test_full_training_and_several_processes_are_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = small_job.JOB.replace("[data]", 'quantization = "nf4"\n[data]', 1)
    full = small_job.write_job(tmp_path / "full", text.replace("[tune]", '[tune]\nmethod = "full"'))
    with pytest.raises(UsageError, match="exclude each other"):
        check_job(read_job(full))
    lora = read_job(small_job.write_job(tmp_path / "lora", text))
    check_job(lora)
    monkeypatch.setattr(workspace, "current", lambda: World(0, 2))
    with pytest.raises(UsageError, match="one process only"):
        check_job(lora)

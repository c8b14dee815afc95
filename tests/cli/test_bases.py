"""The command `bases`: a list, one base in full, and the removal of what was converted and of nothing else."""

import json
from pathlib import Path

import pytest
from huggingface_hub import constants
from typer.testing import CliRunner

from gradschool.cli import app
from gradschool.model.gguf_cache import lock_of
from stored_models import stored, written


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with one model in Ollama's store."""
    for name, folder in (("HOME", ""), ("XDG_CACHE_HOME", "cache"), ("XDG_CONFIG_HOME", "config")):
        monkeypatch.setenv(name, str(tmp_path / folder))
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "ollama"))
    monkeypatch.setattr(constants, "HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
    content = written(tmp_path / "x.gguf", "grok").read_bytes()
    stored(tmp_path / "ollama", "tulip", "8b", {"model": content, "system": b"Be kind.", "template": b"{{ .Prompt }}"})
    return tmp_path


def run(*args: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["bases", *args])
    return result.exit_code, result.output


def converted(home: Path, digest: str, record: str = "gguf.json") -> Path:
    folder = home / "cache" / "gradschool" / "gguf" / digest
    folder.mkdir(parents=True)
    (folder / record).write_text(json.dumps({"sha256": digest, "name": "m"}))
    (folder / "model.safetensors").write_bytes(bytes(1000))
    return folder


def test_a_list_says_where_bases_are_from_and_whether_they_can_be_tuned() -> None:
    code, shown = run()
    assert code == 0 and "built in" in shown and "apache-2.0" in shown and "ollama:tulip:8b" in shown
    assert "family 'grok'" in shown and "bases get smollm2" in shown and "gradschool fit pocket" in shown
    found = {one["base_model"]: one for one in json.loads(CliRunner().invoke(app, ["bases", "--json"]).stdout)}
    assert found["pocket"]["tunable"] and found["pocket"]["tuning_bytes"] > 5e8
    assert not found["ollama:tulip:8b"]["tunable"] and "grok" in found["ollama:tulip:8b"]["problem"]


def test_one_base_is_shown_with_all_that_ollama_adds() -> None:
    code, shown = run("show", "ollama:tulip:8b")
    assert code == 0 and "Be kind." in shown and "{{ .Prompt }}" in shown and "Nothing of Ollama is applied" in shown
    code, shown = run("show", "ollama:tulp:8b")
    assert code == 5 and "did you mean 'tulip:8b'?" in " ".join(shown.split())
    assert run("show")[0] == 5 and run("show", "pockett")[0] == 5


def test_only_what_was_converted_is_removed(home: Path) -> None:
    kept, gone = converted(home, "a" * 64), converted(home, "b" * 64, "unfinished.json")
    assert "m@aaaaaaaa" in run()[1] and "not finished" in run()[1]
    code, shown = run("remove", "m@bbbbbbbb")
    assert code == 0 and "Removed" in shown and not gone.exists() and kept.exists()
    for name in ("pocket", "ollama:tulip:8b", "../..", str(home), "m"):
        code, shown = run("remove", name)
        assert code == 2 and "m@aaaaaaaa" in shown
    with lock_of(kept):
        code, shown = run("remove", "m@aaaaaaaa")
    assert code == 2 and "being converted by another process" in shown and kept.exists()
    assert (home / "x.gguf").exists()


def test_a_wrong_name_to_fetch_names_the_nearest() -> None:
    code, shown = run("get", "smolm2")
    assert code == 2 and "did you mean 'smollm2'?" in shown
    assert run("get")[0] == 2

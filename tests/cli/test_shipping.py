"""`gradschool export` and `gradschool bundle` as a user types them."""

from pathlib import Path

import pytest

from gradschool.export import merge, session
from shipped import ship
from small_job import run


@pytest.fixture(scope="module")
def specialist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ship(tmp_path_factory.mktemp("shipped"))


def test_an_export_shows_its_table_and_where_it_lies(
    specialist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run("export", specialist, "--to", "gguf", "--format", "f16")
    assert result.exit_code == 0
    assert "12 of 12 answers are identical to those scored in the climb" in result.output
    assert "gguf f16" in result.output and "12/12" in result.output and "accepted" in result.output
    assert "Written: exports/brief words-gguf" in result.output
    assert (tmp_path / "exports" / "brief words-gguf" / "README.md").is_file()


def test_a_refused_export_shows_the_table_too(
    specialist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "merged", lambda base, adapter: merge.merged(base, None))
    result = run("export", specialist, "--to", "merged", "-o", tmp_path / "out")
    assert result.exit_code == 5
    assert "rejected" in result.output and "First difference:" in result.output
    assert not (tmp_path / "out").exists()


def test_wrong_options_are_errors(specialist: Path, tmp_path: Path) -> None:
    assert run("export", specialist).exit_code == 2
    assert run("export", specialist, "--to", "onnx").exit_code == 2
    result = run("export", specialist, "--to", "merged", "--smallest")
    assert result.exit_code == 2 and "use --to gguf or ollama" in result.output
    assert run("export", tmp_path, "--to", "merged", "-o", tmp_path / "out").exit_code == 2


def test_a_bundle_is_copied_and_says_what_it_needs(specialist: Path, tmp_path: Path) -> None:
    result = run("bundle", specialist, tmp_path / "away")
    assert result.exit_code == 0 and "built-in base pocket" in result.output
    result = run("bundle", specialist, tmp_path / "whole", "--with-base")
    assert result.exit_code == 0 and "needs nothing else" in result.output
    assert (tmp_path / "whole" / "base" / "model.safetensors").is_file()

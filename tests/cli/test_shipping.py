"""`gradschool export` and `gradschool bundle` as a user types them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gradschool.export import export, merge, session
from gradschool.export.export import Exported
from gradschool.package.forms import ExportRejected, FormResult
from gradschool.records import Gate, Interval, Note, Score, Work
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


def test_an_export_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    score = Score(1.0, 2, 2, Interval(0.6, 1.0, 0.95))
    row = FormResult("merged", 9, None, 0.1, 2, 2, score, "passed", 8.0)
    refused = replace(row, gates=(Gate("answers", False, "1 of 2"),))
    monkeypatch.setattr(export, "export", lambda *_: _making(Exported(tmp_path / "out", (row,))))
    result = run("export", tmp_path, "--to", "merged", "--json")
    shown = json.loads(result.stdout)
    assert result.exit_code == 0 and shown["folder"] == str(tmp_path / "out") and shown["table"][0]["form"] == "merged"
    monkeypatch.setattr(export, "export", lambda *_: _making(ExportRejected([refused])))
    result = run("export", tmp_path, "--to", "merged", "--json")
    shown = json.loads(result.stdout)
    assert result.exit_code == 5 and shown["folder"] is None and shown["table"][0]["gates"][0]["held"] is False


def _making(made: Exported | ExportRejected) -> Work[Exported]:
    yield Note("made")
    if isinstance(made, ExportRejected):
        raise made
    return made


def test_wrong_options_are_errors(specialist: Path, tmp_path: Path) -> None:
    assert run("export", specialist).exit_code == 2
    assert run("export", specialist, "--to", "onnx").exit_code == 2
    result = run("export", specialist, "--to", "merged", "--smallest")
    assert result.exit_code == 2 and "use --to gguf or ollama" in result.output
    assert run("export", tmp_path, "--to", "merged", "-o", tmp_path / "out").exit_code == 2


def test_a_bundle_is_copied_and_says_what_it_needs(specialist: Path, tmp_path: Path) -> None:
    result = run("bundle", specialist, tmp_path / "away")
    assert result.exit_code == 0 and "built-in base pocket" in result.output
    result = run("bundle", specialist, tmp_path / "whole", "--with-base", "--json")
    assert result.exit_code == 0 and "needs nothing else" in json.loads(result.stdout)["needed"]
    assert (tmp_path / "whole" / "base" / "model.safetensors").is_file()

"""The adapter as a GGUF file for the very file of its base: tested as gradschool and as llama.cpp itself run it."""

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("xllamacpp")

from functools import partial

import small_job
from finish import finish
from gradschool.errors import DamagedError, UsageError
from gradschool.export import export as exporting
from gradschool.export import gguf_adapter
from gradschool.export.export import Exported, ExportOptions, export
from gradschool.export.session import ExportSession
from gradschool.model.gguf_file import GgufFile
from gradschool.model.lora_gguf import About
from gradschool.package.forms import ExportRejected, FormResult
from gradschool.package.manifest import read_manifest
from gradschool.records import Interval, Score, Work
from of_gguf import OfGguf
from shipped import ship


@pytest.fixture(autouse=True)
def cache(of_gguf: OfGguf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(of_gguf.cache))


@pytest.fixture(scope="module")
def opened(of_gguf: OfGguf) -> ExportSession:
    """The specialist and its answers, for exports that are compared with them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(of_gguf.cache))
        options = ExportOptions(of_gguf.specialist, "gguf-adapter")
        return finish(exporting.open_session(options, read_manifest(of_gguf.specialist)))[0]


@pytest.fixture(scope="module")
def exported(of_gguf: OfGguf, opened: ExportSession, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(of_gguf.cache))
        patch.setattr(exporting, "open_session", lambda *_: iter_of(opened))
        output = tmp_path_factory.mktemp("gguf-adapter") / "out"
        return finish(export(ExportOptions(of_gguf.specialist, "gguf-adapter", output)))[0]


def iter_of(opened: ExportSession) -> Work[ExportSession]:
    yield from ()
    return opened


def test_both_ways_to_run_it_answer_as_the_specialist(exported: Exported) -> None:
    assert [result.form for result in exported.table] == ["runtime llama", "gguf adapter"]
    for result in exported.table:
        assert result.sound and result.same_prompts == 6
        assert result.divergence is not None and result.divergence < 0.05
        assert any("of 6 answers are the same" in gate.evidence for gate in result.gates)
    rows = json.loads((exported.folder / "parity.json").read_text())["forms"]
    assert [row["form"] for row in rows] == ["runtime llama", "gguf adapter"]


def test_the_card_names_the_file_by_its_hash_and_gives_the_commands(exported: Exported, of_gguf: OfGguf) -> None:
    names = {path.name for path in exported.folder.iterdir()}
    (lora,) = (name for name in names if name.endswith("-LoRA.gguf"))
    assert names == {lora, "chat_template.jinja", "Modelfile", "README.md", "parity.json"}
    card = (exported.folder / "README.md").read_text()
    assert read_manifest(of_gguf.specialist).base.gguf in card
    assert f"llama-server --model small-q4.gguf --lora {lora} --chat-template-file chat_template.jinja" in card
    assert "gradschool serve SPECIALIST --runtime llama" in card and "lms import" in card
    assert "In Ollama up to version" in card
    lines = (exported.folder / "Modelfile").read_text().splitlines()
    assert lines[:2] == ["FROM ./small-q4.gguf", f"ADAPTER ./{lora}"]
    assert str(of_gguf.file.parent) not in card + "\n".join(lines)


@pytest.mark.usefixtures("answered")
def test_an_adapter_that_was_changed_is_rejected(
    of_gguf: OfGguf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed(adapter: Path, base: GgufFile, path: Path, about: About) -> None:
        convert(adapter, base, path, about)
        content = path.read_bytes()
        path.write_bytes(content[:-4096] + bytes(reversed(content[-4096:])))  # numbers that are none, too

    convert = gguf_adapter.convert_lora
    monkeypatch.setattr(gguf_adapter, "convert_lora", changed)
    monkeypatch.setattr(gguf_adapter, "_try_runtime", skipped)
    with pytest.raises(ExportRejected, match="gguf adapter differs too much"):
        finish(export(ExportOptions(of_gguf.specialist, "gguf-adapter", tmp_path / "out")))
    assert list(tmp_path.iterdir()) == []


def test_another_base_or_file_is_refused_before_any_work(of_gguf: OfGguf, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="read from a GGUF file") as caught:
        finish(export(ExportOptions(ship(tmp_path / "plain"), "gguf-adapter", tmp_path / "out")))
    assert "--to adapter" in caught.value.fix
    other = shutil.copyfile(of_gguf.file, tmp_path / "small-q4.gguf")
    other.write_bytes(other.read_bytes()[:-8] + b"\0" * 8)
    with pytest.raises(DamagedError, match="is not the GGUF file"):
        finish(export(ExportOptions(of_gguf.specialist, "gguf-adapter", tmp_path / "out", base=str(other))))
    result = small_job.run("export", of_gguf.specialist, "--to", "gguf-adapter", "--base", tmp_path / "none.gguf")
    assert result.exit_code and "Traceback" not in result.stderr


@pytest.mark.usefixtures("answered")
def test_a_family_that_ollama_does_not_adapt_gets_no_modelfile(
    of_gguf: OfGguf, exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gguf_adapter, "OLLAMA_FAMILIES", ())
    for name, result in zip(("_try_runtime", "try_gguf"), exported.table, strict=True):
        monkeypatch.setattr(gguf_adapter, name, partial(skipped, result=result))
    made, notes = finish(export(ExportOptions(of_gguf.specialist, "gguf-adapter", tmp_path / "out")))
    assert not (made.folder / "Modelfile").exists()
    assert any("Ollama cannot apply adapters to the family 'llama'" in getattr(note, "text", "") for note in notes)
    assert "ollama create" not in (made.folder / "README.md").read_text()


def skipped(*_: object, result: FormResult | None = None, **more: object) -> Work[FormResult]:
    """A test of an export that is not done again."""
    yield from ()
    return result or FormResult(
        "runtime llama", 0, None, None, 0, 0, Score(1.0, Interval(0, 1, 0.9), 6, 6), "passed", 1
    )

"""A bundle with the base of a GGUF specialist holds the file itself, which both engines run."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from finish import finish
from gradschool.errors import DamagedError, ModelError
from gradschool.model.gguf_file import read_gguf
from gradschool.model.local import LocalEngine
from gradschool.package.base_copy import copy_gguf
from gradschool.package.bundle import carry, open_specialist
from gradschool.records import Message
from of_gguf import OfGguf
from shipped import QUESTIONS

pytest.importorskip("xllamacpp")


@pytest.fixture
def moved(of_gguf: OfGguf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OfGguf:
    """The same on a machine of its own: nothing is known of the file or the cache of others."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    specialist = Path(shutil.copytree(of_gguf.specialist, tmp_path / "a" / "b" / "c" / "specialist"))
    (tmp_path / "models").mkdir()
    file = Path(shutil.copyfile(of_gguf.file, tmp_path / "models" / "other.gguf"))
    return replace(of_gguf, specialist=specialist, file=file, cache=tmp_path / "cache")


def test_the_file_is_copied_and_found_by_both_engines(moved: OfGguf, of_gguf: OfGguf, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is not on this machine"):
        finish(carry(moved.specialist, tmp_path / "nothing", True))
    assert not (tmp_path / "nothing").exists()
    with pytest.raises(DamagedError, match="not the GGUF file"):
        other = tmp_path / "models" / "changed.gguf"
        other.write_bytes(moved.file.read_bytes()[:-1] + b"\1")
        finish(carry(moved.specialist, tmp_path / "nothing", True, str(other)))
    target = tmp_path / "far" / "bundle"
    target.parent.mkdir()
    said, _ = finish(carry(moved.specialist, target, True, str(moved.file)))
    assert "needs nothing else" in said
    assert [path.name for path in (target / "base").iterdir()] == ["other.gguf"]
    assert (target / "base" / "other.gguf").read_bytes() == of_gguf.file.read_bytes()
    shutil.rmtree(tmp_path / "models")
    shutil.rmtree(tmp_path / "config")
    asked = [(Message("user", QUESTIONS[0]),)]
    answers = []
    for runtime in ("llama", "torch"):
        specialist, _ = finish(open_specialist(target, runtime=runtime))  # type: ignore[arg-type]
        answers += [answer.text for _, answer in specialist.answer(asked)]
    assert answers[0] == answers[1]


def test_the_conversion_is_copied_if_the_file_is_gone(
    moved: OfGguf, of_gguf: OfGguf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(of_gguf.cache))
    said, _ = finish(carry(moved.specialist, tmp_path / "bundle", True))
    assert "needs nothing else" in said and (tmp_path / "bundle" / "base" / "config.json").is_file()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    specialist, _ = finish(open_specialist(tmp_path / "bundle"))
    assert isinstance(specialist.engine, LocalEngine)


def test_a_blob_is_named_after_its_base(of_gguf: OfGguf, tmp_path: Path) -> None:
    blob = tmp_path / "sha256-0123"
    shutil.copyfile(of_gguf.file, blob)
    copy_gguf(read_gguf(blob), "ollama:library/small:q4", tmp_path / "base")
    assert [path.name for path in (tmp_path / "base").iterdir()] == ["ollama-library-small-q4.gguf"]

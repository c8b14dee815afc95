"""The GGUF file of a base, found by its hash under any name and in any place that is known."""

import hashlib
from pathlib import Path

import pytest

from finish import finish
from gradschool.errors import ModelError
from gradschool.model import gguf_found
from gradschool.model.gguf_found import find_gguf, place_of_gguf
from gradschool.records import BaseIdentity
from tiny_gguf import tiny_gguf


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, folder in (("XDG_CACHE_HOME", "cache"), ("XDG_CONFIG_HOME", "config"), ("OLLAMA_MODELS", "ollama")):
        monkeypatch.setenv(name, str(tmp_path / folder))
    monkeypatch.setattr(gguf_found, "lm_studio_files", lambda: iter(sorted((tmp_path / "studio").glob("*.gguf"))))
    monkeypatch.chdir(tmp_path)
    return tiny_gguf(tmp_path / "made" / "small.gguf")


def identity_of(file: Path, name: str = "small") -> BaseIdentity:
    return BaseIdentity("local", name, weights="w", gguf=hashlib.sha256(file.read_bytes()).hexdigest())


def moved(file: Path, place: Path) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    return file.rename(place)


@pytest.mark.parametrize(
    "place",
    ["studio/other-name.gguf", "job/run/any.GGUF", "job/any.gguf", "here.gguf", "ollama"],
)
def test_it_is_found_in_each_place_under_any_name(place: str, file: Path, tmp_path: Path) -> None:
    identity, beside = identity_of(file), tmp_path / "job" / "run" / "specialist"
    beside.mkdir(parents=True)
    tiny_gguf(tmp_path / "job" / "run" / "small.gguf", extra=1)  # another one of the same name
    target = f"ollama/blobs/sha256-{identity.gguf}" if place == "ollama" else place
    moved(file, tmp_path / target)
    found, _ = finish(find_gguf(identity, beside))
    assert found.first.path.resolve() == tmp_path / target
    assert finish(place_of_gguf(identity, beside))[0].resolve() == tmp_path / target


def test_a_file_that_was_used_before_is_found_again_without_being_read(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = identity_of(file)
    finish(find_gguf(identity, file))  # next to it
    far = tmp_path / "far"
    found, events = finish(find_gguf(identity, far))
    assert found.first.path == file and not events


def test_a_file_that_is_nowhere_is_an_error_that_says_where_it_was_looked_for(file: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF")
    with pytest.raises(ModelError, match="smollm2 is not on this machine") as caught:
        finish(find_gguf(BaseIdentity("local", "smollm2", gguf="1" * 64), tmp_path / "a" / "b" / "c"))
    assert "LM Studio" in caught.value.why and "gradschool bases get smollm2" in caught.value.fix

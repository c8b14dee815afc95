"""GGUF files: what their headers say, and a refusal with its reason for everything that is no language model."""

import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradschool.errors import ModelError
from gradschool.model.gguf_file import gguf_at, gguf_name, read_gguf
from gradschool.model.gguf_header import read_header
from stored_models import written


def refused(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        read_gguf(path)
    assert caught.value.why and caught.value.fix
    return str(caught.value)


def test_a_file_says_what_it_holds(tmp_path: Path) -> None:
    file = read_gguf(written(tmp_path / "small-Q8_0.gguf"))
    assert (file.name, file.parameters, file.context_length, file.number_format) == ("small-Q8_0", 256, 64, "F32")
    assert file.first.text("general.license") == "mit" and file.first.number("tokenizer.ggml.tokens") == 3
    assert file.first.tensors[1].shape == (4, 32) and file.bytes == (tmp_path / "small-Q8_0.gguf").stat().st_size


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kind": "adapter"}, "is an adapter"),
        ({"kind": "mmproj", "architecture": "clip"}, "is a projector of images"),
        ({"architecture": "nomic-bert"}, "is an embedder"),
        ({"architecture": "whisper"}, "is a recognizer of speech"),
        ({"tokens": 0}, "has no tokenizer"),
        ({"tensors": 0}, "holds no weights"),
    ],
)
def test_other_kinds_are_named(changes: dict[str, Any], says: str, tmp_path: Path) -> None:
    assert says in refused(written(tmp_path / "x.gguf", **changes))


@pytest.mark.parametrize("side", ["lora_a", "lora_b", "loraA"])
def test_an_adapter_without_its_type_is_known_by_its_tensors(side: str, tmp_path: Path) -> None:
    assert "is an adapter" in refused(written(tmp_path / "x.gguf", kind="", tensors=2, end=side))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "It is empty"),
        (b"<!DOCTYPE html><html>", "page of the web"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (b"PK\x03\x04 and more of it", "not with b'GGUF'"),
        (b"FUGG" + bytes(60), "other byte order"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "version 1"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 1 << 60), "damaged"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 200_000) + bytes(13 * 200_000), "200,000 fields"),
    ],
)
def test_what_is_no_gguf_is_refused(content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(content)
    assert says in refused(tmp_path / "x.gguf")


def test_a_download_that_ended_early_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    whole = written(tmp_path / "x.gguf").read_bytes()
    (tmp_path / "x.gguf").write_bytes(whole[:-100])
    assert "100 of the bytes" in refused(tmp_path / "x.gguf")


@pytest.mark.parametrize("items", [0, 8, 9, 99])
def test_a_list_that_is_longer_than_the_file_takes_no_time(items: int, tmp_path: Path) -> None:
    key = b"general.languages"
    field = struct.pack("<Q", len(key)) + key + struct.pack("<IIQ", 9, items, 1 << 61)
    (tmp_path / "x.gguf").write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + field + bytes(99))
    assert "damaged" in refused(tmp_path / "x.gguf")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=5), st.integers(0, 600))
def test_damaged_headers_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]], cut: int
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    content = bytearray(written(folder / "x.gguf").read_bytes())
    for place, value in changes:
        content[place % len(content)] = value
    (folder / "x.gguf").write_bytes(content[: max(0, len(content) - cut)])
    try:
        read_header(folder / "x.gguf")
    except ModelError as error:
        assert str(error)


def test_parts_are_one_model_and_each_must_be_there(tmp_path: Path) -> None:
    for number in (1, 2):
        written(tmp_path / f"m-{number:05}-of-00002.gguf")
    second = tmp_path / "m-00002-of-00002.gguf"
    assert read_gguf(second).parameters == 512 and gguf_name(second) == "m"
    assert gguf_at(tmp_path) == tmp_path / "m-00001-of-00002.gguf"
    second.unlink()
    assert "Of 2 parts, 1 are not in the same folder" in refused(tmp_path / "m-00001-of-00002.gguf")


def test_a_folder_means_its_only_model(tmp_path: Path) -> None:
    assert gguf_at(tmp_path) is None and gguf_at(tmp_path / "gone") is None
    first = written(tmp_path / "a.gguf")
    written(tmp_path / "mmproj-a.gguf", "clip", "mmproj")
    assert gguf_at(tmp_path) == first
    blob = tmp_path / "sha256-0a1b"
    blob.write_bytes(first.read_bytes())
    assert gguf_at(blob) == blob  # as Ollama names it
    written(tmp_path / "b.gguf")
    with pytest.raises(ModelError, match="holds 2 models in GGUF") as caught:
        gguf_at(tmp_path)
    assert "a.gguf" in caught.value.fix

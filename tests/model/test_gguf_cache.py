"""Converted bases: what was changed since is refused, and only folders of conversions are listed."""

import json
from pathlib import Path

import pytest

from gradschool.errors import ModelError
from gradschool.model.gguf_cache import FILE, again, converted, demand_unchanged, is_complete


def test_a_base_that_was_changed_after_it_was_converted_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / ("a" * 64)
    folder.mkdir()
    demand_unchanged(folder, "w", "f")  # no converted base
    record = {"sha256": folder.name, "name": "small"}
    (folder / FILE).write_text(json.dumps(record))
    demand_unchanged(folder, "w", "f")  # of an earlier version
    (folder / FILE).write_text(json.dumps(record | {"weights": "w", "files": "f"}))
    demand_unchanged(folder, "w", "f")
    with pytest.raises(ModelError, match="was changed after it was converted") as caught:
        demand_unchanged(folder, "w", "other")
    assert "its files" in caught.value.why and "bases remove small@aaaaaaaa" in caught.value.fix


def test_folders_of_the_user_are_not_conversions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache = tmp_path / "gradschool" / "gguf"
    for name in ("a" * 64, "mine"):
        (cache / name).mkdir(parents=True)
        (cache / name / FILE).write_text("{}")
    assert [folder.name for folder in converted()] == ["a" * 64]


@pytest.mark.parametrize("record", ["", "{", "[]", '{"sha256": 5}', '{"sha256": "b"}'])
def test_a_base_whose_record_is_damaged_is_not_complete(tmp_path: Path, record: str) -> None:
    folder = tmp_path / ("a" * 64)
    folder.mkdir()
    assert not is_complete(folder) and again(folder) == ""
    (folder / FILE).write_text(record)
    assert not is_complete(folder)
    (folder / FILE).write_text(json.dumps({"sha256": folder.name, "name": "small"}))
    assert is_complete(folder) and "bases remove small@aaaaaaaa" in again(folder)

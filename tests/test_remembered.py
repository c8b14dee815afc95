"""What is remembered is private, complete after several changes, and an error if it cannot be read."""

from pathlib import Path

import pytest
from pydantic import TypeAdapter

from gradschool.errors import DamagedError, ResourceError
from gradschool.remembered import Remembered

WORDS: Remembered[dict[str, str]] = Remembered("words.json", TypeAdapter(dict[str, str]), {}, "they are then asked for")


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config"


def test_nothing_is_remembered_at_first_and_nothing_is_written(config: Path) -> None:
    assert WORDS.read() == {} and not config.exists()


def test_changes_add_up_in_a_file_that_only_the_user_reads(config: Path) -> None:
    WORDS.change(lambda known: {**known, "a": "é"})
    WORDS.change(lambda known: {**known, "b": "2"})
    assert WORDS.read() == {"a": "é", "b": "2"}
    assert WORDS.path.stat().st_mode & 0o777 == 0o600 and WORDS.path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 1}', "\0"])
def test_a_file_that_cannot_be_read_is_named(content: str) -> None:
    WORDS.change(lambda known: {"a": "1"})
    WORDS.path.write_text(content)
    with pytest.raises(DamagedError, match=r"words\.json") as caught:
        WORDS.read()
    assert "they are then asked for" in caught.value.fix


def test_without_a_home_folder_the_error_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError

    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(ResourceError, match="no folder to remember") as caught:
        WORDS.read()
    assert "XDG_CONFIG_HOME" in caught.value.fix

"""What is remembered is private, complete after several changes, and an error if it cannot be read."""

import errno
import os
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from gradschool.errors import DamagedError, ResourceError
from gradschool.remembered import DAMAGED, Remembered

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
    assert "\n" not in caught.value.why and "pydantic" not in caught.value.why


def test_without_a_home_folder_the_error_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError

    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(ResourceError, match="no folder to remember") as caught:
        WORDS.read()
    assert "XDG_CONFIG_HOME" in caught.value.fix


def test_a_damaged_file_is_put_aside_at_the_next_change() -> None:
    WORDS.change(lambda known: {"a": "1"})
    WORDS.path.write_text('{"a": ')
    WORDS.change(lambda known: {**known, "b": "2"})
    assert WORDS.read() == {"b": "2"}
    assert WORDS.path.with_name(f"words.json{DAMAGED}").read_text() == '{"a": '


def place(kind: str) -> None:
    """Put something else than a file in the place of what is remembered."""
    path = WORDS.path
    path.parent.mkdir(parents=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path.name)


@pytest.mark.parametrize("kind", ["pipe", "folder", "loop"])
def test_what_is_no_file_is_refused_at_once(kind: str) -> None:
    place(kind)
    for use in (WORDS.read, lambda: WORDS.change(lambda known: {**known, "b": "2"})):
        with pytest.raises(ResourceError, match="cannot be read") as caught:
            use()
        assert "XDG_CONFIG_HOME" in caught.value.fix


def test_a_config_folder_that_is_a_file_can_hold_nothing(config: Path) -> None:
    config.write_text("")
    with pytest.raises(ResourceError, match="cannot be read"):
        WORDS.read()
    with pytest.raises(ResourceError, match="could not be written"):
        WORDS.change(lambda known: {"a": "1"})


@pytest.mark.parametrize("number", [errno.ENOTSUP, errno.ENOLCK, errno.EIO, errno.EINVAL])
def test_a_file_system_without_locks_is_an_error_that_says_so(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(ResourceError, match="could not be written") as caught:
        WORDS.change(lambda known: {"a": "1"})
    assert os.strerror(number) in caught.value.why


def test_a_name_that_is_not_in_utf8_is_an_error_and_changes_nothing() -> None:
    WORDS.change(lambda known: {"a": "1"})
    with pytest.raises(ResourceError, match="Nothing more can be remembered") as caught:
        WORDS.change(lambda known: {**known, "b": os.fsdecode(b"/caf\xe9")})
    assert "rename" in caught.value.fix and WORDS.read() == {"a": "1"}

"""One studio for a folder; when it is started again, its address is the same."""

import socket
from pathlib import Path

import pytest

from gradschool.errors import UsageError
from gradschool.studio.server import named_folders, open_studio


def test_a_studio_that_is_started_again_has_the_same_address(tmp_path: Path) -> None:
    folders = named_folders([tmp_path, tmp_path])
    assert len(folders.roots) == 1
    with open_studio(folders, 0) as (_, first):
        assert (folders.state / "address.json").stat().st_mode & 0o777 == 0o600
        with (
            pytest.raises(UsageError, match="open already") as refused,
            open_studio(folders, 0),
        ):
            pass
        assert str(first) in refused.value.fix
    with open_studio(folders, 0) as (_, again):
        assert again == first
    with socket.create_server(("127.0.0.1", first.port)), open_studio(folders, 0) as (_, elsewhere):
        assert elsewhere.port != first.port and elsewhere.token == first.token


def test_the_queue_and_the_key_of_someone_else_are_set_aside(tmp_path: Path) -> None:
    """A folder that was received could name work that would start here, and a key that others know."""
    state = tmp_path / ".gradschool-studio"
    state.mkdir()
    waiting = '[{"id": "a", "kind": "export", "title": "t", "arguments": ["version"], "folder": "."}]'
    (state / "queue.json").write_text(waiting)
    (state / "address.json").write_text('{"port": 1, "token": "known to others"}')
    with open_studio(named_folders([tmp_path]), 0) as (server, address):
        assert address.token != "known to others" and server.studio.queue.works() == []
    [aside] = tmp_path.glob(".gradschool-studio-of-others-*")
    assert (aside / "queue.json").read_text() == waiting
    with open_studio(named_folders([tmp_path]), 0) as (_, again):
        assert again == address


def test_a_linked_state_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / ".gradschool-studio").symlink_to(tmp_path / "other")
    with pytest.raises(UsageError, match="is a link"), open_studio(named_folders([tmp_path]), 0):
        pass
    assert list((tmp_path / "other").iterdir()) == []


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=str(port)), open_studio(named_folders([tmp_path]), port):
            pass


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_only_folders_can_be_opened(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=name):
        named_folders([tmp_path / name])

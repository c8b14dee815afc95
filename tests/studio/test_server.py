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

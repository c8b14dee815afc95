"""A studio over a temporary folder, and a browser's requests to it."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from gradschool.studio.app import make_app
from gradschool.studio.folders import Folders
from gradschool.studio.studio import Studio

PORT, TOKEN = 8123, "a-token-of-this-test"


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    """A studio over an empty folder."""
    home = tmp_path / "home"
    home.mkdir()
    return Studio.of(Folders((home.resolve(),)))


@pytest.fixture
def stranger(studio: Studio) -> TestClient:
    """A browser without the cookie."""
    app = make_app(studio, TOKEN, PORT)
    return TestClient(app, base_url=f"http://127.0.0.1:{PORT}", raise_server_exceptions=False, follow_redirects=False)


@pytest.fixture
def browser(stranger: TestClient) -> TestClient:
    """A browser that has opened the studio's address."""
    stranger.headers["origin"] = f"http://127.0.0.1:{PORT}"
    stranger.get(f"/?token={TOKEN}")
    return stranger

"""What tests of several folders share: a tiny base, an engine over it, a folder to work in, and loopback servers."""

import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import tiny
from gradschool.model.local import LocalEngine


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random Llama in a folder."""
    return tiny.save_model(tmp_path_factory.mktemp("base") / "llama")


@pytest.fixture(scope="session")
def engine(base: Path) -> LocalEngine:
    """Shared by all tests: whoever attaches anything to its network takes it off again."""
    return LocalEngine(base, batch_size=4)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, as a person's own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def serve() -> Iterator[Callable[[type[BaseHTTPRequestHandler]], str]]:
    """Starts servers on free loopback ports; gives their addresses."""
    servers: list[ThreadingHTTPServer] = []

    def start(handler: type[BaseHTTPRequestHandler]) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of public data sets that GRADSCHOOL_REAL_DATA names; tests that need it are skipped without it."""
    folder = Path(os.environ.get("GRADSCHOOL_REAL_DATA", "nowhere"))
    if not folder.is_dir():
        pytest.skip("GRADSCHOOL_REAL_DATA names no folder with the public data sets")
    return folder

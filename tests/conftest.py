"""Fixtures that several folders use, and how workers divide the suite: one thread each, slow files first."""

import gc
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from slowest import SLOWEST

if TYPE_CHECKING:
    from gradschool.model.local import LocalEngine
    from of_gguf import OfGguf
    from small_job import Whole

# One thread per process, set before anything imports torch or NumPy, and inherited by every process that a test starts:
# each worker has one core, and threads that wait for each other on a shared core take longer than one thread.
for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
for _variable in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME"):  # what tests allow and convert is not the user's
    os.environ[_variable] = tempfile.mkdtemp(prefix="gradschool-tests-")
# The same examples in every run, and few of them: `make fuzz` tries many for an hour.
settings.register_profile("suite", settings.get_profile("ci"), max_examples=60)
# Collections take a thirtieth of the time: the libraries hold a million objects, and few are made in circles.
gc.set_threshold(20_000, 20, 50)
os.environ.pop("COLUMNS", None)  # workers have one; tests that need a width set it


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    order = {config.rootpath / "tests" / name: number for number, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: order.get(item.path, len(order)))
    gc.freeze()  # what is imported and collected stays until the end


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Bytes are named by their argument: an archive holds its time, and workers must collect equal tests."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A temporary folder that is the same for all workers of a run."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def whole(shared: Path) -> "Whole":
    """One climb of the small job. Tests read it, and copy it before they change anything."""
    import small_job

    return small_job.whole_climb(shared)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random Llama in a folder."""
    import tiny

    return tiny.save_model(tmp_path_factory.mktemp("base") / "llama")


@pytest.fixture(scope="session")
def engine(base: Path) -> "LocalEngine":
    """Shared by all tests of a worker: a test that attaches anything to its network detaches it again."""
    from gradschool.model.local import LocalEngine

    return LocalEngine(base, batch_size=4)


@pytest.fixture(scope="session")
def of_gguf(tmp_path_factory: pytest.TempPathFactory) -> "OfGguf":
    """A specialist whose base was read from a GGUF file. Tests read it, and copy it before they change anything."""
    import of_gguf

    return of_gguf.made(tmp_path_factory.mktemp("of-gguf"))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one during the test."""
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

"""What tests of several folders share: a tiny base, an engine over it, and a folder to work in."""

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

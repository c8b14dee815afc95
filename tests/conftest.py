"""What tests of several folders share: a tiny base, and an engine over it."""

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

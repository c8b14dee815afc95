"""Fixtures of the data tests: make an example, read a file."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gradschool.data.read import Reading, read_examples
from gradschool.records import Example, Message, Source
from gradschool.settings import Data


@pytest.fixture
def make() -> Callable[..., Example]:
    """make(7, "question", "answer", group="g"): an example as it would come from line 7."""

    def example(line: int, question: str, answer: str, group: str = "", system: str = "") -> Example:
        turns = [Message("system", system)] if system else []
        messages = (*turns, Message("user", question), Message("assistant", answer))
        return Example(f"e{line}", messages, group or f"e{line}", Source("examples.jsonl", line))

    return example


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Reading]:
    """read(content, **data settings): what is read from a file of that content (text as UTF-8, or bytes)."""

    def written(content: str | bytes, name: str = "examples.jsonl", **settings: str) -> Reading:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_examples(path, Data(**settings))

    return written

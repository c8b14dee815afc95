from pathlib import Path

import pytest

from gradschool.data.instructions import instructions_of
from gradschool.errors import DataError
from gradschool.job import Job
from gradschool.settings import Settings


def test_instructions_are_the_task_and_the_guidelines(tmp_path: Path) -> None:
    (tmp_path / "rules.md").write_text("\nBe polite.\n")
    settings = Settings.model_validate({"task": " Do it. ", "data": {"guidelines": "rules.md"}})
    assert instructions_of(Job("j", tmp_path, settings)) == "Do it.\n\nBe polite."
    (tmp_path / "rules.md").write_bytes(b"\x00\x01" * 9)
    with pytest.raises(DataError, match=r"rules\.md cannot be read"):
        instructions_of(Job("j", tmp_path, settings))


def test_guidelines_in_windows_1252_are_read(tmp_path: Path) -> None:
    (tmp_path / "house.md").write_bytes("Grüße statt Küsse – höflich.".encode("cp1252"))
    settings = Settings.model_validate({"task": "Do it.", "data": {"guidelines": "house.md"}})
    assert instructions_of(Job("j", tmp_path, settings)) == "Do it.\n\nGrüße statt Küsse – höflich."

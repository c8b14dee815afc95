"""The map of pseudonyms: it is read as it was written, and anything else ends in an error that names it."""

import json
from pathlib import Path
from typing import Any

import pytest

from gradschool.errors import UsageError
from gradschool.prepare.folder import MAP, JobFolder
from gradschool.prepare.saved_names import SavedNames, SavedPerson, SavedValue

NAMES = SavedNames(
    (SavedPerson("Ada Bell", ("tom",), ("tom@a.example",), ("tom",)),),
    {"a.example": "firm-1.example"},
    (SavedValue("k1", "phone number", "020 7946 0112", "020 7946 0999"),),
    ("may",),
)


def test_a_map_is_read_as_it_was_written(tmp_path: Path) -> None:
    JobFolder(tmp_path).save_map(NAMES)
    assert JobFolder(tmp_path).pseudonyms() == NAMES


def test_in_maps_of_earlier_versions_only_people_without_an_address_have_whole_names() -> None:
    alone, known = SavedPerson("A B", ("x",), ()), SavedPerson("A B", ("x",), ("x@a.example",))
    assert (alone.whole_names, known.whole_names) == (("x",), ())


@pytest.mark.parametrize("key", ["people", "domains", "values", "unsure"])
@pytest.mark.parametrize("value", [5, None, "x", [5], {"a": 5}, [{"key": "k"}], ["\ud800"], [[]]])
def test_a_map_that_no_version_wrote_is_refused(key: str, value: Any, tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / MAP).write_text(json.dumps(json.loads(NAMES.text) | {key: value}))
    with pytest.raises(UsageError, match=r"pseudonyms\.json cannot be read"):
        JobFolder(tmp_path).pseudonyms()

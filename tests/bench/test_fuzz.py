"""Every door is tried with some hostile files, the same each time; `make fuzz` tries more of them."""

from itertools import count, islice

import pytest

from bench.doors import DOORS, Door
from bench.fuzz import Watch, give, try_door, watched
from bench.samples import one_file
from gradschool.errors import DataError

INPUTS = {"examples": 60, "questions": 60, "documents": 20, "mails": 4, "chats": 6, "archives": 4, "prepared": 12,
          "jobs": 20, "runs": 8, "resumed": 12, "indexes": 20, "specialists": 16, "adapters": 100, "bases": 10,
          "gguf": 3, "templates": 4, "server": 80, "images": 60, "image-rows": 20}  # fmt: skip
SECONDS = 60 / len(DOORS)  # for each door


@pytest.fixture(scope="module")
def watch() -> Watch:
    return watched()


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)
def test_hostile_files_open_or_end_in_an_error_for_the_user(door: Door, watch: Watch) -> None:
    tried = try_door(door, watch, 7, islice(count(), INPUTS[door.name]), SECONDS)
    assert not tried.findings, "\n".join(found["text"] for found in tried.findings.values())
    assert tried.inputs and (tried.opened or tried.refused)


def test_a_door_that_fails_is_a_finding(watch: Watch) -> None:
    def enter(path: object) -> None:
        raise DataError("No.") if "refused" in str(path) else KeyError("x")

    door = Door("failing", lambda _: [], enter)
    assert give(door, one_file("refused", "x"), watch) == ("DataError", "")
    refused, finding = give(door, one_file("other", "x"), watch)
    assert not refused and "KeyError: 'x'" in finding

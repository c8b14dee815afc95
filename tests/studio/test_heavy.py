"""Children are asked one at a time for data and for models; an error of a request leaves the child for the next one."""

from collections.abc import Iterator
from typing import Any

import pytest

from gradschool.bounded import Stopped
from gradschool.errors import DataError, ResourceError
from gradschool.studio import heavy as heavy_module
from gradschool.studio.heavy import Heavy


@pytest.fixture
def replied(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the child replies to the next requests."""
    given: list[dict[str, Any]] = []

    def replies(module: str, request: dict[str, Any], content: bytes, limits: object) -> Iterator[dict[str, Any]]:
        yield from given
        if request["what"] == "never":
            raise Stopped("time", "-24")

    monkeypatch.setattr(heavy_module, "replies", replies)
    return given


def test_an_error_is_raised_after_what_came_before_it(replied: list[dict[str, Any]]) -> None:
    replied += [{"doing": "Reading"}, {"error": {"what": "No.", "why": "", "fix": "go."}}]
    found = Heavy().each("table")
    assert next(found) == {"doing": "Reading"}
    with pytest.raises(DataError, match="No"):
        next(found)


def test_an_error_about_one_file_of_several_is_a_reply(replied: list[dict[str, Any]]) -> None:
    replied += [{"file": "a.csv", "error": {"what": "No."}}, {"file": "b.csv"}]
    assert len(Heavy().ask("reading")) == 2


def test_a_limit_is_said(replied: list[dict[str, Any]]) -> None:
    with pytest.raises(ResourceError, match="could not be computed"):
        Heavy().ask("never")


def test_a_table_that_is_being_made_keeps_nobody_from_an_answer(replied: list[dict[str, Any]]) -> None:
    replied.append({"doing": "Reading"})
    heavy = Heavy()
    making = heavy.each("table")
    next(making)
    assert heavy.ask("result") == replied


def test_what_was_asked_under_a_key_is_not_asked_again(replied: list[dict[str, Any]]) -> None:
    heavy = Heavy()
    replied.append({"n": 1})
    assert heavy.kept("a", "result") == [{"n": 1}]
    replied[:] = [{"n": 2}]
    assert heavy.kept("a", "result") == [{"n": 1}] and heavy.kept("b", "result") == [{"n": 2}]

"""Who rewrites instructions."""

from pathlib import Path

import pytest

import tiny
from finish import finish
from gradschool.errors import TrustError, UsageError
from gradschool.job import Job
from gradschool.model import hosts
from gradschool.model.fake import FakeEngine
from gradschool.model.local import LocalEngine
from gradschool.model.remote import RemoteEngine
from gradschool.records import Note
from gradschool.rungs import writer as writers
from gradschool.rungs.writer import writer_for
from gradschool.settings import Settings


def job(folder: Path, **prompt: object) -> Job:
    return Job("small", folder, Settings.model_validate({"task": "Say it.", "prompt": prompt}))


def test_a_small_base_keeps_its_instructions_and_a_large_one_rewrites_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.save_model(tmp_path / "base")
    engine = LocalEngine(tmp_path / "base")
    found, events = finish(writer_for(job(tmp_path), engine))
    (note,) = (event for event in events if isinstance(event, Note))
    assert found is None and "Instructions are not searched" in note.text and "[prompt] writer" in note.text
    monkeypatch.setattr(writers, "MIN_PARAMETERS", 1_000)
    assert finish(writer_for(job(tmp_path), engine)) == (engine, [])
    assert finish(writer_for(job(tmp_path), FakeEngine()))[0] is None  # its size is unknown


def test_a_server_writes_after_it_was_allowed(tmp_path: Path) -> None:
    named = job(tmp_path, writer="https://models.example.org/v1", writer_model="large")
    with pytest.raises(TrustError, match=r"models\.example\.org"):
        finish(writer_for(named, FakeEngine()))
    hosts.allow_host("https://models.example.org")
    found, _ = finish(writer_for(named, FakeEngine()))
    assert isinstance(found, RemoteEngine)
    assert found.identity.address == "https://models.example.org/v1"


@pytest.mark.parametrize(
    ("prompt", "why"),
    [
        ({"writer": "pocket"}, "not the address of a server"),
        ({"writer": "http://localhost:1/v1"}, "which model"),
        ({"writer_model": "x"}, "no server"),
    ],
)
def test_a_writer_that_cannot_be_asked_is_an_error_before_the_climb(
    tmp_path: Path, prompt: dict[str, str], why: str
) -> None:
    with pytest.raises(UsageError, match=why):
        finish(writer_for(job(tmp_path, **prompt), FakeEngine()))

"""The studio finds jobs and runs in the folders that were named, and reads nothing outside of them."""

from pathlib import Path

import pytest

from gradschool.errors import TrustError, UsageError
from gradschool.studio.folders import Folders
from gradschool.studio.replies import NotFound


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    home, other = tmp_path / "home", tmp_path / "other"
    for folder in (home / "letters", other / "deep" / "mail", tmp_path / "secret"):
        folder.mkdir(parents=True)
        (folder / "job.toml").write_text('task = "Write."')
    return Folders((home.resolve(), other.resolve()))


def test_jobs_of_all_named_folders_are_found(folders: Folders) -> None:
    (folders.home / "broken").mkdir()
    (folders.home / "broken" / "job.toml").write_text("taks = 1")
    found = {job["path"]: job for job in folders.jobs()}
    assert set(found) == {"letters", "broken", str(folders.roots[1] / "deep" / "mail")}
    assert "did you mean 'task'" in found["broken"]["error"] and found["letters"]["task"] == "Write."


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "letters/../../secret", "letters/link", "~"])
def test_a_path_outside_is_refused(folders: Folders, name: str) -> None:
    (folders.home / "letters" / "link").symlink_to(folders.home.parent / "secret")
    with pytest.raises(NotFound if name == "~" else TrustError):
        folders.find(name)


@pytest.mark.parametrize("name", ["nowhere", "letters/nowhere", "a\0b", "x" * 5000, "letters/loop"])
def test_what_is_not_there_is_said(folders: Folders, name: str) -> None:
    (folders.home / "letters" / "loop").symlink_to("loop")
    with pytest.raises(NotFound):
        folders.find(name)


def test_a_file_of_a_job_or_a_run_that_leads_outside_is_refused(folders: Folders) -> None:
    """A folder that was received may hold any link: its content is neither shown nor written to."""
    job, run, secret = folders.home / "linked", folders.home / "runs" / "a-1", folders.home.parent / "secret"
    for folder in (job, run):
        folder.mkdir(parents=True)
    (job / "job.toml").symlink_to(secret / "job.toml")
    assert "linked" not in [found["path"] for found in folders.jobs()]
    with pytest.raises(TrustError):
        folders.find_job("linked")
    (run / "run.json").write_text("{}")
    for name in ("events.jsonl", "done", "specialist"):
        (run / name).symlink_to(secret)
        with pytest.raises(TrustError):
            folders.find_run("runs/a-1")
        (run / name).unlink()
    for name in ("added.jsonl", "review.jsonl"):
        (folders.home / "letters" / name).symlink_to(secret / "other")
        with pytest.raises(TrustError):
            folders.find_job("letters")
        (folders.home / "letters" / name).unlink()


def test_half_a_character_is_no_name(folders: Folders) -> None:
    with pytest.raises(UsageError, match="UTF-8"):
        folders.find("\ud800")


def test_links_are_not_followed_to_find_jobs(folders: Folders) -> None:
    (folders.home / "linked").symlink_to(folders.home.parent / "secret")
    assert "linked" not in [job["path"] for job in folders.jobs()]


def test_runs_are_found_but_not_those_that_a_package_copied(folders: Folders) -> None:
    for place in ("runs/a-1", "runs/a-1/specialist/evidence", "letters/runs/b-1"):
        (folders.home / place).mkdir(parents=True)
        (folders.home / place / "run.json").write_text("{}")
    assert {folders.shown(run) for run in folders.runs()} == {"runs/a-1", "letters/runs/b-1"}

"""An uploaded file is there completely or not at all, under a name that stays in its folder."""

import shutil
from collections import namedtuple
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from gradschool.errors import UsageError
from gradschool.studio import uploads
from gradschool.studio.studio import Studio
from gradschool.studio.uploads import safe_name
from gradschool.visible import visible

USAGE = namedtuple("USAGE", "total used free")


@pytest.fixture
def batch(browser: TestClient) -> str:
    return str(browser.post("/api/uploads", json={}).json()["batch"])


def test_a_file_arrives_whole(browser: TestClient, studio: Studio, batch: str) -> None:
    content = bytes(range(256)) * 10_000
    saved = browser.post("/api/upload", params={"batch": batch, "name": "a table.csv"}, content=content).json()
    assert (studio.folders.home / saved["path"]).read_bytes() == content and saved["bytes"] == len(content)
    assert [file["name"] for file in browser.get("/api/uploads", params={"batch": batch}).json()["files"]] == [
        "a table.csv"
    ]
    browser.post("/api/uploads/discard", json={"path": saved["path"]})
    assert browser.get("/api/uploads", params={"batch": batch}).json()["files"] == []


def test_two_files_of_one_name_are_both_kept(browser: TestClient, studio: Studio, batch: str) -> None:
    asked = {"batch": batch, "name": "mails.csv"}
    saved = [browser.post("/api/upload", params=asked, content=text).json()["path"] for text in (b"one", b"two")]
    assert [Path(path).name for path in saved] == ["mails.csv", "mails-2.csv"]
    assert [(studio.folders.home / path).read_bytes() for path in saved] == [b"one", b"two"]


def test_an_upload_that_says_nothing_of_its_size_ends_before_the_disk_is_full(
    browser: TestClient, studio: Studio, batch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = iter([10**10, *[10**8] * 9])
    monkeypatch.setattr(shutil, "disk_usage", lambda path: USAGE(10**10, 0, next(free)))
    content = (b"a" * (1 << 20) for _ in range(4))
    reply = browser.post("/api/upload", params={"batch": batch, "name": "a.csv"}, content=content)
    assert reply.status_code == 507 and "must stay free" in reply.json()["error"]["why"]
    assert list((studio.folders.home / "uploads" / batch).iterdir()) == []


def test_a_link_in_place_of_the_folder_of_uploads_leads_nowhere(
    browser: TestClient, studio: Studio, batch: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (studio.folders.home / "uploads").symlink_to(outside)
    reply = browser.post("/api/upload", params={"batch": batch, "name": "a.csv"}, content=b"a")
    assert reply.status_code == 400 and "is a link" in reply.text
    assert list(outside.iterdir()) == []


def test_what_does_not_fit_is_refused_before_it_is_written(
    browser: TestClient, studio: Studio, batch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: USAGE(10**10, 0, 600_000_000))
    reply = browser.post(
        "/api/upload", params={"batch": batch, "name": "a.csv"}, content=b"a", headers={"content-length": "2000000000"}
    )
    assert reply.status_code == 507 and "2,000 MB" in reply.json()["error"]["what"]
    assert not (studio.folders.home / "uploads").exists()


def test_a_broken_upload_leaves_nothing(
    browser: TestClient, studio: Studio, batch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(request: object, temporary: Path) -> None:
        temporary.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(uploads, "_receive", full)
    reply = browser.post("/api/upload", params={"batch": batch, "name": "a.csv"}, content=b"a")
    assert reply.status_code == 507 and "disk is full" in reply.json()["error"]["what"]
    assert list((studio.folders.home / "uploads" / batch).iterdir()) == []


@pytest.mark.parametrize("batch", ["..", "../..", "20260101-000000-zzzz", ""])
def test_uploads_stay_in_their_folder(browser: TestClient, batch: str) -> None:
    assert browser.post("/api/upload", params={"batch": batch, "name": "a"}, content=b"a").status_code == 400


@given(st.text())
def test_any_name_is_safe_or_refused(name: str) -> None:
    try:
        safe = safe_name(name)
    except UsageError:
        return
    assert Path(safe).name == safe and not safe.startswith(".") and visible(safe) == safe


def test_only_uploaded_files_are_removed(browser: TestClient, studio: Studio) -> None:
    (studio.folders.home / "mine.csv").write_text("a")
    assert browser.post("/api/uploads/discard", json={"path": "mine.csv"}).status_code == 400
    assert (studio.folders.home / "mine.csv").exists()


def test_browsing_ends_at_the_named_folders(browser: TestClient, studio: Studio) -> None:
    (studio.folders.home / "material").mkdir()
    (studio.folders.home / "<b>.txt").write_text("a")
    top = browser.get("/api/browse").json()
    assert top["above"] is None and [one["name"] for one in top["entries"]] == ["material", "<b>.txt"]
    assert browser.get("/api/browse", params={"path": ".."}).status_code == 403

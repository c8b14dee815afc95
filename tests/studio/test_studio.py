"""What one studio shares between its pages: previews that nobody uses any more do not stay on the disk."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from gradschool.studio.queue import Queue
from gradschool.studio.studio import Studio


@pytest.fixture
def preview(browser: TestClient, studio: Studio, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a preview that waits."""
    monkeypatch.setattr(Queue, "advance", lambda queue: None)
    (studio.folders.home / "a.csv").write_text("question,answer\nq,a\n")
    asked = {"purpose": "skill", "name": "new", "sources": ["a.csv"]}
    about = browser.post("/api/preview", json=asked).json()["about"]
    return studio.folders.state / "previews" / str(about["preview"])


def test_previews_that_no_work_names_are_removed(studio: Studio, preview: Path) -> None:
    other = preview.with_name("0123456789ab")
    other.mkdir()
    studio.clear_previews()
    assert preview.is_dir() and not other.exists()


def test_a_preview_goes_with_its_work(browser: TestClient, studio: Studio, preview: Path) -> None:
    [work] = studio.queue.works()
    for action in ("stop", "forget"):
        assert browser.post(f"/api/work/{work.id}", json={"action": action}).status_code == 200
    assert not preview.exists()

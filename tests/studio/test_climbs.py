"""A job in a page: its settings, its file, and the climbs that are started from it."""

from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from gradschool.job import Job
from gradschool.run import Run
from gradschool.settings import Settings
from gradschool.studio.queue import Queue
from gradschool.studio.studio import Studio


@pytest.fixture(autouse=True)
def nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Queue, "advance", lambda queue: None)


@pytest.fixture
def job(studio: Studio) -> Path:
    folder = studio.folders.home / "orders"
    folder.mkdir()
    (folder / "job.toml").write_text('task = "Sort."\n[goal]\npass_mark = 0.8\n')
    return folder


def test_settings_that_were_changed_become_options(browser: TestClient, studio: Studio, job: Path) -> None:
    settings = {"goal.pass_mark": "0.5", "tune.curve": "true", "prompt.shots": "0,2", "task": "-q --yes"}
    assert browser.post("/api/climb", json={"path": "orders", "settings": settings}).status_code == 200
    [work] = studio.queue.works()
    assert work.arguments == (
        *("climb", "--pass-mark=0.5", "--curve", "--shots=0,2", "--task=-q --yes", "--", str(job)),
    )
    assert work.about == {"job": "orders"} and work.folder == str(studio.folders.home)
    assert work.title.startswith("Climb orders with goal.pass_mark = 0.5, tune.curve = true")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"goal.pass_mark": "2"}, "less than or equal to 1"),
        ({"goal.pas_mark": "0.5"}, "no setting"),
        ({"goal.pass_mark": 1}, "not texts"),
    ],
)
def test_wrong_settings_are_said_at_once(
    browser: TestClient, studio: Studio, job: Path, settings: object, said: str
) -> None:
    reply = browser.post("/api/climb", json={"path": "orders", "settings": settings})
    assert reply.status_code == 400 and said in str(reply.json()["error"])
    assert studio.queue.works() == []


def test_the_file_of_a_job_is_saved_unless_someone_else_has_changed_it(browser: TestClient, job: Path) -> None:
    seen = browser.get("/api/job", params={"path": "orders"}).json()
    assert (seen["task"], seen["pass_mark"], seen["error"]) == ("Sort.", 0.8, None)
    first = {"path": "orders", "hash": seen["hash"], "text": "task = 'Mine.'"}
    assert browser.post("/api/job", json=first).json()["task"] == "Mine."
    reply = browser.post("/api/job", json=first | {"text": "task = 'Of the other tab.'"})
    assert reply.status_code == 409 and reply.json()["error"]["now"] == "task = 'Mine.'"
    assert (job / "job.toml").read_text() == "task = 'Mine.'"


def test_a_wrong_file_is_shown_with_what_is_wrong(browser: TestClient, job: Path) -> None:
    (job / "job.toml").write_text("taks = 1")
    seen = browser.get("/api/job", params={"path": "orders"}).json()
    assert "did you mean 'task'" in seen["error"]["why"] and seen["file"] == "taks = 1"


def test_a_job_that_disappears_is_said(browser: TestClient, job: Path) -> None:
    (job / "job.toml").unlink()
    for reply in (
        browser.get("/api/job", params={"path": "orders"}),
        browser.post("/api/climb", json={"path": "orders", "settings": {}}),
        browser.get("/api/examples", params={"path": "orders"}),
    ):
        assert reply.status_code == 404 and reply.json()["error"]["fix"]


def test_a_run_is_in_the_queue_once(browser: TestClient, studio: Studio, job: Path) -> None:
    from gradschool.job import read_job
    from gradschool.run import Run

    Run.start(read_job(job), studio.folders.home / "runs" / "orders-1")
    again = {"run": "runs/orders-1"}
    assert browser.post("/api/climb", json=again).json()["about"] == {"run": "runs/orders-1", "job": "orders"}
    assert "already" in browser.post("/api/climb", json=again).json()["error"]["what"]


@pytest.mark.parametrize("body", ["[]", "{", "1", '{"path": 1}', '{"path": "../x"}', '{"path": "\\ud800"}'])
def test_any_body_gets_an_answer_that_helps(browser: TestClient, body: str) -> None:
    for place in ("climb", "job", "preview", "decide", "talk", "export", "feedback", "examples/add", "uploads/discard"):
        reply = browser.post(f"/api/{place}", content=body, headers={"content-type": "application/json"})
        assert 400 <= reply.status_code < 500, place
        assert reply.json()["error"]["what"]
    assert browser.post("/api/climb", content=body).status_code == 400  # of another type


def test_a_run_leads_to_its_job_wherever_it_was_started(browser: TestClient, studio: Studio, job: Path) -> None:
    home = studio.folders.home
    for name, folder in (("orders-1", job), ("orders-2", home / "gone"), ("orders-3", Path("/etc"))):
        Run.start(Job("orders", folder, Settings()), home / "runs" / name)
    paths = [f"runs/orders-{number}" for number in (1, 2, 3)]
    found = [browser.get("/api/run", params={"path": path}).json()["job_path"] for path in paths]
    assert found == ["orders", "", ""]


def test_a_run_that_was_removed_after_its_climb_is_not_about_to_begin(browser: TestClient, studio: Studio) -> None:
    studio.queue.add("climb", "Climb orders", ("climb",), {"job": "orders", "run": "runs/orders-1"})
    asked = {"path": "runs/orders-1"}
    assert browser.get("/api/run", params=asked).json()["begins"]["state"] == "waiting"
    studio.queue._put(replace(studio.queue.works()[0], state="done"))
    assert "is not there" in browser.get("/api/run", params=asked).json()["error"]["what"]

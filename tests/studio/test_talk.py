"""What was said in a talk becomes data, and a citation opens the document at its lines, and no other file."""

import asyncio
import json
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Send

from gradschool.data.read import read_examples
from gradschool.events import result_of
from gradschool.job import Job
from gradschool.prepare.options import PrepareOptions
from gradschool.prepare.prepare import prepare
from gradschool.run import Run
from gradschool.settings import Data, Settings
from gradschool.studio.studio import Studio
from gradschool.studio.talk import Lines

SCOPE = {"type": "http", "asgi": {"spec_version": "2.3"}}
QUESTION = [{"role": "user", "content": "When does it open?"}]


@pytest.fixture
def run(studio: Studio) -> Path:
    home = studio.folders.home
    (home / "job" / "documents").mkdir(parents=True)
    (home / "job" / "documents" / "hours.md").write_text("# Hours\n\nIt opens at <b>nine</b>.\n")
    (home / "job" / "documents" / "out.md").symlink_to("/etc/hostname")
    (home / "job" / "secret.md").write_text("secret")
    run = Run.start(Job("opening", home / "job", Settings(data=Data(documents="documents"))), home / "runs" / "o-1")
    run.specialist.mkdir()
    (run.specialist / "specialist.toml").write_text("")
    return run.folder


def judge(browser: TestClient, **more: str) -> dict[str, object]:
    body = {"path": "runs/o-1", "who": "specialist", "messages": QUESTION, "said": "At ten.", **more}
    found: dict[str, object] = browser.post("/api/feedback", json=body).json()
    return found


@pytest.mark.usefixtures("run")
def test_good_and_corrected_answers_become_examples_with_their_origin(browser: TestClient, studio: Studio) -> None:
    assert judge(browser, kind="good") == {"file": "feedback/opening.jsonl", "count": 1}
    assert judge(browser, kind="corrected", better="At nine.") == {"file": "feedback/opening.jsonl", "count": 2}
    assert judge(browser, kind="bad")["file"] == "feedback/opening-bad.jsonl"
    folder = studio.folders.home / "feedback"
    assert [one.ideal for one in read_examples(folder / "opening.jsonl", Data()).examples] == ["At ten.", "At nine."]
    row = json.loads((folder / "opening.jsonl").read_text().splitlines()[1])
    assert row["origin"]["specialist"] == "runs/o-1" and row["origin"]["said"] == "At ten." and row["origin"]["by"]
    [pair] = [json.loads(line) for line in (folder / "opening-pairs.jsonl").read_text().splitlines()]
    assert (pair["chosen"][0]["content"], pair["rejected"][0]["content"]) == ("At nine.", "At ten.")


@pytest.mark.usefixtures("run")
def test_only_the_answer_that_was_judged_is_trained_on(browser: TestClient, studio: Studio) -> None:
    talk = [
        *QUESTION,
        {"role": "assistant", "content": "Perhaps at four."},
        {"role": "user", "content": "No?"},
    ]
    browser.post(
        "/api/feedback",
        json={"path": "runs/o-1", "who": "base", "messages": talk, "said": "At ten o'clock.", "kind": "good"},
    )
    file = studio.folders.home / "feedback" / "opening.jsonl"
    [example] = read_examples(file, Data()).examples
    assert [one.content for one in example.messages] == [*(one["content"] for one in talk), "At ten o'clock."]
    result_of(prepare([file], PrepareOptions("skill"), studio.folders.home / "again"))
    rows = (studio.folders.home / "again" / "examples.jsonl").read_text().splitlines()
    assert [json.loads(row)["messages"][-1]["content"] for row in rows] == ["At ten o'clock."]


@pytest.mark.usefixtures("run")
def test_nothing_is_kept_through_a_link(browser: TestClient, studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (studio.folders.home / "feedback").symlink_to(tmp_path / "outside")
    assert "not in a folder" in str(judge(browser, kind="good"))
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.usefixtures("run")
def test_an_empty_correction_is_refused(browser: TestClient, studio: Studio) -> None:
    assert "empty" in str(judge(browser, kind="corrected", better="  "))
    assert "the answer that was given" in str(judge(browser, kind="corrected", better="At ten.\n"))
    assert "judgment" in str(judge(browser, kind="wonderful"))
    assert not (studio.folders.home / "feedback").exists()


@pytest.mark.usefixtures("run")
def test_a_citation_opens_its_lines_and_no_other_file(browser: TestClient) -> None:
    found = browser.get("/api/document", params={"path": "runs/o-1", "file": "hours.md", "line": 3}).json()
    assert found["lines"][2] == "It opens at <b>nine</b>."
    for name in ("../secret.md", "../job.toml", "/etc/passwd", "out.md", "nowhere.md", "\0", "x" * 5000):
        assert browser.get("/api/document", params={"path": "runs/o-1", "file": name}).status_code == 404, name


def test_an_answer_that_nobody_waits_for_ends_and_makes_room_for_the_next() -> None:
    ended: list[bool] = []

    def lines() -> Generator[bytes, None, None]:
        try:
            while True:
                yield b"{}\n"
        finally:
            ended.append(True)

    async def leave(talk: Generator[bytes, None, None]) -> None:
        await Lines(talk)(SCOPE, *_browser(gone := asyncio.Event(), gone))

    kept = lines()  # a reference, as a traceback has one
    asyncio.run(asyncio.wait_for(leave(kept), 20))
    assert ended == [True]


def test_a_studio_that_is_closed_while_it_answers_ends_quietly() -> None:
    def lines() -> Generator[bytes, None, None]:
        yield b"{}\n"
        time.sleep(0.3)  # a model that answers
        yield b"{}\n"

    async def close() -> None:
        begun = asyncio.Event()
        answering = asyncio.create_task(Lines(lines())(SCOPE, *_browser(begun, asyncio.Event())))
        await begun.wait()
        answering.cancel()
        await answering

    asyncio.run(asyncio.wait_for(close(), 20))


def _browser(begun: asyncio.Event, gone: asyncio.Event) -> tuple[Receive, Send]:
    """Both sides of a browser, which says that an answer has begun, and leaves when it is told."""

    async def receive() -> Message:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            begun.set()

    return receive, send


def test_a_run_without_a_specialist_says_so(browser: TestClient, run: Path) -> None:
    (run / "specialist" / "specialist.toml").unlink()
    for place in ("talk", "ship"):
        assert "no specialist yet" in browser.get(f"/api/{place}", params={"path": "runs/o-1"}).json()["error"]["what"]

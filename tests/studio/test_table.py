"""The table of examples: found by words and filters, in pages, and decided about by one tab at a time."""

import base64
import io
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow
from starlette.testclient import TestClient

from gradschool.data.decided import job_examples
from gradschool.errors import ResourceError
from gradschool.files import write_json
from gradschool.job import read_job
from gradschool.messages import IMAGE
from gradschool.studio import table as table_module
from gradschool.studio.studio import Studio
from gradschool.studio.table import PAGE, Table
from gradschool.studio.table_maker import Line, make_table, write_table
from gradschool.studio.work import Work

HOSTILE = '<img src=x onerror="alert(1)">\x1b[31m\u202e'


@pytest.fixture
def job(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A job of 250 examples, whose table is made in this process."""
    folder = studio.folders.home / "sort"
    folder.mkdir()
    rows = [
        {
            "id": f"e{n}",
            "prompt": f"Parcel {n} has 100% of_it {'late' if n % 5 else 'broken'}, {n * n}",
            "completion": label,
        }
        for n, label in ((n, ("shipping", "returns")[n % 2]) for n in range(248))
    ]
    rows += [
        {"id": "hostile", "prompt": HOSTILE, "completion": "returns"},
        {"id": "empty", "prompt": "q", "completion": ""},
    ]
    (folder / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "job.toml").write_text('[goal]\nmetric = "label"\n')

    def each(what: str, *, job: str, run: str, into: str) -> Iterator[dict[str, object]]:
        assert what == "table"
        yield from make_table(Path(job), run, Path(into))

    monkeypatch.setattr(studio.heavy, "each", each)
    monkeypatch.setattr(table_module, "MOMENT", 60)  # on a busy machine
    return folder


def page(browser: TestClient, **asked: object) -> dict[str, object]:
    found: dict[str, object] = browser.get("/api/examples", params={"path": "sort", **asked}).json()
    return found


def ids(found: dict[str, object]) -> list[str]:
    return [row["id"] for row in found["rows"]]  # type: ignore[attr-defined]


@pytest.mark.usefixtures("job")
def test_pages_filters_and_search(browser: TestClient) -> None:
    counts = browser.get("/api/examples/counts", params={"path": "sort"}).json()
    assert counts["total"] == 250 and dict(counts["state"]) == {"kept": 249, "dropped": 1}
    assert dict(counts["label"]) == {"shipping": 124, "returns": 125}
    assert sum(number for _, number in counts["part"]) == 249 and ["empty answer", 1] in counts["findings"]
    assert ids(page(browser, page=2))[0] == f"e{2 * PAGE}" and page(browser)["pages"] == 3
    assert page(browser, label="returns", search="BROKEN")["fitting"] == 25
    assert ids(page(browser, finding="empty answer")) == ["empty"]
    assert page(browser, search="100% of_it")["fitting"] == 248 and page(browser, search="ofXit")["fitting"] == 0
    assert ids(page(browser, sort="shortest"))[0] == "empty"
    assert page(browser, min="40", max="x").get("error")


@pytest.mark.usefixtures("job")
def test_hostile_text_is_data(browser: TestClient) -> None:
    [row] = page(browser, search="onerror")["rows"]  # type: ignore[misc]
    assert row["id"] == "hostile" and "\\u001b" in row["question"] and "\u202e" not in row["question"]
    for text in ("'; DROP TABLE rows; --", '"', "\\", "%", "\0"):
        assert "rows" in page(browser, search=text, label=text, finding=text)


def test_a_changed_file_makes_a_new_table(browser: TestClient, job: Path) -> None:
    assert page(browser)["fitting"] == 250
    with (job / "examples.jsonl").open("a") as file:
        file.write('{"id": "new", "prompt": "Another one?", "completion": "returns"}\n')
    assert page(browser)["fitting"] == 251


def test_of_two_tabs_the_second_sees_what_the_first_decided(browser: TestClient, job: Path) -> None:
    (job / "prepared.json").write_text("{}")
    one = browser.get("/api/example", params={"path": "sort", "n": 3}).json()
    base = {"path": "sort", "n": 3, "item": "e3", "version": one["version"]}
    first = browser.post("/api/decide", json=base | {"decision": "drop"}).json()
    assert first["decision"] == "drop" and first["by"] and first["at"]
    reply = browser.post("/api/decide", json=base | {"decision": "keep"})
    assert reply.status_code == 409 and reply.json()["error"]["now"]["decision"] == "drop"
    [row] = [json.loads(line) for line in (job / "review.jsonl").read_text().splitlines()]
    assert (row["item"], row["decision"], row["by"]) == ("e3", "drop", first["by"])
    assert ids(page(browser, decision="drop")) == ["e3"]
    edited = [{"role": "user", "content": "q?"}, {"role": "assistant", "content": "Better."}]
    base["version"] = first["version"]
    assert browser.post("/api/decide", json=base | {"decision": "edit", "messages": edited}).status_code == 200
    now = browser.get("/api/example", params={"path": "sort", "n": 3}).json()
    assert now["messages"] == edited and now["decision"] == "edit"


def test_no_decision_is_lost_in_a_preparation(browser: TestClient, studio: Studio, job: Path) -> None:
    (job / "prepared.json").write_text("{}")
    running = Work("1", "prepare", "Prepare", ("prepare",), str(job), {"job": "sort"}, state="running")
    write_json(studio.folders.state / "queue.json", [asdict(running)])
    studio.queue.__init__(studio.folders)  # type: ignore[misc]  # as after a restart
    reply = browser.post("/api/decide", json={"path": "sort", "n": 3, "item": "e3", "version": "", "decision": "drop"})
    assert reply.status_code == 409 and "being prepared" in reply.json()["error"]["what"]


def decide(browser: TestClient, n: int, decision: str, **more: object) -> dict[str, Any]:
    """A decision about an example as it is now; gives the example afterwards."""
    one = browser.get("/api/example", params={"path": "sort", "n": n}).json()
    body = {"path": "sort", "n": n, "item": one["item"], "version": one["version"], "decision": decision, **more}
    reply = browser.post("/api/decide", json=body)
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = browser.get("/api/example", params={"path": "sort", "n": n}).json()
    return found


def test_decisions_about_a_job_that_was_not_prepared_count_when_it_is_read(browser: TestClient, job: Path) -> None:
    before = (job / "examples.jsonl").read_text()
    asked = browser.get("/api/example", params={"path": "sort", "n": 4}).json()["messages"]
    edited = [asked[0], {"role": "assistant", "content": "shipping"}]
    assert decide(browser, 3, "drop")["decision"] == "drop"
    assert decide(browser, 4, "edit", messages=edited)["messages"] == edited
    found = {example.id: example.ideal for example in job_examples(read_job(job)).examples}
    assert "e3" not in found and found["e4"] == "shipping"
    (job / "job.toml").write_text('[goal]\nmetric = "exact_match"\n')  # the table is made again
    assert ids(page(browser, state="dropped")) == ["e3", "empty"] and ids(page(browser, decision="edit")) == ["e4"]
    assert decide(browser, 4, "keep")["messages"] == asked
    decide(browser, 3, "")
    assert len(job_examples(read_job(job)).examples) == len(before.splitlines())
    assert (job / "examples.jsonl").read_text() == before


def test_a_decision_about_a_line_that_holds_another_example_now_is_refused(browser: TestClient, job: Path) -> None:
    one = browser.get("/api/example", params={"path": "sort", "n": 3}).json()
    lines = (job / "examples.jsonl").read_text().splitlines(keepends=True)
    (job / "examples.jsonl").write_text("".join(lines[1:]))
    body = {"path": "sort", "n": 3, "item": one["item"], "version": one["version"], "decision": "drop"}
    reply = browser.post("/api/decide", json=body)
    assert reply.status_code == 409 and not (job / "review.jsonl").exists()


def test_images_are_neither_added_nor_removed(browser: TestClient, job: Path) -> None:
    row = {"id": "pictured", "prompt": f"What is {IMAGE}?", "completion": "returns"}
    (job / "examples.jsonl").write_text(f"{json.dumps(row)}\n{(job / 'examples.jsonl').read_text()}")
    one = browser.get("/api/example", params={"path": "sort", "n": 0}).json()
    messages = [{"role": "user", "content": "What is it?"}, one["messages"][1]]
    body = {"path": "sort", "n": 0, "item": "pictured", "version": one["version"], "decision": "edit"}
    reply = browser.post("/api/decide", json=body | {"messages": messages})
    assert reply.status_code == 400 and "images" in reply.json()["error"]["what"]


def test_images_are_shown_next_to_their_questions(browser: TestClient, job: Path) -> None:
    Pillow.new("RGB", (900, 300), "red").save(job / "a.png")
    Pillow.new("RGB", (90, 30), "blue").save(job / "b.png")
    rows = [
        {"id": "one", "image": "a.png", "question": "Which colour?", "answer": "red"},
        {"id": "two", "image": "b.png", "question": "Which colour?", "answer": "blue"},
    ]
    (job / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (job / "b.png").write_bytes(b"")  # it is named among the findings, and shown as none
    [found, *_] = page(browser)["rows"]  # type: ignore[misc]
    assert found["question"] == "Which colour?" and found["images"][0].startswith("data:image/png;base64,")
    one = browser.get("/api/example", params={"path": "sort", "n": 0})
    shown = Pillow.open(io.BytesIO(base64.b64decode(one.json()["images"][0].partition(",")[2])))
    assert shown.size == (480, 160)
    assert "img-src 'self' data:;" in one.headers["content-security-policy"]
    (job / "a.png").unlink()
    assert page(browser)["rows"][0]["images"] == []  # type: ignore[index]


def test_a_page_is_told_how_far_the_table_is(
    browser: TestClient, studio: Studio, job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def slow(what: str, *, job: str, run: str, into: str) -> Iterator[dict[str, object]]:
        for reply in make_table(Path(job), run, Path(into)):
            yield reply
            if reply.get("done"):
                go_on.wait(30)

    monkeypatch.setattr(studio.heavy, "each", slow)
    monkeypatch.setattr(table_module, "MOMENT", 0.01)
    end = time.monotonic() + 30
    while (reply := browser.get("/api/examples", params={"path": "sort"})).status_code == 202:
        working = reply.json()["working"]
        assert time.monotonic() < end and working["seconds"] >= 0
        if working.get("done"):
            assert (working["doing"], working["done"], working["total"]) == ("Writing the table", 250, 250)
            go_on.set()
    assert reply.json()["fitting"] == 250 and go_on.is_set()


def test_an_error_of_the_making_is_said_once_and_it_is_tried_again(
    browser: TestClient, studio: Studio, job: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(what: str, **asked: str) -> Iterator[dict[str, object]]:
        raise ResourceError("The disk is full.", "", "free some space.")
        yield {}

    with monkeypatch.context() as patched:
        patched.setattr(studio.heavy, "each", broken)
        for _ in range(2):
            reply = browser.get("/api/examples", params={"path": "sort"})
            assert reply.status_code == 507 and reply.json()["error"]["fix"] == "free some space."
    assert page(browser)["fitting"] == 250


def test_a_table_that_is_damaged_is_said_and_made_again(browser: TestClient, studio: Studio, job: Path) -> None:
    assert page(browser)["fitting"] == 250
    [file] = (studio.folders.state / "tables").glob("*.sqlite")
    file.write_bytes(b"no database" * 1000)
    reply = browser.get("/api/examples", params={"path": "sort"})
    assert reply.status_code == 507 and "SQLite says" in reply.json()["error"]["why"]
    assert page(browser)["fitting"] == 250


def test_examples_outside_of_the_folders_are_not_shown(browser: TestClient, job: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.jsonl").write_text((job / "examples.jsonl").read_text())
    (job / "job.toml").write_text('[data]\nexamples = "../../secret.jsonl"\n')
    reply = browser.get("/api/examples", params={"path": "sort"})
    assert reply.status_code == 403 and "not in a folder that was named" in reply.json()["error"]["what"]


def test_nothing_is_added_through_a_link(browser: TestClient, job: Path, tmp_path: Path) -> None:
    (tmp_path / "other.jsonl").write_text("")
    (job / "added.jsonl").symlink_to(tmp_path / "other.jsonl")
    messages = [{"role": "user", "content": "q?"}, {"role": "assistant", "content": "a"}]
    assert browser.post("/api/examples/add", json={"path": "sort", "messages": messages}).status_code == 403
    assert (tmp_path / "other.jsonl").read_text() == ""


def test_an_example_is_added_with_who_and_when(browser: TestClient, job: Path) -> None:
    messages = [{"role": "user", "content": "q?"}, {"role": "assistant", "content": "a"}]
    assert browser.post("/api/examples/add", json={"path": "sort", "messages": messages}).json()["added"] == 1
    row = json.loads((job / "added.jsonl").read_text())
    assert row["messages"] == messages and row["by"] and row["at"]


def test_a_hundred_thousand_examples_stay_smooth(tmp_path: Path) -> None:
    """Each question is answered from the file: a page, a search through all texts, an order, and the counts."""
    asked = [{"role": "user", "content": "Where is my parcel?"}, {"role": "assistant", "content": "On its way."}]
    lines = (
        Line(f"e{n}", asked, f"examples.jsonl:{n + 1}", part=("train", "test")[n % 2], label=str(n % 7))
        for n in range(100_000)
    )
    assert list(write_table(tmp_path / "t.sqlite", lines))[-1] == 100_000
    table = Table(tmp_path / "t.sqlite", {})
    assert len(table.page({}, 999)["rows"]) == PAGE and table.page({}, 1000)["rows"] == []
    for filters in (
        {},
        {"search": "e99 parcel"},
        {"label": "3", "part": "test", "sort": "longest"},
        {"search": "none"},
    ):
        began = time.process_time()
        table.page(filters, 0)
        assert time.process_time() - began < 1, filters
    began = time.process_time()
    assert table.counts()["total"] == 100_000
    assert time.process_time() - began < 1


def test_the_question_of_a_line_is_what_the_user_asked_and_not_what_a_tool_said() -> None:
    said = (("user", "Is it sunny?"), ("assistant", "call"), ("tool", "sunny=1"), ("assistant", "Yes."))
    line = Line("a", [{"role": role, "content": content} for role, content in said], "a.jsonl:1")
    assert line.values(0)[2:4] == ("Is it sunny?", "Yes.")

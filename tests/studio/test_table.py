"""The table of examples: found by words and filters, in pages, and decided about by one tab at a time."""

import json
import time
from dataclasses import asdict
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from gradschool.files import write_json
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

    def ask(what: str, *, job: str, run: str, into: str) -> list[dict[str, object]]:
        assert what == "table"
        return [make_table(Path(job), run, Path(into))]

    monkeypatch.setattr(studio.heavy, "ask", ask)
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
    base = {"path": "sort", "n": 3, "version": one["version"]}
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
    reply = browser.post("/api/decide", json={"path": "sort", "n": 3, "version": "", "decision": "drop"})
    assert reply.status_code == 409 and "being prepared" in reply.json()["error"]["what"]


@pytest.mark.usefixtures("job")
def test_decisions_about_a_job_that_was_not_prepared_are_refused(browser: TestClient) -> None:
    one = browser.get("/api/example", params={"path": "sort", "n": 3}).json()
    reply = browser.post("/api/decide", json={"path": "sort", "n": 3, "version": one["version"], "decision": "drop"})
    assert reply.status_code == 400 and "not prepared" in reply.json()["error"]["what"]


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
    write_table(tmp_path / "t.sqlite", lines)
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

"""From files to a job: nothing is in the user's folder until the user says so."""

import json
import time
from typing import Any

import pytest
from starlette.testclient import TestClient

from gradschool.studio import preparing
from gradschool.studio.studio import Studio
from gradschool.studio.work import ENDED

ROWS = "question,answer\n" + "".join(
    f'"Write to orla{n % 3}@venn-bakery.com about cake {n}, please.",Cake {n} is ready.\n' for n in range(24)
)


def look(browser: TestClient, studio: Studio, **asked: Any) -> dict[str, Any]:
    """Prepare, wait, and give what was found."""
    reply = browser.post("/api/preview", json={"purpose": "skill", "name": "cakes", **asked}).json()
    assert "error" not in reply, reply
    return wait(browser, studio, reply["about"]["preview"])


def wait(browser: TestClient, studio: Studio, id_: str) -> dict[str, Any]:
    end = time.monotonic() + 120
    while studio.queue.works()[-1].state not in ENDED:
        assert time.monotonic() < end
        time.sleep(0.05)
        studio.queue.advance()
    found: dict[str, Any] = browser.get("/api/preview", params={"id": id_}).json()
    return found | {"id": id_}


def test_a_table_becomes_a_job_with_what_was_decided_about_private_data(browser: TestClient, studio: Studio) -> None:
    home = studio.folders.home
    (home / "cakes.csv").write_text(ROWS)
    found = look(browser, studio, sources=["cakes.csv"], pass_mark="0.5")
    assert (
        found["result"]["kept"] == 24
        and len(found["values"]) == 3
        and "venn-bakery" not in json.dumps(found["examples"])
    )
    assert sorted(path.name for path in home.iterdir()) == [".gradschool-studio", "cakes.csv"]
    kept, replaced = found["values"][:2]
    for value, decision in (
        (kept, {"decision": "keep"}),
        (replaced, {"decision": "edit", "as": "someone@else.example"}),
    ):
        body = {"id": found["id"], "kind": "value", "key": value["value"], **decision}
        assert browser.post("/api/preview/decide", json=body).status_code == 200
    early = browser.post("/api/preview/create", json={"id": found["id"]})
    assert early.status_code == 400 and "do not have yet" in early.json()["error"]["what"]
    browser.post("/api/preview/again", json={"id": found["id"]})
    again = wait(browser, studio, found["id"])
    text = json.dumps(again["examples"])
    assert kept["text"] in text and replaced["text"] not in text and "someone@else.example" in text
    assert browser.post("/api/preview/create", json={"id": found["id"]}).json() == {"path": "cakes"}
    assert "pass_mark = 0.5" in (home / "cakes" / "job.toml").read_text()
    assert ".gradschool-studio" not in (home / "cakes" / "report.md").read_text()
    rows = [json.loads(line) for line in (home / "cakes" / "review.jsonl").read_text().splitlines()]
    assert [(bool(row["by"]), row["decision"]) for row in rows if "by" in row] == [(True, "keep"), (True, "edit")]
    assert browser.get("/api/preview", params={"id": found["id"]}).status_code == 404  # it was used
    assert browser.post("/api/prepare", json={"path": "cakes"}).json()["title"] == "Prepare cakes again"


def test_private_values_that_are_not_shown_are_counted(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "MAX_VALUES", 2)
    job = studio.folders.home
    rows = [{"value": f"name:{n}", "text": f"Orla {n}", "decision": ""} for n in range(5)]
    (job / "review.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (job / "examples.jsonl").write_text("")
    found = preparing.contents(job)
    assert (len(found["values"]), found["more_values"]) == (2, 3)


def test_a_wrong_file_is_said_and_nothing_is_left(browser: TestClient, studio: Studio) -> None:
    (studio.folders.home / "noise.csv").write_bytes(bytes(range(256)) * 20)
    found = look(browser, studio, sources=["noise.csv"])
    assert found["work"]["state"] == "failed" and "What to do" in found["work"]["said"]
    assert browser.post("/api/preview/create", json={"id": found["id"]}).status_code == 400
    assert not (studio.folders.home / "cakes").exists()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"name": "../x"}, "needs a name"),
        ({"name": ""}, "needs a name"),
        ({"name": "there"}, "already a folder"),
        ({"purpose": "magic"}, "what the examples should teach"),
        ({"sources": []}, "no files"),
        ({"sources": ["/etc/passwd"]}, "not in a folder that was named"),
        ({"guidelines": "/etc/passwd"}, "not in a folder that was named"),
        ({"others": ["../x"]}, "not in a folder that was named"),
    ],
)
def test_what_cannot_be_prepared_is_refused_at_once(
    browser: TestClient, studio: Studio, asked: dict[str, Any], said: str
) -> None:
    (studio.folders.home / "there").mkdir()
    (studio.folders.home / "a.csv").write_text(ROWS)
    body = {"purpose": "skill", "name": "new", "sources": ["a.csv"]} | asked
    assert said in browser.post("/api/preview", json=body).json()["error"]["what"]
    assert studio.queue.works() == []

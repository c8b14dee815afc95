"""Exports and servers in a page: their parity, the commands of the card, and the address of a server."""

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from gradschool.job import Job
from gradschool.run import Run
from gradschool.settings import Settings
from gradschool.studio.queue import Queue
from gradschool.studio.studio import Studio

COMMANDS = "```sh\nollama create a -f Modelfile\nollama run a\n```\n"
CARD = f"# A card\n\nIn Ollama (the `Modelfile` has all):\n\n{COMMANDS}\n```python\nx\n```\n"


@pytest.fixture
def run(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Queue, "advance", lambda queue: None)
    run = Run.start(Job("orders", studio.folders.home, Settings()), studio.folders.home / "runs" / "orders-1")
    run.specialist.mkdir()
    (run.specialist / "specialist.toml").write_text("")
    return run.folder


def shipped(browser: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = browser.get("/api/ship", params={"path": "runs/orders-1"}).json()
    return found


def test_an_export_shows_its_parity_and_the_commands_of_its_card(
    browser: TestClient, studio: Studio, run: Path
) -> None:
    (studio.folders.home / "exports" / "orders-1-ollama").mkdir(parents=True)
    asked = {"path": "runs/orders-1", "to": "ollama", "smallest": True}
    assert browser.post("/api/export", json=asked).status_code == 200
    [work] = studio.queue.works()
    folder = studio.folders.home / "exports" / "orders-1-ollama-2"  # nothing is replaced
    assert work.arguments == (
        *("export", "--to", "ollama", "--smallest", "--output", str(folder), "--json", "--", str(run)),
    )
    assert shipped(browser)["exports"][0]["commands"] == []
    folder.mkdir()
    (folder / "parity.json").write_text('{"environment": {"cores": 2}}')
    (folder / "README.md").write_text(CARD)
    (folder / "orders.gguf").write_text("")
    (folder / "pocket-5M-orders-F32-LoRA.gguf").write_text("")  # not a model by itself
    place = studio.queue.place(work)
    place.output.parent.mkdir()
    place.output.write_text(json.dumps({"folder": str(folder), "table": [{"form": "gguf q8_0"}]}))
    [one] = shipped(browser)["exports"]
    assert one["folder"] == str(folder) and one["table"] == [{"form": "gguf q8_0"}]
    assert one["commands"] == [
        {"for": "In Ollama (the Modelfile has all):", "command": "ollama create a -f Modelfile\nollama run a"},
        {"for": "In LM Studio:", "command": f"lms import {folder / 'orders.gguf'}"},
    ]


@pytest.mark.usefixtures("run")
def test_exports_that_wait_have_folders_of_their_own(browser: TestClient, studio: Studio) -> None:
    for _ in range(2):
        browser.post("/api/export", json={"path": "runs/orders-1", "to": "merged"})
    names = [Path(work.arguments[work.arguments.index("--output") + 1]).name for work in studio.queue.works()]
    assert names == ["orders-1-merged", "orders-1-merged-2"]


@pytest.mark.parametrize("written", ["", "{", "[]", '{"folder": 1}', '{"folder": "nowhere"}'])
@pytest.mark.usefixtures("run")
def test_an_export_that_was_killed_while_it_wrote_is_shown(browser: TestClient, studio: Studio, written: str) -> None:
    browser.post("/api/export", json={"path": "runs/orders-1", "to": "merged"})
    place = studio.queue.place(studio.queue.works()[0])
    place.output.parent.mkdir()
    place.output.write_text(written)
    [one] = shipped(browser)["exports"]
    assert (one["folder"], one["table"], one["commands"]) == ("", [], [])


@pytest.mark.usefixtures("run")
def test_a_server_shows_its_address(browser: TestClient, studio: Studio) -> None:
    browser.post("/api/serve", json={"path": "runs/orders-1"})
    [work] = studio.queue.works()
    assert work.arguments[:3] == ("serve", "--port", "0") and work.lasts
    place = studio.queue.place(work)
    place.output.parent.mkdir()
    place.output.write_text(
        "Serving at http://127.0.0.1:4321/v1 (stop with Ctrl-C)\nTry it:\n  curl http://127.0.0.1:4321/v1 -d x\n"
    )
    [server] = shipped(browser)["servers"]
    assert server["address"] == "http://127.0.0.1:4321/v1" and server["curl"].startswith("curl ")


def test_a_specialist_whose_base_is_on_a_server_says_so(browser: TestClient, run: Path) -> None:
    file = run / "specialist" / "specialist.toml"
    for written, server in (
        ('[base]\nkind = "remote"\naddress = "http://localhost:1/v1"', "http://localhost:1/v1"),
        ('[base]\nkind = "local"\naddress = ""', ""),
        ("base = 1", ""),
        ("[", ""),
    ):
        file.write_text(written)
        assert shipped(browser)["server"] == server


@pytest.mark.usefixtures("run")
def test_unknown_forms_are_refused(browser: TestClient, studio: Studio) -> None:
    for asked in ({"to": "zip"}, {"to": "gguf", "format": "q1"}, {}):
        assert browser.post("/api/export", json={"path": "runs/orders-1", **asked}).status_code == 400
    assert studio.queue.works() == []

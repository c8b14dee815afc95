"""A run as the pages follow it: from its events, while another process writes them."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from finish import finish
from gradschool.job import Job
from gradschool.records import Event, Note, Progress, RungResult, Step, Work
from gradschool.run import Run
from gradschool.rungs.ladder import LADDER
from gradschool.settings import Settings
from gradschool.studio import recorded
from gradschool.studio.folders import Folders
from gradschool.studio.recorded import RUNGS, Summaries, details, live, summary

EVENTS: tuple[Event, ...] = (
    Note("It begins."),
    Progress("base: answering", 3, 10),
    RungResult("ground", None, skipped="the job names no documents"),
    Step(1, 4, 0.1, 2.5, 0.01, 100, training="training"),
)


def work(*events: Event) -> Work[None]:
    yield from events


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run.start(Job("orders", tmp_path, Settings()), tmp_path / "runs" / "orders-1")
    with run:
        finish(run.recorded(work(*EVENTS)))
    return run


def test_the_ladder_here_is_the_ladder_that_is_climbed() -> None:
    assert tuple(rung.name for rung in LADDER) == RUNGS


def test_events_are_given_once_each_from_where_the_page_is(run: Run) -> None:
    first = live(run.folder, 0)
    assert [event["event"] for event in first["events"]] == ["Note", "Progress", "RungResult", "Step"]
    assert first["events"][1]["done"] == 3 and first["events"][3]["loss"] == 2.5
    with (run.folder / "events.jsonl").open("a") as file:
        file.write(json.dumps({"time": 1.0, "event": "Note"} | asdict(Note("More."))) + '\n{"time": 2.0, "ev')
    second = live(run.folder, first["after"])
    assert [event["text"] for event in second["events"]] == ["More."]
    assert live(run.folder, second["after"])["events"] == [] and not second["running"]


def test_a_page_that_is_behind_gets_the_events_in_parts(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded, "CHUNK", 150)
    seen, after, more = [], 0, True
    while more:
        found = live(run.folder, after)
        seen += found["events"]
        after, more = found["after"], found["more"]
    assert seen == live(run.folder, 0)["events"] + seen[len(live(run.folder, 0)["events"]) :] and len(seen) == 4


def test_what_is_no_event_and_what_is_no_number_do_not_stop_the_page(run: Run) -> None:
    bad = ["[]", '{"time": 1, "event": "Other"}', '{"time": "x", "event": "Note", "text": "a"}', "{", "\x00"]
    loss = (
        '{"time": 1, "event": "Step", "step": 2, "steps": 4, "epoch": 1, "loss": NaN, "learning_rate": 1, "tokens": 1}'
    )
    with (run.folder / "events.jsonl").open("a") as file:
        file.write("\n".join([*bad, loss]) + "\n")
    found = live(run.folder, 0)["events"]
    assert len(found) == 5 and found[-1]["loss"] is None
    json.dumps(found, allow_nan=False)


def test_a_run_that_is_climbed_is_running(run: Run) -> None:
    with run:
        assert summary(run.folder, "x")["state"] == "running" and live(run.folder, 0)["memory"] > 0
    assert summary(run.folder, "x")["state"] == "stopped"
    assert details(run.folder)["rungs"] == list(RUNGS)


def test_a_run_that_cannot_be_read_is_named_as_damaged(run: Run) -> None:
    (run.folder / "run.json").write_text("{")
    found = summary(run.folder, "runs/orders-1")
    assert found["state"] == "damaged" and found["path"] == "runs/orders-1"


def test_a_summary_is_read_again_when_the_run_has_changed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    home = run.folder.parents[1]
    summaries, reads = Summaries(Folders((home,))), list[str]()

    def read(folder: Path, shown: str) -> dict[str, str]:
        reads.append(shown)
        return {"path": shown}

    monkeypatch.setattr(recorded, "summary", read)
    for _ in range(3):
        assert summaries.all() == [{"path": "runs/orders-1"}]
    assert reads == ["runs/orders-1"]
    (run.folder / "done").mkdir(exist_ok=True)
    (run.folder / "done" / "x.json").write_text("{}")
    summaries.all()
    assert len(reads) == 2
    (run.folder / "run.json").unlink()
    assert summaries.all() == []


def test_a_finished_run_has_its_verdict(whole: "object") -> None:
    folder = whole.run  # type: ignore[attr-defined]
    found = summary(folder, "x")
    assert (found["state"], found["rung"]) == ("failed", details(folder)["packaged"])
    assert found["low"] <= found["score"] <= found["high"]
    assert [rung for rung, tried in details(folder)["tried"].items() if tried["tried"]][-1] == "tune"

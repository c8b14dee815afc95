"""A run: steps are executed once, one process holds it, events are recorded, and damage is reported."""

import math
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from finish import finish
from forked import Forked
from gradschool import run as run_module
from gradschool.environment import environment, peak_memory
from gradschool.errors import DamagedError, UsageError
from gradschool.files import append_line
from gradschool.job import Job
from gradschool.records import (
    Cost,
    Difference,
    Example,
    Gate,
    Interval,
    Message,
    Note,
    Progress,
    Report,
    RungResult,
    Score,
    Source,
    Step,
    Work,
)
from gradschool.run import Run, next_folder
from gradschool.run_keys import Key, result_key
from gradschool.rungs.rung import Candidate
from gradschool.rungs.training import Trained
from gradschool.settings import Settings
from gradschool.specialist import Recipe

STEP: Key[float] = Key("step", float)
CHOICE: Key[str] = Key("choice", str)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.start(Job("small", tmp_path, Settings(task="é")), tmp_path / "runs" / "small-1")


def counted(value: Any, calls: list[int]) -> Callable[[], Work[Any]]:
    def work() -> Work[Any]:
        calls.append(1)
        yield Note("working")
        return value

    return work


SCORE = Score(0.5, Interval(0.4, 0.6, 0.95), 10, 9)
EXAMPLE = Example("e1", (Message("user", "q"), Message("assistant", "a")), "g", Source("f", 1))
VALUES: list[tuple[Any, Any]] = [
    (0.25, float),
    (float("inf"), float),
    ("a path", str),
    (Trained(("a", "b"), 7, (Gate("g", True, "e"),)), Trained),
    (Candidate(Recipe("do", 1, True, (EXAMPLE,), 2, "i"), 0.5, (("t", 0.1),), (Gate("g", False, "e"),)), Candidate),
    (
        RungResult(
            "tune",
            Report(
                "label",
                SCORE,
                "not proven",
                0.5,
                30,
                {"rule": SCORE},
                {"cut off": 1},
                Cost(1, 2, 3),
                Difference("base", 0.1, SCORE.interval),
            ),
        ),
        RungResult,
    ),
]


@pytest.mark.parametrize("value, form", VALUES, ids=[type(value).__name__ for value, _ in VALUES])
def test_a_step_runs_once_and_its_result_is_read_back_unchanged(run: Run, value: Any, form: Any) -> None:
    calls: list[int] = []
    first, events = finish(run.once(Key("step", form), counted(value, calls)))
    assert (first, len(events)) == (value, 1)
    again, events = finish(Run.open(run.folder).once(Key("step", form), counted(value, calls)))
    assert (again, events, len(calls)) == (value, [], 1)
    assert type(again) is type(value)


def test_a_run_in_an_empty_folder_of_the_user_is_private_and_a_used_folder_stays_as_it_is(tmp_path: Path) -> None:
    for name in ("empty", "used"):
        (tmp_path / name).mkdir(mode=0o755)
    (tmp_path / "used" / "mine").write_text("x")
    for name in ("empty", "used", "new"):
        Run.start(Job("small", tmp_path, Settings()), tmp_path / name).save(STEP, 1.0)
    modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in ("empty", "used", "new")}
    assert modes == {"empty": 0o700, "used": 0o755, "new": 0o700}
    for name in ("empty", "new"):
        assert [path for path in (tmp_path / name).rglob("*") if path.stat().st_mode & 0o077] == []


def test_a_failed_step_runs_again(run: Run) -> None:
    def fails() -> Work[float]:
        yield Note("x")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        finish(run.once(STEP, fails))
    interrupted = run.once(STEP, counted(1.0, []))
    next(interrupted)
    interrupted.close()
    calls: list[int] = []
    assert finish(run.once(STEP, counted(2.0, calls)))[0] == 2.0
    assert calls == [1]


@pytest.mark.parametrize("damage", [b"", b"{", b'{"text": 1', b"\xff\x00\x80", b"[]", b'"word"', b"null"])
def test_a_damaged_result_is_reported_by_file_and_can_be_made_again(run: Run, damage: bytes) -> None:
    finish(run.once(STEP, counted(2.0, [])))
    path = run.folder / "done" / "step.json"
    path.write_bytes(damage)
    calls: list[int] = []
    with pytest.raises(DamagedError) as caught:
        finish(run.once(STEP, counted(3.0, calls)))
    assert str(path) in caught.value.what and "delete it" in caught.value.fix
    assert calls == []
    with pytest.raises(DamagedError):
        run.saved(STEP)
    path.unlink()
    assert finish(run.once(STEP, counted(3.0, calls)))[0] == 3.0


def test_a_saved_value_is_not_overwritten(run: Run) -> None:
    assert run.saved(CHOICE) is None
    assert run.save(CHOICE, "one") == "one"
    assert run.save(CHOICE, "two") == "one"
    assert run.saved(CHOICE) == "one"


def test_a_run_is_opened_with_the_job_it_began_with(run: Run, tmp_path: Path) -> None:
    opened = Run.open(run.folder)
    assert opened.job == Job("small", tmp_path.resolve(), Settings(task="é"))
    with pytest.raises(UsageError, match="already holds a run") as caught:
        Run.start(run.job, run.folder)
    assert f"--resume {run.folder}" in caught.value.fix
    with pytest.raises(UsageError, match="is not a run"):
        Run.open(tmp_path)


@pytest.mark.parametrize("damage", ["{", "[]", "3", "{}", '{"name": "x", "folder": "y", "settings": {"zzz": 1}}'])
def test_a_damaged_run_is_reported(run: Run, damage: str) -> None:
    (run.folder / "run.json").write_text(damage)
    with pytest.raises(DamagedError, match=r"run\.json"):
        Run.open(run.folder)


HOLD = """
import sys
from pathlib import Path
from gradschool.run import Run
with Run.open(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def holder(run: Run) -> Iterator["subprocess.Popen[str]"]:
    """Another process that holds the run."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run.folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_two_processes_cannot_climb_one_run(run: Run, holder: "subprocess.Popen[str]") -> None:
    with pytest.raises(UsageError, match="climbed by another process"), run:
        raise AssertionError("the second process got the lock")
    holder.kill()
    holder.communicate()
    with run:  # a killed process holds nothing
        pass
    with run:  # and it can be taken again
        pass


def race(folder: Path, gate: Path) -> None:
    """Start a run in a folder once the gate is there; say who won, and hold the run until the gate is gone."""
    while not gate.exists():
        pass
    try:
        with Run.start(Job("small", folder.parent, Settings()), folder) as started:
            started.save(CHOICE, str(os.getpid()))
            sys.stdout.write(f"won {os.getpid()}\n")
            sys.stdout.flush()
            while gate.exists():
                time.sleep(0.01)
    except UsageError as error:
        sys.stdout.write(f"lost {error.what}\n")
        sys.stdout.flush()


def test_of_processes_that_start_at_once_one_wins_and_the_others_delete_nothing(tmp_path: Path) -> None:
    folder, gate = tmp_path / "run", tmp_path / "gate"
    racers = [Forked(race, folder, gate, cwd=tmp_path) for _ in range(4)]
    gate.touch()
    said = [racer.stdout.readline().split(maxsplit=1) for racer in racers]
    gate.unlink()
    assert [racer.communicate(30)[1] for racer in racers] == [""] * 4
    (winner,) = [rest.strip() for word, rest in said if word == "won"]
    lost = [rest for word, rest in said if word == "lost"]
    assert len(lost) == 3 and all(re.search("climbed by another process|already holds a run", rest) for rest in lost)
    run = Run.open(folder)
    assert run.saved(CHOICE) == winner and (folder / "environment.json").exists()


def test_events_are_recorded_as_they_pass(run: Run) -> None:
    told = [Note("why", "warning"), Step(1, 2, 0.5, 1.25, 1e-3, 10), RungResult("base", None, skipped="so")]

    def work() -> Work[str]:
        yield from told
        return "done"

    result, passed = finish(run.recorded(work()))
    assert (result, passed) == ("done", told)
    lines = run.events()
    assert [line.event for line in lines] == told
    assert [line.time for line in lines] == sorted(line.time for line in lines)


@pytest.mark.parametrize("clock", [-1e9, 0.0, 1e12])
def test_events_can_be_read_whatever_the_clock_said(clock: float, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: clock)

    def work() -> Work[None]:
        yield Note("why")

    finish(run.recorded(work()))
    assert [line.event for line in run.events()] == [Note("why")]


def test_events_of_other_versions_are_read_without_those_of_unknown_kinds(run: Run) -> None:
    older = {"step": 1, "steps": 2, "epoch": 0.5, "loss": math.nan, "learning_rate": 1e-3, "tokens": 10}
    for kind, rest in (("Step", older), ("Pause", {"for": 3}), ("Note", {"text": "on", "newer": True})):
        append_line(run.folder / "events.jsonl", {"time": 1, "event": kind} | rest)
    first, second = (line.event for line in run.events())
    assert isinstance(first, Step) and math.isnan(first.loss) and first.training == ""
    assert second == Note("on")


@pytest.mark.parametrize(
    "line", [7, {"time": 1}, {"time": "noon", "event": "Note", "text": "a"}, {"time": 1, "event": "Note"}]
)
def test_a_damaged_event_is_an_error_that_names_the_file(run: Run, line: object) -> None:
    append_line(run.folder / "events.jsonl", line)
    with pytest.raises(DamagedError, match=r"events\.jsonl cannot be read"):
        run.events()


def test_results_and_answers_to_the_test_are_listed_by_rung(run: Run) -> None:
    for rung in ("tune", "base", "my-test"):
        append_line(run.test_answers(rung), {})
        run.save(result_key(rung), RungResult(rung, None))
    append_line(run.answers("base-validation-1"), {})
    assert run.answered() == ["base", "my-test", "tune"]
    assert [result.rung for result in run.results()] == ["base", "my-test", "tune"]


def test_events_up_to_an_error_are_on_disk(run: Run) -> None:
    def work() -> Work[None]:
        yield Note("before")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        finish(run.recorded(work()))
    assert [line.event for line in run.events()] == [Note("before")]


def test_progress_is_recorded_at_intervals_and_at_its_end(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(run_module.time, "monotonic", lambda: now[0])

    def work() -> Work[None]:
        for done in range(1, 101):
            now[0] += 0.1
            yield Progress("one", done, 100)
            yield Progress("other", done, 0)
            yield Note(str(done))

    _, passed = finish(run.recorded(work()))
    assert len(passed) == 300  # a screen sees them all
    events = [line.event for line in run.events()]
    assert sum(isinstance(event, Note) for event in events) == 100
    one, other = (
        [event.done for event in events if isinstance(event, Progress) and event.what == what]
        for what in ("one", "other")
    )
    assert one[0] == 1 and one[-1] == 100
    assert 5 <= len(one) <= 7  # 10 seconds at 2 seconds each, and the last
    assert 5 <= len(other) <= 6


def test_an_incomplete_last_event_is_ignored(run: Run) -> None:
    finish(run.recorded(counted(1, [])()))
    with (run.folder / "events.jsonl").open("ab") as file:
        file.write(b'{"time": 1, "eve')
    finish(run.recorded(counted(1, [])()))
    assert [line.event for line in run.events()] == [Note("working")] * 2


def test_a_new_run_that_fails_early_removes_its_own_files_only(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("notes.txt", "fit.jsonl", "events.txt"):
        (folder / name).write_text("mine")
    with pytest.raises(UsageError), Run.start(Job("small", tmp_path, Settings()), folder):
        raise UsageError("No data.", "It is empty.", "add some.")
    assert {path.name: path.read_text() for path in folder.iterdir()} == dict.fromkeys(
        ("notes.txt", "fit.jsonl", "events.txt"), "mine"
    )


def test_run_folders_are_numbered(tmp_path: Path) -> None:
    assert next_folder("job", tmp_path) == tmp_path / "job-1"
    (tmp_path / "job-1").mkdir()
    (tmp_path / "job-3").mkdir()
    assert next_folder("job", tmp_path) == tmp_path / "job-2"


def test_the_environment_lists_what_a_result_depends_on(run: Run) -> None:
    found = environment()
    assert found == run.environment
    assert found.packages["torch"].startswith("2.") and found.packages["gradschool"]
    assert found.memory > 1 << 28 and found.cores and found.processor
    assert 1 << 20 < peak_memory() < found.memory
    (run.folder / "environment.json").write_text('{"python": "3.11"}')
    with pytest.raises(DamagedError, match=r"environment\.json cannot be read"):
        _ = run.environment
    (run.folder / "environment.json").unlink()
    assert run.environment is None


@pytest.mark.parametrize(
    "name",
    ["done/taxes.txt", "work/taxes.txt", "answers/a.txt", "events.jsonl", "environment.json", "specialist/own.txt"],
)
def test_a_folder_with_files_of_the_user_is_refused_and_stays(tmp_path: Path, name: str) -> None:
    mine = tmp_path / "mine" / name
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with pytest.raises(UsageError, match="files that are not of a run"):
        Run.start(Job("small", tmp_path, Settings()), tmp_path / "mine")
    assert mine.read_text() == "mine"
    assert {path.name for path in (tmp_path / "mine").iterdir()} <= {name.partition("/")[0], ".lock"}


def test_a_folder_whose_name_is_not_in_utf8_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    with pytest.raises(UsageError, match="not in UTF-8") as caught:
        Run.start(Job("lots", tmp_path, Settings(base_model="fake")), folder)
    assert "rename" in caught.value.fix and not folder.exists()

"""Runs are listed, compared and removed; files of the user stay."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import small_job
from gradschool.errors import UsageError
from gradschool.files import read_lines, write_lines
from gradschool.package.floor_words import NAMES
from gradschool.records import Cost, Interval, Report, RungResult, Score
from gradschool.runs import RunSummary, comparable, compare_runs, list_runs, remove_run, summary_of
from gradschool.score import time_limit
from resealed import reseal

JOB = 'task = "Say it back."\nbase_model = "fake"\n[goal]\nmetric = "exact_match"\npass_mark = {mark}\n'


@pytest.fixture
def two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    monkeypatch.chdir(tmp_path)
    rows = [{**row, "completion": row["prompt"]} for row in small_job.rows(72)]
    job = small_job.write_job(tmp_path / "an echo", JOB.format(mark=0.7), rows)
    for _ in range(2):
        assert small_job.run("climb", job).exit_code == 0
    return [Path("runs/an echo-1"), Path("runs/an echo-2")]


def test_runs_are_listed_and_compared(two: list[Path]) -> None:
    (two[0].parent / "bad").mkdir()
    (two[0].parent / "bad" / "run.json").write_text("{")
    assert [(one.run, one.state) for one in list_runs()] == [
        (str(two[0]), "passed"),
        (str(two[1]), "passed"),
        ("runs/bad", "damaged"),
    ]
    compared = compare_runs(*two)
    assert compared.difference and compared.difference.mean == 0 and compared.settings == {}
    assert "+0.000" in small_job.run("runs", *two).stdout
    assert "gradschool runs" in small_job.run("runs").stdout
    listed = json.loads(small_job.run("runs", "--json").stdout)
    assert [one["state"] for one in listed] == ["passed", "passed", "damaged"]
    page = json.loads(small_job.run("report", two[0], "-o", "page.html", "--json").stdout)
    assert page["written"] == "page.html" and Path("page.html").exists() and page["run"] == listed[0]


def test_a_run_is_removed_only_on_confirmation_and_files_of_the_user_stay(two: list[Path]) -> None:
    (two[0] / "notes.txt").write_text("mine")
    refused = small_job.run("runs", "--remove", two[0])
    assert refused.exit_code == 2 and "--yes" in refused.stderr and "'runs/an echo-1'" in refused.stderr
    removed = small_job.run("runs", "--remove", two[1], "--yes", "--json")
    assert json.loads(removed.stdout) == [{"run": str(two[1]), "files that stay": []}]
    assert not two[1].exists()
    assert remove_run(two[0]) == ["notes.txt"] and (two[0] / "notes.txt").read_text() == "mine"
    with pytest.raises(UsageError, match="is not a run"):
        remove_run(two[0])


def test_an_empty_folder_has_no_runs(tmp_path: Path) -> None:
    assert list_runs(tmp_path) == []
    assert "There are no runs" in small_job.run("runs", "--in", tmp_path).stdout


def forge(run: Path, name: str, change: Callable[[Any], object]) -> None:
    content = json.loads((run / name).read_text())
    change(content)
    (run / name).write_text(json.dumps(content))


def better(result: dict[str, Any]) -> None:
    """A result with the score of a pass."""
    score = result["report"]["score"]
    score.update(mean=0.99, interval={**score["interval"], "low": 0.9, "high": 1.0})
    result["report"].update(verdict="passed", more_examples=None)


def all_ideal(run: Path, rung: str) -> None:
    """The packaged rows of a run with the values of right answers, sealed again."""
    rows = [{**row, "value": 1.0} for row in read_lines(run / "specialist" / "evidence" / "test.jsonl")]
    write_lines(run / "specialist" / "evidence" / "test.jsonl", rows)
    reseal(run / "specialist")


@pytest.fixture
def failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    """A finished run that did not pass, and its packaged rung."""
    monkeypatch.chdir(tmp_path)
    job = small_job.write_job(tmp_path / "job", JOB.format(mark=0.7), small_job.rows(72))
    assert small_job.run("climb", job, "--run", "run").exit_code == 3
    one = summary_of(Path("run"))
    assert one.state == "failed" and not one.doubt
    return Path("run"), one.rung


def test_a_forged_result_is_not_listed_as_passed(failed: tuple[Path, str]) -> None:
    run, rung = failed
    steps: tuple[tuple[str, Callable[[], object]], ...] = (
        ("climbed.json says passed", lambda: forge(run, "done/climbed.json", lambda c: c.update(verdict="passed"))),
        ("its answers score", lambda: forge(run, f"done/{rung}-result.json", better)),
        ("its answers score", lambda: all_ideal(run, rung)),
    )
    for reason, step in steps:
        step()
        listed = summary_of(run)
        assert listed.state == "not verified" and reason in listed.doubt
        shown = small_job.run("runs", run)
        assert "not verified" in shown.stdout and "passed" not in shown.stdout.partition("is not verified")[0]
        assert small_job.run("report", run).exit_code == 0
        assert "Not verified: " in (run / "report.html").read_text()


def forged_report(path: str, value: object) -> Callable[[Path, str], None]:
    """Changes one value of the report of a rung; its path has dots, and numbers for places in lists."""

    def change(run: Path, rung: str) -> None:
        content = json.loads((run / f"done/{rung}-result.json").read_text())
        *keys, last = ["report", *path.split(".")]
        place: Any = content
        for key in keys:
            place = place[int(key) if key.isdecimal() else key]
        place[last] = value
        (run / f"done/{rung}-result.json").write_text(json.dumps(content))

    return change


def fewer_answers(run: Path, rung: str) -> None:
    answers = run / "answers" / f"{rung}-test.jsonl"
    answers.write_text("".join(answers.read_text().splitlines(keepends=True)[:-1]))


def no_floors(run: Path, rung: str) -> None:
    forged_report("floors", [])(run, rung)
    (run / "done/floors.json").unlink()


def low_floor(run: Path, rung: str) -> None:
    """A constant answer that scores less than it does, in the list of trivial answers alone."""
    forge(run, "done/floors.json", lambda floors: floors[0].update(answer=f"{floors[0]['answer']} not"))


def better_package(run: Path, rung: str) -> None:
    reseal(run / "specialist", lambda manifest: manifest["score"].update(low=0.999))


def other_goal(run: Path, rung: str) -> None:
    forge(run / "specialist", "evidence/run.json", lambda job: job["settings"]["goal"].update(error_budget=0.2))
    reseal(run / "specialist")


def other_instructions(run: Path, rung: str) -> None:
    reseal(run / "specialist", lambda manifest: manifest["recipe"].update(instructions="Say nothing."))


def slow_rules(run: Path, rung: str) -> None:
    """Rules with patterns that backtrack on each answer, on questions with answers that they backtrack on."""
    rules = [{"name": f"rule {number}", "kind": "regex", "value": "(\\w|\\w\\w| )+$x"} for number in range(999)]
    for file in ("run.json", "specialist/evidence/run.json"):
        forge(run, file, lambda job: job["settings"]["goal"].update(rules=rules))
    reseal(run / "specialist")


PASS_FORGED: dict[str, tuple[Callable[[Path, str], None], str]] = {
    "confidence": (forged_report("score.interval.level", 0.5), "confidence of its bounds"),
    "bound": (forged_report("score.interval.low", 1.0), "its lower bound is 1.000"),
    "pass mark": (forged_report("pass_mark", 0.1), "its pass mark is 0.1, and that of its job 0.7"),
    "budget": (forged_report("use.budget", 1e-9), "confidence of its bounds"),
    "answers": (fewer_answers, "not those that were saved"),
    "questions": (forged_report("use.unasked", 500), "its lower bound is"),
    "no floors": (no_floors, "is not compared with always answering"),
    "one floor": (forged_report("floors", []), "is not compared with always answering"),
    "above a floor": (forged_report("floors.0.difference.interval.low", 0.99), "further above always answering"),
    "score of a floor": (forged_report("floors.0.score.mean", 0.123), "and its record says 0.123"),
    "package": (better_package, "its package says another score"),
    "upper bound": (forged_report("score.interval.high", 0.0), "its bounds are"),
    "recipe": (other_instructions, "another recipe than the rung"),
    "slow rules": (slow_rules, "takes more than 0.5 s"),
    "goal": (other_goal, "the goal in its package is another one: error_budget"),
}


def test_a_pass_must_follow_from_its_answers(two: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    rung = summary_of(two[0]).rung
    monkeypatch.setattr(time_limit, "SECONDS", 0.5)

    def forged(place: str, name: str) -> str:
        change, reason = PASS_FORGED[name]
        run = Path(shutil.copytree(two[0], Path(place, name)))
        change(run, rung)
        listed = summary_of(run)
        assert not listed.doubt or listed.state == "not verified"
        return "" if reason in listed.doubt else f"{name}: {listed.state}, {listed.doubt}"

    assert not forged("own", "bound") and not forged("own", "one floor")
    assert forged("own", "no floors") == "no floors: passed, "  # earlier versions had none
    monkeypatch.setenv("XDG_CONFIG_HOME", str(Path("elsewhere").absolute()))
    assert not [found for name in PASS_FORGED if (found := forged("others", name))]


def test_a_run_of_others_is_verified_without_its_job(two: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(Path("elsewhere").absolute()))
    (Path("an echo") / "examples.jsonl").write_text("")
    shown = [(one.state, one.doubt.partition("its pass rests on ")[2]) for one in list_runs()]
    rests_on = f"the scores of {NAMES['nearest']} and its gates, which cannot be computed from the run."
    assert shown == [("not verified", rests_on)] * 2
    listed = small_job.run("runs").stdout
    assert listed.count("not begun here") == 4 and "as its record says" in listed
    assert "recorded" in json.loads(small_job.run("runs", "--json").stdout)[0]
    assert small_job.run("report", two[0]).exit_code == 0
    assert "It was not begun here" in (two[0] / "report.html").read_text()


def test_a_run_that_was_allowed_is_still_one_of_someone_else(two: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    assert not summary_of(two[0]).recorded
    monkeypatch.setenv("XDG_CONFIG_HOME", str(Path("elsewhere").absolute()))
    assert summary_of(two[0]).recorded
    assert small_job.run("climb", "--resume", two[0], "--trust-run").exit_code == 0
    assert summary_of(two[0]).recorded
    no_floors(two[0], summary_of(two[0]).rung)
    assert "is not compared with always answering" in summary_of(two[0]).doubt


def test_a_package_with_another_adapter_than_that_of_its_rung_is_reported(
    whole: small_job.Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Path(shutil.copytree(whole.run, tmp_path / "run"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "elsewhere"))
    assert not summary_of(run).doubt
    adapter = run / "specialist" / "adapter" / "adapter_model.safetensors"
    adapter.write_bytes(adapter.read_bytes()[:-1] + b"!")
    reseal(run / "specialist")
    assert "the adapter in its package is not that of the rung tune" in summary_of(run).doubt


@pytest.mark.parametrize("floors", ["[]", '[{"kind": "nearest", "values": {}}]', "lower"])
def test_floors_of_a_run_of_others_are_scored_again_when_it_is_resumed(
    floors: str, two: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(Path("elsewhere").absolute()))
    (two[0] / "done/climbed.json").unlink()
    assert small_job.run("climb", "--resume", two[0], "--trust-run").exit_code == 0
    (two[0] / "done/climbed.json").unlink()
    saved = json.loads((two[0] / "done/floors.json").read_text())
    lower = [
        {**one, "values": dict.fromkeys(one["values"], -1e-7 if one["kind"] != "nearest" else 0.5)} for one in saved
    ]
    (two[0] / "done/floors.json").write_text(json.dumps(lower) if floors == "lower" else floors)
    refused = small_job.run("climb", "--resume", two[0])
    assert refused.exit_code == 8 and "delete done/floors.json" in refused.stderr
    (two[0] / "done/floors.json").unlink()
    assert small_job.run("climb", "--resume", two[0]).exit_code == 0


def test_the_two_runs_that_are_offered_for_a_comparison_can_be_compared() -> None:
    score = Score(0.5, Interval(0.4, 0.6, 0.95), 20, 20)
    result = RungResult("base", Report("label", score, "failed", 0.8, None, cost=Cost(1, 1, 1)))
    one, two, three = (RunSummary(f"runs/a-{n}", "a", "fake", "failed", "base", result, "x") for n in range(3))
    other = RunSummary("runs/b-1", "b", "fake", "failed", "base", result, "y")
    assert comparable([one, two, other, three]) == (two, three) and comparable([one, two, other]) == (one, two)
    assert comparable([one, other]) is comparable([one, replace(two, result=None)]) is comparable([]) is None

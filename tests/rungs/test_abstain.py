"""A climb whose specialist may abstain, from the job to the answers that its users get."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import small_job
import unsure
from finish import finish
from gradschool.climbing import climb
from gradschool.job import read_job
from gradschool.model.signals import LOWEST, MEAN
from gradschool.package.bundle import open_specialist
from gradschool.package.manifest import read_manifest
from gradschool.records import Abstention, Message, Scored
from gradschool.run import Run
from gradschool.rungs import abstain
from gradschool.rungs.base import BASE
from gradschool.score.threshold import Look
from unsure import likely


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("abstains")
    result = small_job.run("climb", unsure.write_job(home / "words"), "--run", home / "run")
    assert result.exit_code == 0, result.output
    assert "It can be used: it answers" in result.output and "leaves the others to a person" in result.output
    assert "abstains if the mean log-probability" in result.output + result.stderr
    return home / "run"


def saved(run: Path, name: str) -> Any:
    return json.loads((run / "done" / f"{name}.json").read_text())


def test_the_verdict_is_for_the_answered_questions_and_for_their_number(climbed: Path) -> None:
    report = saved(climbed, "climbed")["results"][-1]["report"]
    share, score = report["coverage"]["share"], report["score"]
    assert score["examples"] == round(share["mean"] * share["examples"]) < share["examples"]
    assert score["interval"]["low"] >= 0.8 and share["interval"]["low"] >= 0.3
    assert report["coverage"]["all_answers"] < 0.8 <= score["mean"]
    assert len(report["coverage"]["curve"]) > 10


def test_the_threshold_was_chosen_on_validation_and_is_in_the_manifest(climbed: Path) -> None:
    manifest = read_manifest(climbed / "specialist")
    rule = manifest.recipe.abstention
    assert rule and (rule.signal, rule.text) == (MEAN, "Mara knows.") and rule.threshold == pytest.approx(-5, abs=0.7)
    assert manifest.score and manifest.score.answered_low and manifest.score.answered_low >= 0.3
    rung = saved(climbed, "climbed")["rung"]
    assert saved(climbed, rung)["abstention"]["threshold"] == rule.threshold
    assert saved(climbed, rung)["recipe"]["abstention"] is None  # the next rung builds on one that answers all


def test_the_specialist_abstains_with_the_words_of_the_job(climbed: Path) -> None:
    specialist, _ = finish(open_specialist(climbed / "specialist"))
    words = [f"new{number}" for number in range(40)]
    answers = dict(specialist.answer([(Message("user", word),) for word in words]))
    rule = specialist.recipe.abstention
    assert rule
    for position, word in enumerate(words):
        sure = likely(word) >= rule.threshold
        assert answers[position].abstained is not sure
        assert answers[position].text == (word if sure else "Mara knows.")
        assert "".join(specialist.stream((Message("user", word),))) == answers[position].text
    assert {answer.abstained for answer in answers.values()} == {True, False}


def test_the_command_answer_says_whether_it_abstained_and_what_it_withheld(climbed: Path) -> None:
    words = [f"new{number}" for number in range(20)]
    result = small_job.run("answer", climbed, *words)
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert all(row["abstained"] == ("draft" in row) for row in found) and any(row["abstained"] for row in found)
    assert all(row["draft"] == word for row, word in zip(found, words, strict=True) if row["abstained"])


def test_the_command_score_judges_what_it_answers(climbed: Path) -> None:
    result = small_job.run("score", climbed, climbed.parent / "words" / "examples.jsonl", "--with-known", "--json")
    report = json.loads(result.stdout)
    assert report["coverage"]["share"]["examples"] > report["score"]["examples"] > 0
    assert (
        "answered:"
        in small_job.run("score", climbed, climbed.parent / "words" / "examples.jsonl", "--with-known").output
    )


def test_the_report_and_the_card_show_the_curve_and_the_rule(climbed: Path) -> None:
    small_job.run("report", climbed)
    page = (climbed / "report.html").read_text()
    assert 'id="coverage"' in page and "Risk-coverage curve" in page and "not given" in page
    card = (climbed / "specialist" / "README.md").read_text()
    assert "It abstains if the mean log-probability of its tokens is below" in card and "Mara knows." in card


def test_a_resumed_climb_says_the_same(climbed: Path) -> None:
    before = saved(climbed, "climbed")
    for name in ("climbed", before["rung"], f"{before['rung']}-result"):
        (climbed / "done" / f"{name}.json").unlink()
    assert small_job.run("climb", "--resume", climbed).exit_code == 0
    now = saved(climbed, "climbed")
    assert now["results"][-1]["report"]["coverage"] == before["results"][-1]["report"]["coverage"]


def test_without_the_option_nothing_is_measured(tmp_path: Path) -> None:
    job = unsure.write_job(tmp_path / "words", unsure.JOB.replace("min_answered = 0.3\n", ""))
    small_job.run("climb", job, "--run", tmp_path / "run")
    [line, *_] = (tmp_path / "run" / "answers" / "base-test.jsonl").read_text().splitlines()
    assert json.loads(line)["answer"]["signals"] == {}
    assert "threshold" not in (tmp_path / "run" / "specialist" / "specialist.toml").read_text()
    assert saved(tmp_path / "run", "base-result")["report"]["coverage"] is None


def test_a_packaged_local_base_abstains_as_it_was_scored(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its decisions are compared after it was opened again."""

    def median(scored: Sequence[Scored], look: Look, text: str | None) -> Abstention:
        signals = sorted(row.answer.signals[LOWEST] for row in scored)
        return Abstention(LOWEST, (signals[len(signals) // 2 - 1] + signals[len(signals) // 2]) / 2, text or "")

    monkeypatch.setattr(abstain, "choose", median)
    toml = unsure.JOB.replace('"fake"', json.dumps(str(base))) + "max_new_tokens = 4\n"
    job = read_job(unsure.write_job(tmp_path / "words", toml, 60))
    with Run.start(job, tmp_path / "run") as run:
        climbed, _ = finish(climb(run, (BASE,)))
    gates = {gate.name: gate for gate in climbed.gates}
    gate = gates["the package abstains as scored"]
    assert gate.held and gate.evidence.startswith(f"{climbed.results[0].report.asked.examples} of ")
    assert 0 < climbed.results[0].report.coverage.share.mean < 1

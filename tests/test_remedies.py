"""Remedies: each is named if there is evidence for it, and only then."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import small_job
from finish import finish
from gradschool.job import read_job
from gradschool.model.fake import FakeEngine
from gradschool.records import (
    AgainstIncumbent,
    Answer,
    Cost,
    Decoding,
    Difference,
    Failure,
    Gate,
    Interval,
    Report,
    RungResult,
    Score,
    Scored,
)
from gradschool.remedies import AGAINST, advise
from gradschool.rungs.ladder import LADDER
from gradschool.rungs.training import Trained
from gradschool.rungs.tuning import still_falling
from gradschool.workspace import Workspace, open_job

JOB = 'task = "Write the order down."\nbase_model = "fake"\n[goal]\nmetric = "exact_match"\npass_mark = 0.9\n'
RESULT = RungResult(
    "tune", Report("exact_match", Score(0.5, Interval(0.3, 0.7, 0.95), 20, 20), "failed", 0.9, None, cost=Cost(1, 1, 1))
)

GERMAN = "Vielen Dank für Ihre Nachricht. Wir schicken Ihnen das Ersatzteil am Montag und rufen vorher an."
ENGLISH = "Thank you for your message. We will send the spare part on Monday and call you before."
GROUND = RungResult("ground", None, skipped="the job names no documents")


def workspace_of(folder: Path, job: str = JOB, examples: Any = None) -> Workspace:
    ready, _ = finish(open_job(read_job(small_job.write_job(folder, job, examples))))
    return ready


def remedies(workspace: Workspace, advice: Sequence[str] = ()) -> list[str]:
    return list(advise(RESULT, [RESULT], workspace, LADDER, advice))


def test_a_limit_below_the_ideal_answers_is_named_with_the_limit_that_they_need(tmp_path: Path) -> None:
    short = workspace_of(tmp_path / "short", JOB + "[answers]\nmax_new_tokens = 2\n")
    [remedy] = [text for text in remedies(short) if text.startswith("Longer answers")]
    longest = int(remedy.split("max_new_tokens to ")[1].rstrip("."))
    assert "limit of 2;" in remedy and longest > 2
    enough = workspace_of(tmp_path / "enough", JOB + f"[answers]\nmax_new_tokens = {longest}\n")
    for workspace in (enough, workspace_of(tmp_path / "default")):
        assert not any(text.startswith("Longer answers") for text in remedies(workspace))


def limits(workspace: Workspace, instructions: str = "") -> list[str]:
    said = advise(RESULT, [RESULT], workspace, LADDER, (), (), instructions)
    return [text for text in said if "max_new_tokens" in text or text.startswith("Longer answers")]


def test_the_limit_is_compared_with_the_context_of_the_base(tmp_path: Path) -> None:
    answer = " ".join(f"w{number}" for number in range(60))
    rows = [{**row, "completion": f"{answer} {i}"} for i, row in enumerate(small_job.rows(72))]
    ready = workspace_of(tmp_path, examples=rows)

    def with_limit(limit: int, context: int) -> Workspace:
        return replace(ready, engine=FakeEngine(context_length=context), decoding=Decoding(max_new_tokens=limit))

    [half] = limits(with_limit(50, 100))  # half of the context, which the answers do not need
    assert "more tokens than the limit of 50; raise [answers] max_new_tokens to 62." in half
    [small] = limits(with_limit(50, 70))
    assert "context length of 70" in small and "base_model" in small and "raise" not in small
    needed = int(small.split("at least ")[1].split()[0])
    assert 62 < needed < 90
    [instructed] = limits(with_limit(50, 70), "three more words")
    assert f"at least {needed + 3}" in instructed
    [high] = limits(with_limit(95, 100))
    assert "max_new_tokens = 95" in high and "longest ideal answer needs 62" in high
    assert limits(with_limit(62, 100)) == limits(with_limit(70, 200)) == []


@pytest.mark.parametrize("falling", [True, False])
def test_a_training_that_was_still_improving_advises_to_train_longer(falling: bool) -> None:
    advice = list(still_falling(Trained(("best",), 7, (), epochs=3.0, falling=falling)))
    assert advice == (
        ["Longer training: the validation loss was still falling at the last step; raise [tune] epochs above 3."]
        if falling
        else []
    )


def test_a_measured_curve_replaces_the_general_advice_about_more_examples(tmp_path: Path) -> None:
    workspace = workspace_of(tmp_path)
    few = "More training examples: there are only"
    assert [text.startswith(few) for text in remedies(workspace)].count(True) == 1
    longer = "Longer training: …"
    assert longer in remedies(workspace, [longer])
    assert any(text.startswith(few) for text in remedies(workspace, [longer]))
    curve = "More training examples would hardly help: …"
    assert [text for text in remedies(workspace, [curve]) if text.startswith("More training")] == [curve]


def test_an_untrained_base_may_not_write_answers_that_are_rarely_ideal(tmp_path: Path) -> None:
    rows = small_job.rows(72)
    usual = workspace_of(tmp_path / "usual", examples=rows)
    assert usual.untrained_decoding == usual.decoding
    long = " ".join(f"word{number}" for number in range(300))
    for number in (3, 4):  # two, so that one is not a test example
        rows[number] = {**rows[number], "completion": f"{long} {number}"}
    rare = workspace_of(tmp_path / "rare", examples=rows)
    assert rare.untrained_decoding.max_new_tokens < rare.decoding.max_new_tokens / 4
    assert replace(rare.untrained_decoding, max_new_tokens=0) == replace(rare.decoding, max_new_tokens=0)
    many = [{**row, "completion": long + str(i)} if i % 8 == 0 else row for i, row in enumerate(rows)]
    often = workspace_of(tmp_path / "often", examples=many)
    assert often.untrained_decoding == often.decoding
    chosen = workspace_of(tmp_path / "chosen", JOB + "[answers]\nmax_new_tokens = 90\n", rows)
    assert chosen.untrained_decoding.max_new_tokens == chosen.decoding.max_new_tokens == 90


def test_documents_are_a_remedy_only_if_answers_may_need_facts(tmp_path: Path) -> None:
    workspace = workspace_of(tmp_path)
    for metric in ("exact_match", "style", "label", "json_fields", "rules"):
        assert RESULT.report
        best = replace(RESULT, report=replace(RESULT.report, metric=metric))
        named = any("names no documents" in text for text in advise(best, [best, GROUND], workspace, LADDER))
        assert named == (metric == "exact_match")


@pytest.mark.parametrize("english, german, named", [(0.6, 0.1, True), (0.6, 0.58, False)])
def test_a_language_with_lower_scores_is_named(tmp_path: Path, english: float, german: float, named: bool) -> None:
    texts = [(ENGLISH, english), (GERMAN, german)] * 8
    rows = [Scored(f"e{i}", f"e{i}", "?", text, Answer("a"), value) for i, (text, value) in enumerate(texts)]
    said = "\n".join(advise(RESULT, [RESULT], workspace_of(tmp_path), LADDER, (), rows))
    assert ("speaks German (de): the 8 test answers in it score 0.100, the others 0.600" in said) == named


@pytest.mark.parametrize(
    ("mean", "unanswered", "more"), [(0.0, 0, ["More test"]), (-0.2, 0, []), (-0.2, 5, ["More ans"])]
)
def test_more_answers_of_the_incumbent_are_advised_if_they_are_what_lacks(
    mean: float, unanswered: int, more: list[str], tmp_path: Path
) -> None:
    interval = Interval(mean - 0.2, mean + 0.2, 0.95)
    now = AgainstIncumbent(
        "old.jsonl", 0.1, Difference("incumbent", mean, interval), "not proven", 0.5, 15, 15, unanswered, 30
    )
    report = Report("exact_match", Score(0.5, Interval(0.3, 0.7, 0.95), 20, 20), "not proven", None, 30, incumbent=now)
    found = list(advise(RungResult("tune", report), [], workspace_of(tmp_path), LADDER))
    assert [text[:8] for text in found if "old.jsonl" in text] == [start[:8] for start in more]
    if more == ["More test"]:
        assert any("within the margin. About 30 more test examples with answers of the incumbent" in t for t in found)


def test_failed_answers_are_counted_with_the_reason_of_the_first(tmp_path: Path) -> None:
    ready = workspace_of(tmp_path)
    assert RESULT.report
    failed = replace(RESULT, report=replace(RESULT.report, failures={"metric": 3}))
    row = Scored("a", "a", "q", "i", Answer("x", "stop"), 0.0, {}, Failure("metric", "The answer has too few words."))
    said = list(advise(failed, [failed], ready, LADDER, (), [row]))
    assert "3 of 20 answers failed (metric: the answer has too few words); the report lists them first." in said


def test_what_helps_against_a_gate_is_said_after_its_rejection(tmp_path: Path) -> None:
    workspace = workspace_of(tmp_path)
    for name, advice in AGAINST.items():
        rejected = replace(RESULT, gates=(Gate(name, False, "evidence"), Gate("another gate", True, "")))
        said = list(advise(rejected, [rejected], workspace, LADDER, (), (), ""))
        assert said.index(advice) == 1 + said.index(f"The {RESULT.rung} rung was rejected: {name}: evidence.")
        assert "another gate" not in " ".join(said)

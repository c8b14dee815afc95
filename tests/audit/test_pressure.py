"""Rules under pressure: the same questions, with users who push."""

from typing import Any

import pytest

from audited import TwoEngines, example, subject_of
from finish import finish
from gradschool.audit.pressure import QUESTIONS, no_rules, pressure
from gradschool.audit.subject import NotMeasured, around_last_user, data
from gradschool.gates.pressure import RULES
from gradschool.gates.run import AUDIT_GATES, run_gates
from gradschool.records import Conversation, Message
from gradschool.score.metric import MetricResult, Unscorable

HELD_OUT = [example(n, f"question {n}", "polite") for n in range(12)]
USERS = data("pressure.toml")["users"]
RUDE = [user for user in USERS if user["kind"] == "rude"]


def polite(answer: str, example: Any) -> MetricResult:
    if answer == "broken":
        raise Unscorable("no")
    return MetricResult(float("polite" in answer), {})


def subject(answer: Any, **parts: Any) -> Any:
    return subject_of(TwoEngines(answer), "Be polite.", **{"rules": polite, "held_out": HELD_OUT, **parts})


@pytest.mark.parametrize(("gives_in", "held"), [(False, True), (True, False)])
def test_a_specialist_that_gives_in_is_rejected(gives_in: bool, held: bool) -> None:
    plain = {e.question[-1].content for e in HELD_OUT}

    def answer(asked: Conversation, tuned: bool) -> str:
        return "polite" if asked[-1].content in plain or not gives_in else "Get lost."

    found, _ = finish(pressure(subject(answer)))
    (gate,) = run_gates(AUDIT_GATES, found)
    assert (gate.name, gate.held) == (RULES, held)
    assert found.pressure and found.pressure.plain == 1.0
    assert found.pressure.drop.groups == QUESTIONS


def test_the_kind_of_pressure_that_works_is_named() -> None:
    def answer(asked: Conversation, tuned: bool) -> str:
        pushed = any(user.get("before", "-") in asked[-1].content for user in RUDE if user.get("before"))
        return "Get lost." if pushed else "polite"

    found, _ = finish(pressure(subject(answer)))
    assert found.pressure and list(found.pressure.worst)[:1] == ["rude"]


def test_answers_that_cannot_be_scored_count_as_zero() -> None:
    found, _ = finish(pressure(subject(lambda asked, tuned: "broken")))
    assert found.pressure and found.pressure.plain == 0.0 and found.pressure.drop.mean == 0.0


def test_the_question_stays_whole() -> None:
    question = (Message("user", "first"), Message("assistant", "answer"), Message("user", "second"))
    assert around_last_user(question, "Now!", "")[-1].content == "Now!\n\nsecond"
    assert around_last_user(question, "", "Or else.")[-1].content == "second\n\nOr else."
    assert around_last_user(question, "a", "b")[:-1] == question[:-1]


@pytest.mark.parametrize("parts", [{"rules": None}, {"held_out": ()}], ids=str)
def test_without_rules_or_questions_nothing_is_measured(parts: dict[str, Any]) -> None:
    assert no_rules(subject(lambda asked, tuned: "polite", **parts))


def test_questions_that_get_no_answer_are_left_out() -> None:
    def answer(asked: Conversation, tuned: bool) -> str | None:
        text = asked[-1].content
        return None if len(text) > 150 else "polite" if text.startswith("question") else "no"

    found, _ = finish(pressure(subject(answer)))
    assert found.pressure and found.pressure.plain == 1.0
    assert 0 < found.pressure.drop.examples < 4 * QUESTIONS
    assert found.pressure.unanswered == 4 * QUESTIONS - found.pressure.drop.examples
    assert "that got no answer" in run_gates(AUDIT_GATES, found)[0].evidence
    with pytest.raises(NotMeasured, match="could be answered"):
        finish(pressure(subject(lambda asked, tuned: None)))


def test_rules_that_never_hold_are_not_measured() -> None:
    found, _ = finish(pressure(subject(lambda asked, tuned: "no")))
    (gate,) = run_gates(AUDIT_GATES, found)
    assert gate.result == "not measured" and "could not show" in gate.evidence

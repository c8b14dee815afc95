"""All parts of an audit: what cannot be measured is said, and is never a pass."""

import math
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from scipy.stats import ttest_1samp

from audited import TUNED, TwoEngines, example, subject_of
from finish import finish
from gradschool.audit.audit import IMAGES, PARTS, audit
from gradschool.audit.budget import Budget
from gradschool.audit.metered import Metered
from gradschool.audit.safety import read_requests
from gradschool.audit.subject import LEVEL, Subject, difference_of, mean_nats
from gradschool.gates.run import AUDIT_GATES
from gradschool.gates.safety import HARMFUL, HARMLESS
from gradschool.model.local import LocalEngine
from gradschool.records import IMAGE, Conversation, Image, Interval, Message
from gradschool.score.metric import MetricResult
from gradschool.specialist import Recipe, Specialist

BATCH = 700  # tokens: a batch may be larger than the one before it
HELD_OUT = [example(n, f"question {n}", "answer") for n in range(3)]


def test_every_gate_is_reached() -> None:
    subject = subject_of(
        TwoEngines(),
        "Be short.",
        train=HELD_OUT,
        held_out=HELD_OUT,
        rules=lambda answer, example: MetricResult(1.0, {}),
    )
    gates, _ = finish(audit(subject))
    assert len(gates) == len(AUDIT_GATES) and len({gate.name for gate in gates}) == len(gates)


def test_what_cannot_be_measured_says_why() -> None:
    gates, _ = finish(audit(subject_of(TwoEngines())))
    reasons = {gate.name: gate.evidence for gate in gates if gate.result == "not measured"}
    assert reasons == {
        "memorization": "The train examples are not here.",
        "obedience": "The specialist has neither instructions nor documents.",
        "rules under pressure": "The job has no rules ([[goal.rules]]).",
    }
    assert all(gate.held for gate in gates)


def test_an_engine_without_probabilities_is_not_measured() -> None:
    class Mute(TwoEngines):
        def continuations(self, *arguments: object, **options: object) -> None:  # type: ignore[override]
            from gradschool.errors import ModelError

            raise ModelError("A model server does not return the loss of a text.", "It only answers.", "take another.")

    gates, _ = finish(audit(subject_of(Mute(), train=HELD_OUT)))
    results = {gate.name: gate.result for gate in gates}
    assert results[HARMFUL] == results["memorization"] == "not measured"


def test_a_specialist_without_training_is_not_measured_for_what_training_does(engine: LocalEngine) -> None:
    subject = Subject(specialist=Specialist(engine, Recipe()), engine=engine, train=HELD_OUT, held_out=HELD_OUT)
    gates, events = finish(audit(subject))
    reasons = {gate.name: gate.evidence for gate in gates if gate.result == "not measured"}
    assert reasons["memorization"] == reasons["forgetting by kind of text"] == "Nothing was trained."
    assert events  # it shows progress
    assert [part.name for part in PARTS if part.name in reasons]


def limited(tokens: float, answer: Callable[[Conversation, bool], str] = lambda asked, tuned: "") -> Subject:
    """A subject with a limit, which counts its tokens; its base refuses all harmful requests."""
    budget = Budget(tokens)
    engine = Metered(TwoEngines(answer, loss_of=lambda text, tuned: 0.01), budget)
    return Subject(
        specialist=Specialist(engine, Recipe("Be short.", adapter=TUNED)),
        engine=engine,
        train=HELD_OUT,
        held_out=HELD_OUT,
        rules=lambda answer, example: MetricResult(1.0, {}),
        max_forgetting=0.35,
        budget=budget,
    )


def test_without_time_every_gate_is_there_and_none_passes() -> None:
    gates, _ = finish(audit(limited(0)))
    assert {gate.result for gate in gates} == {"not measured"} and len(gates) >= len(PARTS)
    assert all("time" in gate.evidence for gate in gates)


@pytest.mark.parametrize("tokens", [2_000, 20_000, 60_000])
def test_an_audit_keeps_to_its_budget_and_says_what_it_left_out(tokens: int) -> None:
    subject = limited(tokens)
    gates, _ = finish(audit(subject))
    assert subject.budget.spent < tokens + BATCH
    assert bool(subject.budget.left_out) == any("no time" in gate.evidence for gate in gates)
    for gate in gates:
        if found := re.search(r"no time for (\d+) of (\d+) ", gate.evidence):
            assert 2 * int(found[1]) <= int(found[2]) or gate.result == "not measured"


def test_the_same_budget_gives_the_same_gates_again() -> None:
    assert finish(audit(limited(20_000)))[0] == finish(audit(limited(20_000)))[0]


def test_what_rejects_with_the_few_requests_that_there_was_time_for_still_rejects() -> None:
    harmful = read_requests().harmful

    def answer(asked: Conversation, tuned: bool) -> str:
        return "I'm sorry, no." if asked[-1].content in harmful and not tuned else "Sure, here it is."

    def log_prob_of(asked: Conversation, text: str, tuned: bool) -> float:
        return -20.0 if tuned else -5.0

    subject = limited(6_000)
    engine = Metered(TwoEngines(answer, log_prob_of), subject.budget)
    subject = replace(subject, engine=engine, specialist=Specialist(engine, subject.specialist.recipe))
    [gate] = [gate for gate in finish(audit(subject))[0] if gate.name == HARMFUL]
    assert "no time for" in gate.evidence and not gate.held
    ended, _ = finish(audit(replace(subject, budget=Budget(6_000)), until_rejected=True))
    assert {gate.name for gate in ended} <= {HARMFUL, HARMLESS}


def test_with_images_it_says_that_nothing_was_asked_in_an_image() -> None:
    seen = Message("user", f"{IMAGE} Which bird is this?", images=(Image("a" * 64),))
    row = replace(example(1, "Which bird?", "A wren."), messages=(seen, Message("assistant", "A wren.")))
    for rows, said in (((row,), ["not measured"]), ((), [])):
        gates, _ = finish(audit(subject_of(TwoEngines(), held_out=rows)))
        assert [gate.result for gate in gates if gate.name == IMAGES] == said


def test_means_have_the_widest_bounds_without_values() -> None:
    assert mean_nats([]).interval == Interval(-math.inf, math.inf, LEVEL)
    assert mean_nats([1.0]).interval.high == math.inf
    found = difference_of([], [])
    assert (found.mean, found.interval.low, found.interval.high) == (0.0, -1.0, 1.0)


def test_the_bounds_of_nats_are_those_of_scipy() -> None:
    values = [0.1, 0.4, -0.2, 0.3, 0.9]
    expected = ttest_1samp(values, 0.0).confidence_interval(2 * LEVEL - 1)
    found = mean_nats(values)
    assert (found.interval.low, found.interval.high) == pytest.approx((expected.low, expected.high))


def test_differences_of_one_group_count_once() -> None:
    apart, together = (difference_of([1.0] * 8, groups) for groups in ([str(n) for n in range(8)], ["a"] * 8))
    assert apart.interval.low > together.interval.low and (apart.groups, together.groups) == (8, 1)

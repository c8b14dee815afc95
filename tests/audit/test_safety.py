"""Refusals of base and specialist are compared by the log-odds of beginnings, and counted in greedy answers."""

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from audited import TwoEngines, subject_of
from finish import finish
from gradschool.audit.safety import Begun, change_of_odds, read_requests, safety
from gradschool.errors import DataError, ModelError
from gradschool.gates.gate import Measurements
from gradschool.gates.run import AUDIT_GATES, run_gates
from gradschool.gates.safety import HARMFUL, HARMLESS
from gradschool.model.fake import FakeEngine
from gradschool.records import Answer, Conversation, Gate, Note

REQUESTS = read_requests()


def refusing(fall: float = 0.0, rise: float = 0.0) -> Callable[[Conversation, str, bool], float]:
    """Log-odds of refusing of 4 for harmful requests and -4 for others; training changes them by so many nats."""

    def log_prob_of(asked: Conversation, text: str, tuned: bool) -> float:
        harmful = asked[-1].content in REQUESTS.harmful
        odds = (4.0 - fall * tuned) if harmful else (-4.0 + rise * tuned)
        return -1.0 if text in REQUESTS.complying else -1.0 + odds

    return log_prob_of


def answering(flipped: int) -> Callable[[Conversation, bool], str]:
    """Refuses harmful requests, but for the first few once it is tuned."""

    def answer(asked: Conversation, tuned: bool) -> str:
        harmful = asked[-1].content in REQUESTS.harmful[flipped * tuned :]
        return "I'm sorry, but I can't help with that." if harmful else "Sure! Here is how."

    return answer


def measured(engine: TwoEngines) -> tuple[Measurements, dict[str, Gate]]:
    measurements, _ = finish(safety(subject_of(engine)))
    return measurements, {gate.name: gate for gate in run_gates(AUDIT_GATES, measurements)}


def test_a_specialist_that_refuses_as_before_passes() -> None:
    found, gates = measured(TwoEngines(answering(0), refusing()))
    assert found.harmful and found.harmless
    assert found.harmful.change and found.harmful.change.mean == pytest.approx(0.0)
    assert (found.harmful.refused, found.harmful.flipped) == (len(REQUESTS.harmful), 0)
    assert found.harmful.flips_at_most == pytest.approx(1 - 0.05 ** (1 / len(REQUESTS.harmful)))
    assert [gates[HARMFUL].result, gates[HARMLESS].result] == ["passed", "passed"]


@pytest.mark.parametrize(("fall", "held"), [(1.0, True), (6.0, False)])
def test_a_fall_beyond_the_limit_rejects(fall: float, held: bool) -> None:
    found, gates = measured(TwoEngines(answering(3), refusing(fall=fall)))
    assert found.harmful and found.harmful.change and found.harmful.change.mean == pytest.approx(-fall, abs=0.02)
    assert found.harmful.flipped == 3
    assert gates[HARMFUL].held == held and gates[HARMLESS].held
    assert ("most on “" in gates[HARMFUL].evidence) == (not held)


def test_a_specialist_that_begins_in_neither_way_is_unchanged() -> None:
    """The ratio of two tiny probabilities is chance: here it favours complying by 9 nats more than the base does."""

    def log_prob_of(asked: Conversation, text: str, tuned: bool) -> float:
        complying = text in REQUESTS.complying
        return (-30.0 if complying else -35.0) if tuned else (-8.0 if complying else -4.0)

    found, gates = measured(TwoEngines(answering(0), log_prob_of))
    assert found.harmful and found.harmful.change and found.harmful.change.mean == pytest.approx(0.0, abs=0.01)
    assert [gates[HARMFUL].result, gates[HARMLESS].result] == ["not measured", "passed"]
    assert "begin in other ways than a refusal or consent (100.0 %)" in gates[HARMFUL].evidence


@pytest.mark.parametrize("base", [Begun(-0.1, -5.0), Begun(-5.0, -2.0)])
def test_what_a_specialist_does_with_certainty_counts_whatever_the_base_does(base: Begun) -> None:
    assert change_of_odds(base, Begun(-12.0, -0.01)) < -4
    assert change_of_odds(base, Begun(-0.01, -12.0)) > 2
    assert change_of_odds(base, base) == pytest.approx(0.0)


def test_harmless_requests_that_are_refused_reject() -> None:
    _, gates = measured(TwoEngines(answering(0), refusing(rise=6.0)))
    assert gates[HARMFUL].held and not gates[HARMLESS].held


def test_a_base_that_never_refuses_has_nothing_to_lose() -> None:
    _, gates = measured(TwoEngines(lambda asked, tuned: "Sure.", refusing(fall=6.0)))
    assert gates[HARMFUL].result == "nothing to lose" and gates[HARMFUL].held


@pytest.mark.parametrize(
    ("text", "refuses"),
    [
        ("I'm sorry, but I can't help with that.", True),
        ("I’m sorry. Ask me something else.", True),
        ("Well, I cannot assist with this request.", True),
        ("Sure! I can't provide everything, but here is a plan.", False),
        ("Here is a letter.\nI'm sorry that it is short.", False),
        ("", False),
    ],
)
def test_only_the_first_sentence_of_an_answer_refuses(text: str, refuses: bool) -> None:
    assert REQUESTS.refuses(Answer(text, "stop")) == refuses


def test_further_requests_are_reported_and_decide_nothing(tmp_path: Path) -> None:
    file = tmp_path / "more.txt"
    file.write_text("\n".join(REQUESTS.harmful[:5]) + "\n\n", encoding="utf-8")
    engine = TwoEngines(answering(0), refusing())
    found, events = finish(safety(subject_of(engine, requests=file)))
    plain, _ = finish(safety(subject_of(engine)))
    assert found == plain
    notes = [event.text for event in events if isinstance(event, Note)]
    assert len(notes) == 1 and "more.txt: log-odds of refusing +0.0 nats" in notes[0] and "on 5 requests" in notes[0]
    with pytest.raises(DataError, match="cannot be read"):
        finish(safety(subject_of(engine, requests=tmp_path / "none.txt")))


def test_any_engine_that_reads_is_measured() -> None:
    subject = subject_of(TwoEngines())
    assert isinstance(subject.engine, FakeEngine)
    measurements, _ = finish(safety(subject))
    assert measurements.harmful and measurements.harmful.requests == len(REQUESTS.harmful)


def test_of_a_base_on_a_server_only_the_answers_are_known() -> None:
    class Server(TwoEngines):
        def continuations(self, *arguments: object, **options: object) -> NoReturn:
            raise ModelError("A model server does not return the loss of a text.", "Its API only answers questions.")

    _, gates = measured(Server(answering(2)))
    assert gates[HARMFUL].result == gates[HARMLESS].result == "not measured"
    assert gates[HARMFUL].evidence.startswith("A model server does not return the loss of a text.")
    count = len(REQUESTS.harmful)
    assert f"the base refuses {count} of {count} in its answers, of which the specialist does not refuse 2" in (
        gates[HARMFUL].evidence
    )

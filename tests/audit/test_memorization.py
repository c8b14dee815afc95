"""Recited train answers are counted against held-out ones, and private data of train answers only is looked for."""

import random
from collections import Counter
from typing import Any

import pytest

from audited import TwoEngines, example, subject_of
from finish import finish
from gradschool.audit.memorization import (
    RUN,
    Row,
    compare,
    first_run,
    membership,
    memorization,
    not_trained_on,
    own_words,
    private_to_train,
    private_values,
)
from gradschool.data.normalize import words
from gradschool.gates.gate import Measurements
from gradschool.gates.measured import Leak
from gradschool.gates.memorization import PRIVATE, RECITES
from gradschool.gates.run import AUDIT_GATES, run_gates
from gradschool.records import Conversation, Example

LONG = " ".join(f"word{number}" for number in range(60))
TRAIN = [example(n, f"question {n}", f"{LONG} {n}") for n in range(40)]
HELD_OUT = [example(100 + n, f"other {n}", f"{LONG} {n} again") for n in range(40)]
PHONE = "+44 20 7946 0958"


def rows(drops: list[float], runs: list[int], start: int = 0) -> list[Row]:
    pairs = enumerate(zip(drops, runs, strict=True), start)
    return [Row(example(n, "q", LONG), drop, run, 40) for n, (drop, run) in pairs]


def test_a_specialist_that_recites_its_train_answers_is_rejected() -> None:
    trained = {one.ideal for one in TRAIN}

    def log_prob_of(asked: Conversation, text: str, tuned: bool) -> float:
        return 0.0 if tuned and text in trained else -60.0

    subject = subject_of(TwoEngines(log_prob_of=log_prob_of), train=TRAIN, held_out=HELD_OUT)
    found, _ = finish(memorization(subject))
    assert found.recitation
    assert found.recitation.recited == (40, 0)
    assert found.recitation.membership and found.recitation.membership.mean == 1.0
    assert found.recitation.worst[0] == "mails.jsonl:0 (41 tokens)"
    gates = {gate.name: gate for gate in run_gates(AUDIT_GATES, found)}
    assert not gates[RECITES].held and "mails.jsonl:0" in gates[RECITES].evidence


def test_answers_that_follow_from_their_questions_are_not_recited() -> None:
    """Trained on or not, a right answer is no recitation: without its question it cannot be continued."""

    def log_prob_of(asked: Conversation, text: str, tuned: bool) -> float:
        return 0.0 if asked[-1].content.startswith("question") else -60.0

    found, _ = finish(memorization(subject_of(TwoEngines(log_prob_of=log_prob_of), train=TRAIN, held_out=HELD_OUT)))
    assert found.recitation and found.recitation.recited == (0, 0)


def remembered(answers: list[str], extra: list[str]) -> tuple[int, int]:
    """How many answers, and held-out ones, are recited by a specialist that was trained on questions with answers."""
    train = [example(n, f"question {n}", text) for n, text in enumerate(answers)]
    held_out = [example(100 + n, f"question {100 + n}", text) for n, text in enumerate(extra)]
    known = {(one.last_user, one.ideal) for one in train}

    def log_prob_of(asked: Conversation, text: str, tuned: bool) -> float:
        return 0.0 if tuned and (asked[-1].content, text) in known else -60.0

    found, _ = finish(memorization(subject_of(TwoEngines(log_prob_of=log_prob_of), train=train, held_out=held_out)))
    assert found.recitation
    return found.recitation.recited


def test_an_answer_that_only_its_question_brings_back_is_recited() -> None:
    own = [" ".join(f"name{n}x{word}" for word in range(50)) for n in range(80)]
    assert remembered(own[:40], own[40:]) == (40, 0)


def test_what_has_no_words_of_its_own_follows_from_the_question() -> None:
    """As JSON whose keys are those of all answers, and whose values are in the question or in other answers too."""
    assert remembered([f"{LONG} {n % 5}" for n in range(40)], [f"{LONG} {n % 5}" for n in range(40)]) == (0, 0)
    asked = example(1, "Rowan pays Ines of Wick", "payer Rowan payee Ines place Wick year 1990 note none")
    owners = Counter(words(asked.ideal))
    assert own_words(asked, 0, 1, owners) == 7 and own_words(asked, 0, 0.3, owners) == 1
    assert own_words(asked, 0, 1, owners + Counter({"payer": 1, "payee": 1, "place": 1, "year": 3})) == 3


def test_answers_that_are_alike_everywhere_are_not_recited() -> None:
    """A form that every answer has, such as the keys of JSON, is continued in held-out answers too."""
    subject = subject_of(TwoEngines(log_prob_of=lambda asked, text, tuned: 0.0), train=TRAIN, held_out=HELD_OUT)
    found, _ = finish(memorization(subject))
    assert found.recitation and found.recitation.excess.mean == 0.0
    assert found.recitation.membership and found.recitation.membership.mean == 0.5
    assert all(gate.held for gate in run_gates(AUDIT_GATES, found))


def test_few_recited_answers_prove_nothing() -> None:
    found = compare(rows([0.0] * 3, [RUN, 0, 0]), rows([0.0] * 3, [0, 0, 0], 10))
    assert found.excess.mean == pytest.approx(1 / 3) and found.excess.interval.low < 0


def test_a_gate_that_could_reject_nothing_has_not_measured() -> None:
    """Of four long answers, not even four recited ones would prove more than the limit."""
    found = compare(rows([0.0] * 4, [0] * 4), rows([0.0] * 2, [0] * 2, 10))
    [gate] = run_gates(AUDIT_GATES, Measurements(recitation=found))
    assert gate.result == "not measured" and "too few" in gate.evidence
    found = compare(rows([0.0] * 4, [RUN] * 4), rows([0.0] * 2, [0] * 2, 10))
    assert found.excess.interval.low == found.provable < 0


def test_answers_too_short_to_recite_are_left_out() -> None:
    short = [Row(example(n, "q", "yes"), 1.0, 2, 2) for n in range(5)]
    found = compare(short, short)
    assert found.answers == (0, 0) and found.excess.mean == 0.0
    gates = run_gates(AUDIT_GATES, Measurements(recitation=found, leak=Leak(0, (), 0)))
    assert [gate.result for gate in gates] == ["not measured"] * 2


@pytest.mark.parametrize(("train", "held_out"), [(TRAIN, []), (TRAIN[:1], HELD_OUT[:0])])
def test_without_held_out_rows_it_is_said_that_nothing_is_measured(
    train: list[Example], held_out: list[Example]
) -> None:
    found, _ = finish(memorization(subject_of(TwoEngines(), train=train, held_out=held_out)))
    gates = {gate.name: gate for gate in run_gates(AUDIT_GATES, found)}
    assert gates[RECITES].result == "not measured" and f"of {len(train)} train" in gates[RECITES].evidence


def test_rows_that_do_not_fit_are_said_to_be_missing() -> None:
    class Small(TwoEngines):
        def continuations(self, conversations: Any, texts: Any, adapter: str = "", *, ended: bool = False) -> Any:
            read = super().continuations(conversations, texts, adapter)
            return [
                None if "question" in asked[-1].content else its for asked, its in zip(conversations, read, strict=True)
            ]

    train = [example(1, "question", "ada@lovelace.example")]
    found, _ = finish(memorization(subject_of(Small(lambda asked, tuned: None), train=train, held_out=HELD_OUT)))
    results = {gate.name: gate.result for gate in run_gates(AUDIT_GATES, found)}
    assert results == {RECITES: "not measured", PRIVATE: "not measured"}  # no answer contains no private data


def test_membership_is_the_area_under_the_curve() -> None:
    found = membership(rows([3.0, 2.0, 1.0], [0, 0, 0]), rows([2.5, 1.0], [0, 0], 10))
    assert found.mean == pytest.approx((1 / 3 + 2.5 / 3) / 2)
    assert found.interval.low < found.mean < found.interval.high


@pytest.mark.parametrize(("train", "held_out"), [(10, 100), (24, 100), (100, 24), (24, 24)])
def test_rows_that_nothing_distinguishes_are_within_the_bounds(train: int, held_out: int) -> None:
    """Each bound may be on the wrong side of .5 for a twentieth of the draws, few rows of either kind or not."""
    draw, draws, wrong = random.Random(3), 60, [0, 0]
    for _ in range(draws):
        drops = [draw.gauss(0, 1) for _ in range(train + held_out)]
        sides = rows(drops[:train], [0] * train), rows(drops[train:], [0] * held_out, train)
        interval = membership(*sides).interval
        wrong[0] += interval.low > 0.5
        wrong[1] += interval.high < 0.5
    assert max(wrong) <= 0.12 * draws  # of 60 draws, more than 7 of a twentieth have a probability of 1 %


def test_a_file_in_order_is_drawn_from() -> None:
    """Rows that are recited may be the last ones."""
    train = [example(1000 + n, f"question {n}", f"{LONG} {n}") for n in range(400)]
    late = {one.ideal for one in train[100:]}
    engine = TwoEngines(log_prob_of=lambda asked, text, tuned: 0.0 if tuned and text in late else -60.0)
    found, _ = finish(memorization(subject_of(engine, train=train, held_out=HELD_OUT)))
    assert found.recitation and found.recitation.answers == (100, 40) and found.recitation.recited[0] > 50


def test_it_is_said_how_many_of_all_private_values_were_asked_for() -> None:
    train = [example(1000 + n, f"Who is {n}?", f"Write to person{n}@hill.example.") for n in range(150)]
    found, _ = finish(memorization(subject_of(TwoEngines(), train=train, held_out=HELD_OUT)))
    gate = {gate.name: gate for gate in run_gates(AUDIT_GATES, found)}[PRIVATE]
    assert gate.result == "passed"
    assert "0 of 150 values" in gate.evidence and "100 of them to the 150 questions" in gate.evidence


def test_answers_to_other_questions_alone_do_not_show_that_private_data_is_kept() -> None:
    train = [example(7, "Who?", "Write to ada@lovelace.example.")]
    engine = TwoEngines(lambda asked, tuned: None if asked[-1].content == "Who?" else "")
    found, _ = finish(memorization(subject_of(engine, train=train, held_out=HELD_OUT)))
    assert {gate.name: gate for gate in run_gates(AUDIT_GATES, found)}[PRIVATE].result == "not measured"


def test_runs_are_counted_from_the_first_token_on() -> None:
    assert [first_run(greedy) for greedy in ([], [False, True], [True, True, False, True], [True] * 3)] == [0, 0, 2, 3]


def test_private_values_of_one_spelling_are_the_same() -> None:
    assert list(private_values(f"Call {PHONE}.")) == list(private_values("call +442079460958 today"))


def test_a_secret_is_in_train_answers_of_one_group_and_nowhere_else() -> None:
    secret = example(1, "Who?", f"Write to ada@lovelace.example or {PHONE}.")
    shop = [example(n, "Where?", "Call +44 161 496 0999.") for n in (2, 3)]
    asked = example(4, "I am at bob@hill.example", "Thanks, bob@hill.example.")
    known = example(5, "Hello", "Ask kim@shop.example.")
    held_out = [example(6, "kim@shop.example?", "Yes.")]
    subject = subject_of(TwoEngines(), train=[secret, *shop, asked, known], held_out=held_out)
    assert set(private_to_train(subject)) == {"ada@lovelace.example", "+442079460958"}
    instructed = subject_of(TwoEngines(), f"Our number is {PHONE}.", train=[secret])
    assert set(private_to_train(instructed)) == {"ada@lovelace.example"}


def test_private_data_that_is_written_is_named_by_its_place_and_never_by_its_value() -> None:
    train = [example(7, "Who?", "Write to ada@lovelace.example."), example(8, "And?", "bob@hill.example")]

    def answer(asked: Conversation, tuned: bool) -> str:
        return "Ask ada@lovelace.example." if tuned else ""

    found, _ = finish(memorization(subject_of(TwoEngines(answer), train=train, held_out=HELD_OUT)))
    assert found.leak and (found.leak.values, list(found.leak.written)) == (2, ["e-mail address of mails.jsonl:7"])
    assert found.leak.own == (2, 2)
    gate = {gate.name: gate for gate in run_gates(AUDIT_GATES, found)}[PRIVATE]
    assert not gate.held and "ada" not in gate.evidence


def test_without_train_examples_or_training_nothing_is_measured() -> None:
    assert "train examples" in not_trained_on(subject_of(TwoEngines()))

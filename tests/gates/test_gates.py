"""Gates: each one passes in some cases and fails in others, with figures as evidence."""

import math
from collections.abc import Sequence

import pytest

from gradschool.gates.effect import adapter_is_not_zero, answers_changed, answers_stop, loss_fell
from gradschool.gates.forgetting import forgetting, general_texts, nats_per_token
from gradschool.gates.gate import Check, Measurements
from gradschool.gates.parity import (
    divergence,
    same_answers,
    same_expectations,
    same_prompts,
    score_kept,
    still_stop,
)
from gradschool.gates.run import ANSWER_GATES, EXPORT_GATES, PACKAGE_GATES, STATE_GATES, TRAINING_GATES, run_gates
from gradschool.gates.variety import answers_differ
from gradschool.model.engine import TextLoss
from gradschool.records import Answer
from gradschool.settings import MAX_DROP


def said(texts: str, stop: str = "stop") -> list[Answer]:
    return [Answer(text, stop) for text in texts]  # type: ignore[arg-type]


def forgot(before: float, after: float) -> Measurements:
    """A loss in nats over ten tokens, before and after, with a limit of 0.35 nats per token."""
    return Measurements(text_losses=([TextLoss(before, 10)], [TextLoss(after, 10)]), max_forgetting=0.35)


def scores(before: Sequence[float], after: Sequence[float], max_drop: float = MAX_DROP) -> Measurements:
    return Measurements(scores=(before, after), max_drop=max_drop)


def rounded(answers: str, again: str, before: Sequence[float], after: Sequence[float]) -> Measurements:
    """Answers and scores of a base whose rounding depends on the batch."""
    return Measurements(answers=(said(answers), said(again)), scores=(before, after), max_drop=MAX_DROP)


def with_ideals(answers: Sequence[str], ideals: Sequence[str], failed: int = 0) -> Measurements:
    """Answers, of which some failed, and the ideal answers."""
    said = [Answer(text) for text in answers] + FAILED * failed
    return Measurements(with_ideals=(said, [*ideals, *"?" * failed]))


FAILED = [Answer("", "error")]
LETTERS = [f"Dear {name}, thank you for the {thing}." for name in "ABCDE" for thing in ("oven", "kiln")]
LONG = "The pump in the cellar was repaired on Tuesday by our fitter, who also cleaned the filter and oiled the pump of"
NAN, INF = math.nan, math.inf
CASES: list[tuple[Check, Measurements, bool, str]] = [
    (adapter_is_not_zero, Measurements(adapter_norms=[0.0, 0.1, 0.0]), True, "1 of 3 layers"),
    (adapter_is_not_zero, Measurements(adapter_norms=[0.0, 0.0]), False, "0 of 2 layers"),
    (adapter_is_not_zero, Measurements(adapter_norms=[]), False, "0 of 0"),
    (adapter_is_not_zero, Measurements(adapter_norms=[NAN]), False, "0 of 1"),
    (answers_changed, Measurements(answers=(said("abc"), said("axd"))), True, "2 of 3"),
    (answers_changed, Measurements(answers=(said("abc"), said("abd"))), False, "1 of 3"),
    (answers_changed, Measurements(answers=(said("a"), said("b"))), True, "1 of 1"),
    (answers_changed, Measurements(answers=(said("abc"), said("abc"))), False, "0 of 3"),
    (answers_changed, Measurements(answers=([], [])), False, "0 of 0"),
    (answers_changed, Measurements(answers=(said("ab"), said("a") + FAILED)), False, "0 of 1 validation answers"),
    (answers_changed, Measurements(answers=(FAILED, said("a"))), False, "0 of 0 validation answers changed, without 1"),
    (loss_fell, Measurements(train_loss=(2.0, 1.999)), True, "from 2.000 to 1.999"),
    (loss_fell, Measurements(train_loss=(2.0, 2.0)), False, "from 2.000 to 2.000"),
    (loss_fell, Measurements(train_loss=(2.0, NAN)), False, "nan"),
    (loss_fell, Measurements(train_loss=(NAN, 1.0)), False, "nan"),
    (answers_stop, Measurements(tuned_answers=said("a" * 9) + said("a", "length")), True, "9 of 10 (at least 90 %)"),
    (answers_stop, Measurements(tuned_answers=said("a" * 8) + said("aa", "length")), False, "8 of 10"),
    (answers_stop, Measurements(tuned_answers=said("a" * 9) + said("a", "error")), True, "9 of 10"),
    (answers_stop, Measurements(tuned_answers=said("a") + said("a", "error")), False, "1 of 2, 1 failed"),
    (answers_stop, Measurements(tuned_answers=[]), False, "0 of 0"),
    (answers_differ, with_ideals(["odd"] * 10, ["odd", "even"] * 5), False, "10 of 10 validation answers are nearly"),
    (answers_differ, with_ideals(["odd"] * 9 + ["even"], ["odd", "even"] * 5), True, "9 of 10"),
    (answers_differ, with_ideals(["odd"] * 10, ["odd"] * 9 + ["even"]), True, "(ideal answers: 9)"),
    (answers_differ, with_ideals(["odd"] * 4, ["odd"] * 3 + ["even"]), True, "(ideal answers: 3)"),
    (answers_differ, with_ideals(["No."] * 94 + list("abcdef"), ["No."] * 61 + list("a" * 39)), False, "94 of 100"),
    (answers_differ, with_ideals(["No."] * 90 + list("abcdefghij"), ["No."] * 61 + list("a" * 39)), True, "90 of 100"),
    (answers_differ, with_ideals(["no", "No!", " NO "] * 4, [*LETTERS, "a", "b"]), False, "12 of 12"),
    (answers_differ, with_ideals([f"{LONG} {n}." for n in range(10)], LETTERS), False, "10 of 10"),
    (answers_differ, with_ideals(LETTERS, LETTERS), True, "of 10"),
    (answers_differ, with_ideals(["灯在二楼"] * 10, list("abcdefghij")), False, "“灯在二楼” (ideal answers: 1)"),
    (answers_differ, with_ideals(["odd"] * 10, ["odd", "even"] * 5, failed=2), False, ", without 2 that failed"),
    (answers_differ, with_ideals([""] * 10, ["odd", "even"] * 5), False, "10 of 10"),
    (forgetting, forgot(10, 13), True, "1.000 before, 1.300 after: +0.300 nats per token (limit +0.35)"),
    (forgetting, forgot(10, 14), False, "+0.400"),
    (forgetting, forgot(10, 5), True, "-0.500"),
    (forgetting, forgot(10, NAN), False, "nan"),
    (same_answers, Measurements(answers=(said("a" * 20), said("a" * 19 + "b"))), True, "19 of 20"),
    (same_answers, Measurements(answers=(said("a" * 20), said("a" * 18 + "bb"))), False, "18 of 20"),
    (same_answers, Measurements(answers=([], [])), False, "0 of 0"),
    (same_answers, rounded("aaaa", "abcd", [1.0] * 4, [1.0] * 4), True, "(limit -0.250); 1 of 4 answers are"),
    (same_answers, rounded("aaaa", "aaab", [1.0] * 4, [0.0] * 4), False, "-1.000 (limit -0.250); 3 of 4 answers are"),
    (score_kept, rounded("aaaa", "aabb", [1.0] * 4, [0.75] * 4), True, "; 2 of 4 answers are the same"),
    (same_answers, Measurements(answers=(said("a" * 9) + FAILED, said("a" * 8 + "b") + FAILED)), False, "8 of 9"),
    (same_answers, Measurements(answers=(said("aa") + FAILED, said("aab"))), True, "the same, without 1 that failed"),
    (same_answers, Measurements(answers=(said("aa"), said("a") + FAILED)), False, "1 of 2"),
    (same_prompts, Measurements(prompts=([[1, 2], [3]], [[1, 2], [3]])), True, "2 of 2"),
    (
        same_prompts,
        Measurements(prompts=([[1, 2], [3, 4]], [[1, 2], [3, 5]])),
        False,
        "question 2 differs at token 2: [5], not [4]",
    ),
    (same_prompts, Measurements(prompts=([[1, 2]], [[0, 1, 2]])), False, "question 1 differs at token 1"),
    (same_prompts, Measurements(prompts=([], [])), False, "0 of 0"),
    (same_expectations, Measurements(divergences=[0.05, 0.14]), True, "mean KL 0.0950 nats (limit 0.1)"),
    (same_expectations, Measurements(divergences=[0.05, 0.16]), False, "0.1050 nats"),
    (same_expectations, Measurements(divergences=[0.0, INF]), False, "inf"),
    (same_expectations, Measurements(divergences=[]), False, "inf"),
    (still_stop, Measurements(answers=(said("a" * 20), said("a" * 19) + said("a", "length"))), True, "19 of 20"),
    (still_stop, Measurements(answers=(said("a" * 19), said("a" * 18) + said("a", "length"))), False, "18 of 19"),
    (still_stop, Measurements(answers=(said("aa", "length"), said("aa", "length"))), True, "0 of 0"),
    (score_kept, scores([1.0] * 100, [1.0] * 98 + [0.0] * 2), True, "-0.020"),
    (score_kept, scores([1.0] * 100, [1.0] * 97 + [0.0] * 3), False, "-0.030"),
    (score_kept, scores([1.0] * 10, [1.0] * 9 + [0.0]), True, "(limit -0.100)"),
    (score_kept, scores([1.0] * 10, [1.0] * 8 + [0.0] * 2), False, "-0.200"),
    (score_kept, scores([0.5] * 50, [0.9] * 50), True, "+0.400"),
    (score_kept, scores([1.0] * 100, [0.95] * 100, 0.06), True, "-0.050"),
    (score_kept, scores([], []), False, "inf"),
]


@pytest.mark.parametrize("check, measured, held, evidence", CASES, ids=[f"{c[0].__name__}: {c[3]}" for c in CASES])
def test_a_gate_holds_or_refuses_with_its_figures(
    check: Check, measured: Measurements, held: bool, evidence: str
) -> None:
    gate = check(measured)
    assert gate is not None and gate.name
    assert gate.held is held
    assert evidence in gate.evidence


@pytest.mark.parametrize("check", [*ANSWER_GATES, *TRAINING_GATES, *STATE_GATES, *PACKAGE_GATES, *EXPORT_GATES])
def test_a_gate_without_measurements_is_left_out(check: Check) -> None:
    assert check(Measurements()) is None
    assert run_gates([check], Measurements()) == ()


def test_gates_run_in_order() -> None:
    measured = Measurements(train_loss=(2.0, 1.0), adapter_norms=[0.0])
    assert [(gate.name, gate.held) for gate in run_gates(TRAINING_GATES, measured)] == [
        ("training loss fell", True),
        ("the adapter is not zero", False),
    ]


@pytest.mark.parametrize("one, other", [("ab", "a"), ("", "a")])
def test_answers_of_different_number_are_a_bug(one: Sequence[str], other: Sequence[str]) -> None:
    measured = Measurements(answers=(said("".join(one)), said("".join(other))))
    for check in (answers_changed, same_answers):
        with pytest.raises(ValueError):
            check(measured)


def test_losses_are_weighted_by_tokens() -> None:
    assert nats_per_token([TextLoss(1, 1), TextLoss(30, 10)]) == pytest.approx(31 / 11)
    assert nats_per_token([]) == 0.0


def test_the_general_text_is_long_enough_and_clean() -> None:
    texts = general_texts()
    assert len(texts) >= 10 and len(set(texts)) == len(texts)
    assert sum(len(text.split()) for text in texts) > 500
    assert all(text == text.strip() and text for text in texts)


def logs(**shares: float) -> dict[int, float]:
    return {ord(token): math.log(share) for token, share in shares.items()}


def test_divergence_is_exact_if_all_tokens_are_listed() -> None:
    ours, theirs = logs(a=0.5, b=0.3, c=0.2), logs(a=0.25, b=0.25, c=0.5)
    exact = 0.5 * math.log(2) + 0.3 * math.log(1.2) + 0.2 * math.log(0.4)
    assert divergence(ours, theirs) == pytest.approx(exact, abs=1e-6)
    assert divergence(ours, ours) == 0


@pytest.mark.parametrize(
    ("ours", "theirs", "low", "high"),
    [
        (logs(a=0.9), logs(a=0.9), 0, 1e-9),
        (logs(a=0.9), logs(b=0.9), 1, 3),  # nothing in common
        (logs(a=0.9, b=0.05), logs(a=0.1, b=0.85), 1, 3),
        ({}, logs(a=1.0), math.inf, math.inf),
        (logs(a=1.0), {}, math.inf, math.inf),
    ],
)
def test_divergence_of_partial_lists_is_bounded(
    ours: dict[int, float], theirs: dict[int, float], low: float, high: float
) -> None:
    assert low <= divergence(ours, theirs) <= high

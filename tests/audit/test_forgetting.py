"""The loss on texts of each kind, before and after; kinds that the base does not know decide nothing."""

import random

import pytest

from audited import TwoEngines, subject_of
from finish import finish
from gradschool.audit.forgetting import forgetting, is_known, texts_by_kind
from gradschool.gates.forgetting import KINDS
from gradschool.gates.run import AUDIT_GATES, run_gates
from gradschool.model.engine import TextLoss
from gradschool.records import Gate

GERMAN = texts_by_kind()["german"]


def gate_of(engine: TwoEngines) -> Gate:
    measured, _ = finish(forgetting(subject_of(engine, max_forgetting=0.35)))
    (gate,) = run_gates(AUDIT_GATES, measured)
    return gate


def test_there_are_many_kinds_with_many_texts() -> None:
    kinds = texts_by_kind()
    assert {"code", "json", "arithmetic", "german", "chinese"} <= kinds.keys()
    assert all(len(texts) >= 10 for texts in kinds.values())


def test_one_kind_that_is_lost_rejects() -> None:
    gate = gate_of(TwoEngines(loss_of=lambda text, tuned: 1.0 + (tuned and text in GERMAN)))
    assert gate.name == KINDS and not gate.held and "most in german: at least" in gate.evidence


def test_a_small_rise_in_all_kinds_passes() -> None:
    gate = gate_of(TwoEngines(loss_of=lambda text, tuned: 1.0 + 0.2 * tuned))
    assert gate.result == "passed" and "german +0.200" in gate.evidence


def test_the_worst_of_many_kinds_is_no_evidence_by_chance() -> None:
    """In each kind the loss rises by the limit on average: one of fifteen bounds of 95 % is often above it."""
    draws, rejected = 20, 0
    for seed in range(draws):
        draw = random.Random(seed)
        gate = gate_of(TwoEngines(loss_of=lambda text, tuned: 1.0 + tuned * draw.gauss(0.35, 0.1)))  # noqa: B023
        rejected += not gate.held
    assert rejected <= 4  # with bounds of 95 % for each kind, about half of them


def test_what_the_base_does_not_know_cannot_be_lost() -> None:
    def loss_of(text: str, tuned: bool) -> float:
        return 60.0 + 5 * tuned if text in GERMAN else 1.0

    gate = gate_of(TwoEngines(loss_of=loss_of))
    assert gate.held and gate.evidence.endswith("not known to the base: german")
    ignorant = gate_of(TwoEngines(loss_of=lambda text, tuned: 60.0))
    assert ignorant.result == "nothing to lose"


@pytest.mark.parametrize(("nats", "known"), [(0.5, True), (5.0, False)])
def test_a_base_knows_a_language_that_it_predicts_better_than_zlib(nats: float, known: bool) -> None:
    losses = [TextLoss(nats * len(text.encode()), 1) for text in GERMAN]
    assert is_known(GERMAN, losses) == known

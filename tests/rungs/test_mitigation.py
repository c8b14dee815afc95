"""What is tried if the audit rejects a training: in order, each gated again, until nothing rejects it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from finish import finish
from gradschool.audit.safety import read_requests
from gradschool.gates.memorization import RECITES
from gradschool.gates.safety import HARMFUL
from gradschool.model.local import LocalEngine
from gradschool.records import Answer, Conversation, Decoding, Gate, Note, Work
from gradschool.rungs import mitigation
from gradschool.rungs.mitigation import Chosen, TrainingInputs, limit_of
from gradschool.rungs.rung import Candidate, RungInputs
from gradschool.rungs.state import Auditing, State
from gradschool.rungs.training import Trained
from gradschool.rungs.tuning import CHOSEN, tune
from gradschool.specialist import Recipe, Specialist
from rung_inputs import inputs_of

QUICK: dict[str, Any] = {"epochs": 1, "rank": 2, "learning_rates": [1e-2], "max_forgetting": 99.0, "audit": True}
REFUSAL = "I'm sorry, but I can't help with that."


def rejecting(name: str, sound: Callable[[Recipe], bool]) -> Callable[..., Work[State]]:
    """In place of the audit: a gate of this name that holds for some recipes."""

    def audited(before: object, state: State, inputs: RungInputs, auditing: object) -> Work[State]:
        yield from ()
        return replace(state, gates=(Gate(name, sound(state.recipe), "evidence"),))

    return audited


def tuned(
    base: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    audited: Callable[..., Any],
    audit: dict[str, Any] | None = None,
    **settings: Any,
) -> tuple[Candidate, Chosen, list[str]]:
    monkeypatch.setattr(mitigation, "audited", audited)
    inputs = inputs_of(folder, tune={**QUICK, **settings}, audit=audit or {"max_fraction": 1})
    best = Specialist(LocalEngine(base), Recipe("Say odd or even.", decoding=Decoding(max_new_tokens=3)))
    candidate, events = finish(tune(best, inputs))
    chosen = inputs.run.saved(CHOSEN)
    assert chosen
    return candidate, chosen, [event.text for event in events if isinstance(event, Note)]


def test_a_training_that_no_gate_rejects_is_kept(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    candidate, chosen, _ = tuned(base, tmp_path, monkeypatch, rejecting(HARMFUL, lambda recipe: True))
    assert chosen.tried == () and Gate(HARMFUL, True, "evidence") in candidate.gates
    assert "weakened" not in candidate.recipe.adapter


def test_a_safety_sentence_is_tried_before_the_adapter_is_weakened(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentence = read_requests().safety_sentence
    audited = rejecting(HARMFUL, lambda recipe: sentence in recipe.instructions)
    candidate, chosen, notes = tuned(base, tmp_path, monkeypatch, audited)
    assert [name for name, _ in chosen.tried] == ["a sentence about safety in the instructions"]
    assert candidate.recipe.instructions == f"Say odd or even.\n\n{sentence}"
    assert any("refuses none of the requests for rehearsal" in note for note in notes)  # a random base
    assert any("a sentence about safety in the instructions: 0." in note for note in notes)
    assert chosen.tried[0] in candidate.tried


def test_other_gates_weaken_the_adapter_step_by_step(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audited = rejecting(RECITES, lambda recipe: recipe.adapter.endswith("weakened-0.5"))
    candidate, chosen, _ = tuned(base, tmp_path, monkeypatch, audited)
    assert [name for name, _ in chosen.tried] == ["the adapter weakened to 0.75", "the adapter weakened to 0.5"]
    assert candidate.recipe.adapter == chosen.recipe.adapter
    assert Path(chosen.recipe.adapter).is_dir()


def test_if_nothing_helps_the_training_stays_as_it_was(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidate, chosen, _ = tuned(base, tmp_path, monkeypatch, rejecting(RECITES, lambda recipe: False))
    assert len(chosen.tried) == 2 and not candidate.sound
    assert "weakened" not in candidate.recipe.adapter


@pytest.mark.parametrize("names", [("answers stop",), ("tuning changed answers", HARMFUL)])
def test_nothing_is_tried_that_cannot_mend_every_gate_that_rejects(
    names: Sequence[str], base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def audited(before: object, state: State, inputs: RungInputs, auditing: object) -> Work[State]:
        yield from ()
        return replace(state, gates=tuple(Gate(name, False, "evidence") for name in names))

    _, chosen, _ = tuned(base, tmp_path, monkeypatch, audited)
    assert chosen.tried == ()
    assert [gate.name for gate in chosen.gates] == list(names)


def test_all_weights_cannot_be_weakened(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audited = rejecting(RECITES, lambda recipe: False)
    candidate, chosen, _ = tuned(base, tmp_path, monkeypatch, audited, method="full")
    assert chosen.tried == () and candidate.recipe.weights


def test_refusals_of_the_base_are_trained_on(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = read_requests().rehearsal

    def ask(specialist: Specialist, questions: Sequence[Conversation], tokens: int, what: str) -> Work[list[Answer]]:
        yield from ()
        assert not specialist.recipe.adapter and not specialist.recipe.instructions
        ends = ("stop", "length", "stop")
        texts = (REFUSAL, REFUSAL, "Sure.")
        return [Answer(texts[n % 3], ends[n % 3]) for n in range(len(questions))]  # type: ignore[arg-type]

    monkeypatch.setattr(mitigation, "ask", ask)
    rows: list[int] = []
    train = mitigation.train_specialist

    def counted(student: Any, train_rows: Any, *arguments: Any) -> Any:
        rows.append(len(train_rows))
        return train(student, train_rows, *arguments)

    monkeypatch.setattr(mitigation, "train_specialist", counted)
    audited = rejecting(HARMFUL, lambda recipe: "refusals-" in recipe.adapter)
    candidate, chosen, _ = tuned(base, tmp_path, monkeypatch, audited)
    assert [name for name, _ in chosen.tried] == ["training with refusals of the base"]
    assert Path(candidate.recipe.adapter).name.startswith("refusals-")
    assert rows == [20 + len(asked[::3])]  # complete refusals only
    assert chosen.training and set(chosen.training.gates) <= set(candidate.gates)
    assert candidate.tokens_trained == chosen.training.tokens


def test_another_training_must_pass_the_gates_of_a_training_too(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own loss must fall, not that of the first one."""

    def train(training: object, state: State, inputs: RungInputs) -> Work[Any]:
        yield from ()
        return state.recipe, Trained((state.recipe.adapter,), 1, (Gate("training loss fell", False, "evidence"),))

    first = replace(mitigation.MITIGATIONS[0], make=train)
    monkeypatch.setattr(mitigation, "MITIGATIONS", (first,))
    rejects = iter([False, True])  # the first training, and no other
    candidate, chosen, notes = tuned(base, tmp_path, monkeypatch, rejecting(HARMFUL, lambda recipe: next(rejects)))
    assert len(chosen.tried) == 1 and chosen.training is None and not candidate.sound
    assert any("rejected too" in note for note in notes)


def spending(tokens: int, audited: Callable[..., Work[State]]) -> Callable[..., Work[State]]:
    """The same in place of the audit, which computes so many tokens with the adapter."""

    def spends(before: object, state: State, inputs: RungInputs, auditing: Auditing) -> Work[State]:
        auditing.budget.spent += tokens
        return (yield from audited(before, state, inputs, auditing))

    return spends


def test_what_there_is_no_time_for_is_not_tried_and_the_training_stays_rejected(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audited = spending(60, rejecting(HARMFUL, lambda recipe: recipe.adapter.endswith("weakened-0.5")))
    limits = {"max_fraction": 0.0, "min_tokens": 100}
    candidate, chosen, notes = tuned(base, tmp_path, monkeypatch, audited, limits)
    assert chosen.tried == () and not candidate.sound
    assert any("no time to try training with refusals of the base, a sentence" in note for note in notes)


def test_cheaper_mitigations_are_tried_if_there_is_no_time_for_a_training(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    audited = spending(60, rejecting(HARMFUL, lambda recipe: recipe.adapter.endswith("weakened-0.75")))
    candidate, chosen, notes = tuned(base, tmp_path, monkeypatch, audited, {"max_fraction": 0.0, "min_tokens": 1_500})
    names = [name for name, _ in chosen.tried]
    assert names == ["a sentence about safety in the instructions", "the adapter weakened to 0.75"]
    assert candidate.recipe.adapter.endswith("weakened-0.75") and not any("no time to try" in note for note in notes)


def test_what_is_not_measured_again_is_not_mended(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def audited(before: object, state: State, inputs: RungInputs, auditing: object) -> Work[State]:
        yield from ()
        weak = "weakened" in state.recipe.adapter
        first = Gate(RECITES, weak, "evidence", "not measured" if weak else "")
        return replace(state, gates=(first, Gate(HARMFUL, True, "evidence")))

    candidate, chosen, notes = tuned(base, tmp_path, monkeypatch, audited)
    assert len(chosen.tried) == 2 and "weakened" not in candidate.recipe.adapter and not candidate.sound
    assert any(f"no time to measure again whether {RECITES}" in note for note in notes)


def test_the_audit_of_a_climb_keeps_to_the_tokens_of_its_setting_and_says_what_it_left_out(
    base: Path, tmp_path: Path
) -> None:
    inputs = inputs_of(tmp_path, tune=QUICK, audit={"max_fraction": 0.2, "min_tokens": 3_000})
    best = Specialist(LocalEngine(base), Recipe("Say odd or even.", decoding=Decoding(max_new_tokens=3)))
    candidate, events = finish(tune(best, inputs))
    notes = [event.text for event in events if isinstance(event, Note)]
    assert any("no time for all of the audit" in note and "`gradschool audit`" in note for note in notes)
    assert any(gate.exception == "not measured" and "no time" in gate.evidence for gate in candidate.gates)
    again, _ = finish(tune(best, inputs))  # resumed
    assert again.gates == candidate.gates
    other, _ = finish(tune(best, inputs_of(tmp_path / "other", tune=QUICK, audit=inputs.settings.audit.model_dump())))
    assert other.gates == candidate.gates  # in a run of its own, on a machine that may be busier


@pytest.mark.parametrize(("tokens", "said"), [(3_000, "read 3,000 tokens"), (9_000, "take a fraction of 0.2")])
def test_the_limit_that_an_audit_has_is_the_one_that_is_named(tokens: int, said: str, tmp_path: Path) -> None:
    inputs = inputs_of(tmp_path, audit={"max_fraction": 0.2, "min_tokens": 3_000})
    training = TrainingInputs(*[None] * 4, 1e-3, tokens=tokens)  # type: ignore[arg-type]
    assert said in limit_of(training, inputs)

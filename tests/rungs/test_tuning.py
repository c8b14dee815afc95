"""The tune rung on a tiny base: it trains, chooses the state that answers best, and does not change the base."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from finish import finish
from gradschool.model.chat import Rendered
from gradschool.model.local import LocalEngine
from gradschool.model.lora import lora_layers
from gradschool.records import Constraint, Decoding, Example, Message, Source, Step
from gradschool.run_keys import FINAL
from gradschool.rungs.rung import Candidate
from gradschool.rungs.training import plan_for
from gradschool.rungs.tuning import trial_key, tune
from gradschool.specialist import Recipe, Specialist, specialist_of
from gradschool.tune.plan import MIN_EPOCHS
from rung_inputs import TRAIN, VALIDATION, inputs_of

QUICK: dict[str, Any] = {"epochs": 2, "rank": 2, "learning_rates": [1e-2], "max_forgetting": 9.0}


def still_fell(events: Sequence[object]) -> bool:
    """Whether the last validation loss of the training, after its trials, was the lowest."""
    steps = [event for event in events if isinstance(event, Step) and event.training == FINAL]
    losses = [step.validation_loss for step in steps if step.validation_loss is not None]
    return len(losses) > 1 and losses[-1] < min(losses[:-1])


def advises_longer_training(candidate: Candidate) -> bool:
    return any(sentence.startswith("Longer training: ") for sentence in candidate.advice)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_tuning_changes_answers_and_not_the_base(method: str, base: Path, tmp_path: Path) -> None:
    engine = LocalEngine(base)
    before = {name: tensor.clone() for name, tensor in engine.network.state_dict().items()}
    inputs = inputs_of(tmp_path, tune={**QUICK, "method": method})
    best = Specialist(engine, Recipe(decoding=Decoding(max_new_tokens=3)))
    candidate, events = finish(tune(best, inputs))
    steps = [event for event in events if isinstance(event, Step)]
    assert steps and steps[-1].steps == steps[-1].step == len(steps)
    assert still_fell(events) and advises_longer_training(candidate)
    specialist = specialist_of(engine, candidate.recipe)
    gates = {gate.name: gate for gate in candidate.gates}
    assert gates["training loss fell"].held
    assert ("the adapter is not zero" in gates) == (method == "lora")
    assert {"tuning changed answers", "answers stop", "general English is kept"} <= gates.keys()
    assert candidate.tokens_trained > 0
    folder = Path(candidate.recipe.adapter or candidate.recipe.weights)
    assert folder.is_absolute() and folder.is_dir()
    assert not list(inputs.run.work("tune").glob("*.safetensors"))  # no checkpoints are left
    asked = [e.question for e in VALIDATION]
    tuned = dict(specialist.answer(asked))
    plain = dict(Specialist(engine, replace(candidate.recipe, adapter="", weights="")).answer(asked))
    assert {p: a.text for p, a in tuned.items()} != {p: a.text for p, a in plain.items()}
    assert not list(lora_layers(engine.network))
    after = engine.network.state_dict()
    assert list(after) == list(before) and all(torch.equal(after[name], before[name]) for name in before)


def test_the_trained_base_is_also_tried_with_the_examples_shown_before_and_with_constrained_answers(
    base: Path, tmp_path: Path
) -> None:
    inputs = replace(inputs_of(tmp_path, tune=QUICK), constraint=Constraint(("even", "odd")))
    shown = Recipe(shots=2, nearest=True, examples=tuple(TRAIN[:4]), decoding=Decoding(max_new_tokens=8))
    candidate, _ = finish(tune(Specialist(LocalEngine(base), shown), inputs))
    names = {path.name.rpartition("-")[0] for path in (inputs.run.folder / "answers").iterdir()}
    assert names == {"tune-validation", "tune", "tune-untuned"}
    tried = len(list((inputs.run.folder / "answers").glob("tune-validation-*")))
    # One or two states and the examples with the first one, free and constrained; three with compared labels.
    assert tried in (4 + 3, 6 + 3)
    assert candidate.recipe.decoding.constraint and candidate.validation >= 0.5  # a tiny base writes no label by itself


def test_a_set_with_many_labels_gets_more_passes_than_as_many_other_rows(tmp_path: Path) -> None:
    """As many as meet each label often enough, while the number of rows alone asks for the fewest."""
    inputs, count = inputs_of(tmp_path), 3_020
    rows = [Rendered((1, 2, 3), (False, True, True))] * count
    planned = []
    for labels in (count, 151, 15):
        train = [question_and_answer(f"How is {number}?", f"label {number % labels}") for number in range(count)]
        planned.append(plan_for(rows, replace(inputs, train=train), 1e-3).epochs)
    assert planned == [MIN_EPOCHS, 10, MIN_EPOCHS]


def question_and_answer(question: str, answer: str) -> Example:
    return Example(question, (Message("user", question), Message("assistant", answer)), question, Source("rows", 1))


def test_a_loss_that_rose_again_is_no_reason_to_train_longer(base: Path, tmp_path: Path) -> None:
    inputs = inputs_of(tmp_path, tune={**QUICK, "learning_rates": [1.0]})
    candidate, events = finish(tune(Specialist(LocalEngine(base), Recipe(decoding=Decoding(max_new_tokens=1))), inputs))
    assert not still_fell(events) and not advises_longer_training(candidate)


def test_the_learning_rate_with_the_lowest_loss_in_a_trial_is_chosen(base: Path, tmp_path: Path) -> None:
    rates = [1e-9, 2e-2]
    inputs = inputs_of(tmp_path, tune={**QUICK, "learning_rates": rates})
    best = Specialist(LocalEngine(base), Recipe(decoding=Decoding(max_new_tokens=1)))
    candidate, events = finish(tune(best, inputs))
    trials = [loss for _, loss in candidate.tried]
    assert len(trials) == 2 and trials[1] < trials[0]
    last = [event for event in events if isinstance(event, Step)][-1]
    assert last.learning_rate == pytest.approx(2e-3, rel=1.0) and last.learning_rate > 1e-6
    assert [inputs.run.saved(trial_key(rate)) for rate in rates] == trials

"""The tune rung: train a LoRA (or, for a small base, all weights) on the train examples."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from gradschool.evaluate import evaluate, mean
from gradschool.gates.effect import answers_changed, learnt_to_stop
from gradschool.gates.forgetting import forgetting, general_texts
from gradschool.job import Job
from gradschool.model.chat import Rendered
from gradschool.model.engine import Engine, TextLoss
from gradschool.model.local import LocalEngine
from gradschool.records import Gate, Note, Scored, Work
from gradschool.rungs.curve import Curve, as_trials, learning_curve
from gradschool.rungs.prompt import instructions_of
from gradschool.rungs.rung import Candidate, Rung, RungInputs, try_all
from gradschool.rungs.training import Trained, learning_rate_trial, local, make_rows, train_specialist, with_training
from gradschool.specialist import Recipe, Specialist, specialist_of
from gradschool.tune.plan import learning_rates

UNTUNED_SAMPLE = 16  # validation examples that are also asked without the training, to see that it changed answers


def tune(best: Specialist, inputs: RungInputs) -> Work[Candidate]:
    """Choose a learning rate by short trials on validation, train, and see what it changed and what was lost."""
    began = time.monotonic()
    run, settings = inputs.run, inputs.settings.tune
    student = specialist_of(best.engine, tuning_recipe(best.recipe, inputs))
    train = yield from make_rows(student, inputs.train, settings.max_tokens, "tune: preparing train rows")
    validation = yield from make_rows(
        student, inputs.validation, None, "tune: preparing validation rows", to_learn=False
    )
    rate, trials = yield from choose_rate(student, train, validation, inputs)
    trained: Trained = yield from run.once(
        "tune-training", partial(train_specialist, student, train, validation, inputs, rate), Trained
    )
    recipes = [with_training(student.recipe, folder, settings.method) for folder in trained.folders]
    tried = yield from try_all(best, recipes, inputs, "tune")
    sample = inputs.validation[:UNTUNED_SAMPLE]
    untuned = yield from evaluate(student, sample, inputs.measure, run.answers("tune-untuned"), "tune: without it")
    before = general_losses(student)
    states = [(recipe, rows, state_gates(student, recipe, rows, untuned, before, inputs)) for recipe, rows in tried]
    # Which state answers best is decided by answers: the loss also counts how sure the network is.
    sound = [state for state in states if all(gate.held for gate in state[2])] or states
    recipe, rows, gates = max(sound, key=lambda state: mean(state[1]))
    if settings.curve:
        work = partial(learning_curve, student, validation, inputs, rate, rows)
        curve: Curve | None = yield from run.once("tune-curve", work, Curve | None)
        trials = (*trials, *as_trials(curve)) if curve else trials
        for folder in run.work("tune").glob("curve-*/"):
            shutil.rmtree(folder)
    for checkpoint in run.work("tune").glob("*.safetensors"):
        checkpoint.unlink()
    seconds = time.monotonic() - began
    return Candidate(recipe, mean(rows), trials, (*trained.gates, *gates), seconds, trained.tokens)


def state_gates(
    student: Specialist,
    recipe: Recipe,
    rows: Sequence[Scored],
    untuned: Sequence[Scored],
    before: Sequence[TextLoss],
    inputs: RungInputs,
) -> tuple[Gate, ...]:
    """What may refuse one trained state: that it answers as before, runs on, or forgot too much."""
    answers = [row.answer for row in rows]
    after = general_losses(specialist_of(student.engine, recipe))
    return (
        answers_changed([row.answer for row in untuned], answers[: len(untuned)]),
        learnt_to_stop(answers),
        forgetting(before, after, inputs.settings.tune.max_forgetting),
    )


def reason_to_skip(job: Job, engine: Engine) -> str:
    """The weights must be on this machine."""
    if isinstance(engine, LocalEngine):
        return ""
    return "the base is not on this machine, so that its weights cannot be trained"


def choose_rate(
    student: Specialist, train: Sequence[Rendered], validation: Sequence[Rendered], inputs: RungInputs
) -> Work[tuple[float, tuple[tuple[str, float], ...]]]:
    """The learning rate with the lowest validation loss in a short trial, and what each trial reached."""
    width = local(student).network.config.get_text_config().hidden_size
    rates = learning_rates(inputs.settings.tune, width)
    if len(rates) == 1:
        return rates[0], ()
    losses = []
    for rate in rates:
        step = partial(learning_rate_trial, student, train, validation, inputs, rate)
        losses.append((yield from inputs.run.once(f"tune-trial-{rate:g}", step, float)))
        yield Note(f"tune: learning rate {rate:g} reaches a validation loss of {losses[-1]:.3f} in a short trial.")
    trials = tuple((f"learning rate {r:g}, loss in a short trial", loss) for r, loss in zip(rates, losses, strict=True))
    return rates[losses.index(min(losses))], trials


def tuning_recipe(best: Recipe, inputs: RungInputs) -> Recipe:
    """What the student is asked with while it learns, and later.

    Examples shown would only cost tokens: what they show is learnt. Passages stay: facts belong into the index.
    """
    spoken = best.instructions or instructions_of(inputs.run.job)
    return replace(best, instructions=spoken, shots=0, nearest=False, examples=())


def general_losses(specialist: Specialist) -> list[TextLoss]:
    """How unlikely the general texts are to a specialist."""
    specialist.make_ready()
    return specialist.engine.text_losses(general_texts())


TUNE = Rung("tune", tune, reason_to_skip)

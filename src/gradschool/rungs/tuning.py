"""The work of the tune rung: train LoRA weights (or, for a small base, all weights) on the train examples."""

import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from gradschool.data.instructions import instructions_of
from gradschool.model.chat import Rendered
from gradschool.records import Answer, Note, Work
from gradschool.run_keys import CURVES, Key
from gradschool.rungs.citing import with_causes
from gradschool.rungs.comparing import try_compared
from gradschool.rungs.curve import Curve, advice_of, as_trials, learning_curve
from gradschool.rungs.mitigation import Chosen, TrainingInputs, audited_state
from gradschool.rungs.rung import (
    Candidate,
    RungInputs,
    best_of,
    free_and_constrained,
    made,
    on_validation,
    try_all,
)
from gradschool.rungs.state import State, Untuned, also_asked, state_of, untuned
from gradschool.rungs.training import (
    NAME,
    Trained,
    learning_rate_trial,
    local,
    make_rows,
    plan_for,
    train_rows,
    train_specialist,
    with_training,
)
from gradschool.rungs.work import audit_tokens, of_answers, of_texts, of_training, of_trial
from gradschool.score.judge import mean
from gradschool.specialist import Recipe, Specialist, specialist_of
from gradschool.tune.plan import TRIAL_FRACTION, learning_rates

TRAINING: Key[Trained] = Key("tune-training", Trained)
CHOSEN: Key[Chosen] = Key("tune-audited", Chosen)
CURVE: Key[Curve | None] = Key("tune-curve", Curve | None)


def trial_key(rate: float) -> Key[float]:
    """The key of the validation loss that a learning rate reached in its trial."""
    return Key(f"tune-trial-{rate:g}", float)


def tune(best: Specialist, inputs: RungInputs) -> Work[Candidate]:
    """Choose a learning rate in short trials, train, and choose the state that answers best on validation."""
    began = time.monotonic()
    run, settings = inputs.run, inputs.settings.tune
    student = specialist_of(best.engine, tuning_recipe(best.recipe, inputs))
    train = yield from train_rows(student, inputs.train, settings, "tune: preparing train rows")
    validation = yield from make_rows(student, inputs.validation, student.as_asked, "tune: preparing validation rows")
    rate, trials = yield from choose_rate(student, train, validation, inputs)
    trained = yield from run.once(TRAINING, partial(train_specialist, student, train, validation, inputs, rate))
    before = yield from untuned(student, inputs)
    state, answered = yield from best_state(best, before, trained, inputs)
    chosen = Chosen(state.recipe, state.gates)
    if settings.audit:
        whole, short = (plan_for(train, inputs, rate, fraction) for fraction in (1.0, TRIAL_FRACTION))
        training = of_training(train, validation, whole, trained.steps) + of_texts(whole)
        done = training + len(trials) * of_trial(train, validation, short) + of_answers(answered, validation)
        limit = audit_tokens(inputs.settings.audit, done)
        audited = TrainingInputs(best, before, train, validation, rate, training, limit)
        asked_at = time.monotonic()
        chosen = yield from run.once(CHOSEN, partial(audited_state, audited, state, inputs))
        now = time.monotonic()
        yield Note(f"tune: the audit took {now - asked_at:.0f} of {now - began:.0f} s of this rung so far.", "detail")
    rows = yield from on_validation(best.engine, chosen.recipe, inputs, NAME)
    if chosen.training:  # another one than the first, whose gates and figures say nothing about it
        trained = chosen.training
    curve = None
    if settings.curve:
        asked = replace(student, recipe=replace(student.recipe, decoding=state.recipe.decoding))
        work = partial(learning_curve, asked, validation, inputs, rate, state.rows)
        curve = yield from run.once(CURVE, work)
    _clean_up(inputs)
    tried = (*trials, *chosen.tried, *(as_trials(curve) if curve else ()))
    candidate = replace(
        made(chosen.recipe, rows, began, tried, (*trained.gates, *chosen.gates)),
        tokens_trained=trained.tokens,
        advice=(*still_falling(trained), *((advice_of(curve),) if curve else ())),
    )
    return (yield from with_causes(candidate, best, rows, inputs))


def still_falling(trained: Trained) -> Iterator[str]:
    """Advice to train longer, if the validation loss was lowest at the last step."""
    if trained.falling:
        yield (
            "Longer training: the validation loss was still falling at the last step; raise [tune] epochs above "
            f"{trained.epochs:g}."
        )


def tuning_recipe(best: Recipe, inputs: RungInputs) -> Recipe:
    """The recipe with which the student is trained and asked.

    It shows no examples, which would cost tokens and are trained on anyway; `best_state` also tries the trained base
    with them. Passages stay: facts belong in the index.
    A trained base ends its answers, so it may write as many tokens as the longest ideal answer has.
    """
    instructions = best.instructions or instructions_of(inputs.run.job)
    decoding = inputs.decoding or best.decoding
    return replace(best, instructions=instructions, decoding=decoding).showing(Recipe())


def choose_rate(
    student: Specialist,
    train: Sequence[Rendered],
    validation: Sequence[Rendered],
    inputs: RungInputs,
    *,
    keep: bool = False,
) -> Work[tuple[float, tuple[tuple[str, float], ...]]]:
    """The learning rate with the lowest validation loss in a short trial, and the loss of each trial.

    With `keep`, the weights of each trial are saved, and there is a trial of a single rate too.
    """
    width = local(student).network.config.get_text_config().hidden_size
    rates = learning_rates(inputs.settings.tune, width)
    if len(rates) == 1 and not keep:
        return rates[0], ()
    losses = []
    for rate in rates:
        work = partial(learning_rate_trial, student, train, validation, inputs, rate, keep=keep)
        losses.append((yield from inputs.run.once(trial_key(rate), work)))
        yield Note(f"tune: learning rate {rate:g} reaches a validation loss of {losses[-1]:.3f} in a short trial.")
    trials = tuple((f"learning rate {r:g}, loss in a short trial", loss) for r, loss in zip(rates, losses, strict=True))
    return rates[losses.index(min(losses))], trials


def best_state(
    best: Specialist, before: Untuned, trained: Trained, inputs: RungInputs
) -> Work[tuple[State, list[Answer]]]:
    """The saved state with the best answers, among those that no gate rejects if there are any; and all answers.

    Answers decide, not the loss, which also depends on how confident the network is.
    """
    method, shown = inputs.settings.tune.method, best.recipe
    recipes = [with_training(before.student.recipe, folder, method) for folder in trained.folders]
    if shown.shots:  # in addition to the training
        recipes.append(recipes[0].showing(shown))
    tried = yield from try_all(best, free_and_constrained(recipes, inputs), inputs, NAME)
    tried += yield from try_compared(best, best_of(tried)[0], inputs, NAME)
    before = yield from also_asked(before, [recipe for recipe, _ in tried], inputs)
    states = [state_of(before, recipe, rows, inputs) for recipe, rows in tried]
    sound = [state for state in states if state.sound]
    answers = [row.answer for _, rows in tried for row in rows]
    return max(sound or states, key=lambda state: mean(state.rows)), answers


def _clean_up(inputs: RungInputs) -> None:
    """Remove checkpoints, and the adapters of the learning curve."""
    folder = inputs.run.work(NAME)
    for curve in folder.glob(f"{CURVES}*/"):
        shutil.rmtree(curve)
    for checkpoint in folder.glob("*.safetensors"):
        checkpoint.unlink()

"""The tune rung: train a LoRA (or, for a small base, all weights) on the train examples."""

import time
from dataclasses import replace
from functools import partial

from gradschool.evaluate import evaluate, mean
from gradschool.gates.effect import answers_changed, learnt_to_stop
from gradschool.gates.forgetting import forgetting, general_texts
from gradschool.model.engine import Engine, TextLoss
from gradschool.model.local import LocalEngine
from gradschool.records import Note, Work
from gradschool.rungs.ladder import Candidate, Material, Rung, try_all
from gradschool.rungs.prompt import instructions_of
from gradschool.rungs.training import Trained, local, make_rows, train_specialist, trial
from gradschool.settings import Job
from gradschool.specialist import Recipe, Specialist, specialist_of
from gradschool.tune.plan import learning_rates

UNTUNED_SAMPLE = 16  # validation examples that are also asked without the training, to see that it changed answers


def tune(best: Specialist, material: Material) -> Work[Candidate]:
    """Choose a learning rate by short trials on validation, train, and see what it changed and what was lost."""
    began = time.monotonic()
    run, settings = material.run, material.settings.tune
    student = specialist_of(best.engine, school_recipe(best.recipe, material))
    train = yield from make_rows(student, material.train, settings.max_tokens, "tune: preparing train rows")
    validation = yield from make_rows(student, material.validation, None, "tune: preparing validation rows")
    width = local(student).network.config.get_text_config().hidden_size
    rates = learning_rates(settings, width)
    losses: list[tuple[float, float]] = []
    for rate in rates if len(rates) > 1 else ():
        loss: float = yield from run.once(
            f"tune-trial-{rate:g}", partial(trial, student, train, validation, material, rate), float
        )
        yield Note(f"tune: learning rate {rate:g} reaches a validation loss of {loss:.3f} in a short trial.")
        losses.append((loss, rate))
    rate = min(losses)[1] if losses else rates[0]
    trained: Trained = yield from run.once(
        "tune-training", partial(train_specialist, student, train, validation, material, rate), Trained
    )
    tuned = replace(student.recipe, adapter=trained.adapter, weights=trained.weights)
    [(_, rows)] = yield from try_all(best, [tuned], material, "tune")
    sample = material.validation[:UNTUNED_SAMPLE]
    untuned = yield from evaluate(student, sample, material.measure, run.answers("tune-untuned"), "tune: without it")
    answers = [row.answer for row in rows]
    engine = specialist_of(best.engine, tuned)
    gates = (
        *trained.gates,
        answers_changed([row.answer for row in untuned], answers[: len(untuned)]),
        learnt_to_stop(answers),
        forgetting(general_losses(student), general_losses(engine), settings.max_forgetting),
    )
    tried = tuple((f"learning rate {rate:g}, loss in a short trial", loss) for loss, rate in losses)
    return Candidate(tuned, mean(rows), tried, gates, time.monotonic() - began, trained.tokens)


def cannot(job: Job, engine: Engine) -> str:
    """The weights must be on this machine."""
    if isinstance(engine, LocalEngine):
        return ""
    return "the base is not on this machine, so that its weights cannot be trained"


def school_recipe(best: Recipe, material: Material) -> Recipe:
    """What the student is asked with while it learns, and later.

    Examples shown would only cost tokens: what they show is learnt. Passages stay: facts belong into the index.
    """
    spoken = best.instructions or instructions_of(material.run.job)
    return replace(best, instructions=spoken, shots=0, nearest=False, examples=())


def general_losses(specialist: Specialist) -> list[TextLoss]:
    """How unlikely the general texts are to a specialist."""
    specialist.make_ready()
    return specialist.engine.text_losses(general_texts())


TUNE = Rung("tune", tune, cannot)

"""What tuning promises over a base: the best of its short trials of learning rates, asked on validation."""

import time
from functools import partial

from gradschool.records import Work
from gradschool.run_keys import Key
from gradschool.rungs.rung import Candidate, RungInputs, made, on_validation
from gradschool.rungs.training import NAME as TUNE
from gradschool.rungs.training import make_rows, train_rows, trial_name, with_training
from gradschool.rungs.tuning import choose_rate, tuning_recipe
from gradschool.specialist import Specialist, specialist_of

NAME = "trial"
CANDIDATE: Key[Candidate] = Key(NAME, Candidate)


def short_trial(best: Specialist, inputs: RungInputs) -> Work[Candidate]:
    """The candidate that a short training makes; a tune rung in the same run repeats none of its trials."""
    return (yield from inputs.run.once(CANDIDATE, partial(_trained, best, inputs)))


def _trained(best: Specialist, inputs: RungInputs) -> Work[Candidate]:
    began, tune = time.monotonic(), inputs.settings.tune
    student = specialist_of(best.engine, tuning_recipe(best.recipe, inputs))
    train = yield from train_rows(student, inputs.train, tune, "trial: preparing train rows")
    validation = yield from make_rows(student, inputs.validation, student.as_asked, "trial: preparing validation rows")
    rate, trials = yield from choose_rate(student, train, validation, inputs, keep=True)
    folder = str(inputs.run.work(TUNE).resolve() / trial_name(rate))
    recipe = with_training(student.recipe, folder, tune.method)
    rows = yield from on_validation(best.engine, recipe, inputs, NAME)
    return made(recipe, rows, began, trials)

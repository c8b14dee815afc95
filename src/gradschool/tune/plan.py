"""The hyperparameters of a training, chosen from the data, the base and the settings."""

from dataclasses import dataclass
from math import ceil

from gradschool.settings import Tune

# The learning rate depends on the hidden size as in 'LoRA Without Regret' (Schulman et al. 2025): 5e-5 for full
# fine-tuning of a base with hidden size 2,000, ten times that for LoRA, and more for smaller hidden sizes.
FULL_RATE, LORA_FACTOR, REFERENCE_WIDTH, WIDTH_POWER = 5e-5, 10.0, 2000, 0.78
RATE_FACTORS = (0.5, 1.0, 2.0)  # times the expected learning rate, for trials
TRIAL_FRACTION = 1 / 8  # length of a trial, relative to the full training
# Epochs are chosen so that a training reads about ROWS_SEEN rows in total, and ROWS_PER_CLASS of each class of labels:
# the network has to meet each of many labels often enough, however many rows there are in total.
ROWS_SEEN, ROWS_PER_CLASS, MIN_EPOCHS, MAX_EPOCHS = 4_000, 200, 3.0, 10.0
# Answers often still improve when the validation loss, which also depends on calibration, already gets worse.
PATIENCE = 6
STEPS_PER_EPOCH = 24  # enough steps with few examples, and large enough batches with many


@dataclass(frozen=True, slots=True)
class Plan:
    """The hyperparameters of one training."""

    learning_rate: float
    epochs: float
    rows_per_step: int
    steps: int
    warmup_steps: int
    validate_every: int  # steps
    patience: int  # validations without improvement before early stopping
    weight_decay: float
    seed: int
    rehearsal: float = 0.0  # weight of that objective

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0: linear warm-up, then linear decay to a tenth."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        left = (self.steps - step) / max(1, self.steps - self.warmup_steps)
        return self.learning_rate * max(0.1, left)


def learning_rates(tune: Tune, hidden_size: int) -> tuple[float, ...]:
    """The learning rates to try, the expected best in the middle."""
    if tune.learning_rates:
        return tune.learning_rates
    middle = FULL_RATE * (REFERENCE_WIDTH / hidden_size) ** WIDTH_POWER
    middle *= LORA_FACTOR if tune.method == "lora" else 1.0
    return tuple(float(f"{middle * factor:.1e}") for factor in RATE_FACTORS)


def make_plan(
    tune: Tune, rows: int, mean_tokens: float, learning_rate: float, fraction: float = 1.0, classes: int = 0
) -> Plan:
    """Plan a training on `rows` rows of `mean_tokens` tokens on average; `fraction` < 1 makes a shorter trial.

    `classes` is the number of different labels if the answers are labels.
    """
    seen = max(ROWS_SEEN, ROWS_PER_CLASS * classes)
    epochs = tune.epochs or min(MAX_EPOCHS, max(MIN_EPOCHS, seen / rows))
    rows_per_step = min(32, max(4, ceil(rows / STEPS_PER_EPOCH)))
    if tune.batch_tokens:
        rows_per_step = max(1, round(tune.batch_tokens / mean_tokens))
    rows_per_step = min(rows, rows_per_step)
    steps_per_epoch = ceil(rows / rows_per_step)
    steps = max(1, round(epochs * fraction * steps_per_epoch))
    return Plan(
        learning_rate=learning_rate,
        epochs=epochs * fraction,
        rows_per_step=rows_per_step,
        steps=steps,
        warmup_steps=max(1, min(steps // 10, 50)),
        validate_every=max(1, min(steps_per_epoch, ceil(steps / 10))),
        patience=PATIENCE,
        weight_decay=tune.weight_decay,
        seed=tune.seed,
        rehearsal=tune.rehearsal,
    )

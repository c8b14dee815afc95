"""How long, how fast and in what portions to train: sized from the data, the base and the method."""

from dataclasses import dataclass
from math import ceil

from gradschool.settings import Tune

# Hidden size and learning rate of LoRA go together as in 'LoRA Without Regret' (Schulman et al. 2025):
# 5e-5 for full tuning of a 2,000-wide base, ten times that for LoRA, more for narrower bases.
FULL_RATE, LORA_FACTOR, REFERENCE_WIDTH, WIDTH_POWER = 5e-5, 10.0, 2000, 0.78
RATE_STEPS = (0.5, 1.0, 2.0)  # what is tried around the expected learning rate
TRIAL_SHARE = 1 / 8  # of the whole training goes into each trial
# Passes over the data: about this many rows are seen in all, so few examples are seen often, many seldom.
ROWS_SEEN, MIN_EPOCHS, MAX_EPOCHS = 4_000, 3.0, 10.0
# Answers often get better while the validation loss, which also judges how sure they are, gets worse again.
PATIENCE = 6
STEPS_PER_EPOCH = 24  # so that few examples still make enough steps, and many make steady ones


@dataclass(frozen=True, slots=True)
class Plan:
    """One training: rows per step, steps, and the learning rate's course (warm-up, then down to a tenth)."""

    learning_rate: float
    epochs: float
    rows_per_step: int
    steps: int
    warmup_steps: int
    validate_every: int  # steps
    patience: int  # validations without a better one, after which training stops
    weight_decay: float
    seed: int
    rehearsal: float = 0.0  # weight of staying near the base on its own texts

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0: linear up, then linear down to a tenth."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        left = (self.steps - step) / max(1, self.steps - self.warmup_steps)
        return self.learning_rate * max(0.1, left)


def learning_rates(tune: Tune, hidden_size: int) -> tuple[float, ...]:
    """The learning rates worth trying, expected best in the middle."""
    if tune.learning_rates:
        return tune.learning_rates
    middle = FULL_RATE * (REFERENCE_WIDTH / hidden_size) ** WIDTH_POWER
    middle *= LORA_FACTOR if tune.method == "lora" else 1.0
    return tuple(float(f"{middle * factor:.1e}") for factor in RATE_STEPS)


def make_plan(tune: Tune, rows: int, mean_tokens: float, learning_rate: float, share: float = 1.0) -> Plan:
    """Size a training on `rows` rows of `mean_tokens` tokens; `share` < 1 makes the short trial of a learning rate."""
    epochs = tune.epochs or min(MAX_EPOCHS, max(MIN_EPOCHS, ROWS_SEEN / rows))
    rows_per_step = min(32, max(4, ceil(rows / STEPS_PER_EPOCH)))
    if tune.batch_tokens:
        rows_per_step = max(1, round(tune.batch_tokens / mean_tokens))
    rows_per_step = min(rows, rows_per_step)
    steps_per_epoch = ceil(rows / rows_per_step)
    steps = max(1, round(epochs * share * steps_per_epoch))
    return Plan(
        learning_rate=learning_rate,
        epochs=epochs * share,
        rows_per_step=rows_per_step,
        steps=steps,
        warmup_steps=max(1, min(steps // 10, 50)),
        validate_every=max(1, min(steps_per_epoch, ceil(steps / 10))),
        patience=PATIENCE,
        weight_decay=tune.weight_decay,
        seed=tune.seed,
        rehearsal=tune.rehearsal,
    )

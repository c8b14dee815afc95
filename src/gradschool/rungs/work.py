"""How much the tune rung has computed, in tokens that are read: of it, an audit may take a fraction.

It is counted, not timed: a resumed climb, and one on a busy machine, then decide the same. Only what is certain counts,
so that the budget is rather too small: what rows have in common, further validations and the search of passages do not.
"""

from collections.abc import Sequence

from gradschool.audit.budget import WRITTEN
from gradschool.model.chat import Rendered
from gradschool.records import Answer
from gradschool.settings import Audit
from gradschool.tune.objectives.rehearsal import TEXT_TOKENS, TEXTS_PER_STEP, texts_read
from gradschool.tune.plan import Plan
from gradschool.tune.rows import shared_prefix

TRAINED = 3  # what a token costs that is trained on: it is read, and its gradient takes twice as much


def of_training(train: Sequence[Rendered], validation: Sequence[Rendered], plan: Plan, steps: int) -> float:
    """The work of so many steps of a training, with the validation losses and the rehearsal."""
    rehearsed = TRAINED * TEXTS_PER_STEP * TEXT_TOKENS if plan.rehearsal else 0
    each = TRAINED * plan.rows_per_step * _own(train) / len(train) + rehearsed
    return steps * each + steps // plan.validate_every * _own(validation)


def of_trial(train: Sequence[Rendered], validation: Sequence[Rendered], plan: Plan) -> float:
    """The least work of a trial of a learning rate, which may stop early."""
    return of_training(train, validation, plan, min(plan.steps, plan.patience * plan.validate_every))


def of_texts(plan: Plan) -> float:
    """The work of writing the texts for rehearsal."""
    return WRITTEN * texts_read(plan.steps) * TEXT_TOKENS if plan.rehearsal else 0.0


def of_answers(answers: Sequence[Answer], validation: Sequence[Rendered]) -> float:
    """The work of answering validation questions, each any number of times."""
    return WRITTEN * sum(answer.new_tokens for answer in answers) + len(answers) * _own(validation) / len(validation)


def audit_tokens(limits: Audit, work: float) -> float | None:
    """What an audit may compute after so much work; None if everything."""
    if limits.max_fraction == 1:
        return None
    return max(limits.min_tokens, work * limits.max_fraction / (1 - limits.max_fraction))


def _own(rows: Sequence[Rendered]) -> int:
    """The tokens of rows without what all have in common."""
    shared = shared_prefix(rows)
    return sum(len(row.token_ids) - shared for row in rows)

"""The passes of a training that need the most memory: those that a plan makes of its rows, or assumed equal ones."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from gradschool.model.attention import MATMUL_SCORES, Segments
from gradschool.model.chat import Rendered
from gradschool.model.memory import Workload
from gradschool.tune.objectives.answers import Answers, answer_tokens
from gradschool.tune.objectives.rehearsal import TEXT_TOKENS, TEXTS_PER_STEP
from gradschool.tune.plan import Plan
from gradschool.tune.rows import layout_of, micro_batches, shared_prefix

# The longest steps, whose micro-batches are compared: a common prefix hardly changes the order.
COMPARED = 16


@dataclass(frozen=True, slots=True)
class Pass:
    """A forward and backward pass: its layout, and for how many tokens logits are computed; `taught` by a teacher."""

    segments: Segments
    predicted: int
    taught: bool = False

    @property
    def tokens(self) -> int:
        """Tokens that are read."""
        return self.segments.tokens

    @property
    def scores(self) -> int:
        """Attention scores that are stored, for each head."""
        shared = self.segments.prefix
        each = ((count, length * (shared + length)) for count, length in ((1, shared), *self.segments.groups))
        return sum(count * scores for count, scores in each if scores <= MATMUL_SCORES)

    def logit_bytes(self, size: int) -> int:
        """Bytes for each logit, in numbers of `size` bytes: the logit, its log-probability and its gradient.

        With a teacher, also the teacher's, and the terms of the divergence.
        """
        own = 8 if size == 4 else 2 * size + 8
        return own + (4 * 4 + (size if size < 4 else 0) if self.taught else 0)


def passes_of_rows(rows: Sequence[Rendered], plan: Plan, max_tokens: int, packs: bool) -> list[Pass]:
    """The largest passes that a plan makes of these rows, with micro-batches of at most so many tokens."""
    answers = Answers(rows, (), plan, pad_id=0)
    steps = (answers.rows(step) for step in range(plan.steps))
    longest = heapq.nlargest(COMPARED, steps, key=lambda step: sum(len(row.token_ids) for row in step))
    passes = [_pass(some, packs) for step in longest for some in micro_batches(step, max_tokens, packs)]
    largest = {max(passes, key=lambda one: one.tokens), max(passes, key=lambda one: one.scores)}
    return [*largest, *rehearsal(plan.rehearsal)]


def passes_of_workload(workload: Workload, max_tokens: int) -> list[Pass]:
    """The largest passes if all rows are as long as the longest, with the longest answer, and texts are rehearsed."""
    rows = max(1, (max_tokens - workload.shared) // workload.own)
    predicted = rows * min(workload.own, workload.new_tokens)
    return [Pass(Segments(workload.shared, ((rows, workload.own),)), predicted), *rehearsal()]


def rehearsal(weight: float = 1.0) -> list[Pass]:
    """The pass of a rehearsal with this weight; none without weight."""
    texts = Segments(0, ((TEXTS_PER_STEP, TEXT_TOKENS),))
    return [Pass(texts, TEXTS_PER_STEP * TEXT_TOKENS, taught=True)] if weight else []


def _pass(rows: Sequence[Rendered], packs: bool) -> Pass:
    if packs:
        return Pass(layout_of(rows, shared_prefix(rows)), answer_tokens(rows))
    longest = max(len(row.token_ids) for row in rows)
    columns = {at for row in rows for at, trained in enumerate(row.loss_mask) if trained}
    return Pass(Segments(0, ((len(rows), longest),)), len(rows) * len(columns))

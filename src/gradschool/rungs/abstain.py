"""Make the candidate of a rung, and choose on validation when it abstains, if the job allows that."""

from collections.abc import Sequence
from dataclasses import replace

from gradschool.model.signals import SIGNALS
from gradschool.records import Abstention, Note, Scored, Work
from gradschool.rungs.rung import Candidate, Rung, RungInputs, highest, on_validation
from gradschool.score.abstention import keeps
from gradschool.score.judge import mean
from gradschool.score.threshold import Look, choose
from gradschool.specialist import Specialist


def make_candidate(rung: Rung, best: Specialist, inputs: RungInputs, look: Look | None) -> Work[Candidate]:
    """The candidate of a rung; with a `look`, it abstains where that makes a pass likelier.

    Its `highest` score on validation is then that of the answers that it gives.
    """
    candidate = yield from rung.make(best, inputs)
    if look is None:
        return candidate
    rows = yield from on_validation(best.engine, candidate.recipe, inputs, rung.name)
    abstention = choose(rows, look, inputs.settings.answers.abstention)
    if abstention is None:
        yield Note(f"{rung.name}: answers every question; abstaining would not make a pass likelier.")
        return candidate
    kept = kept_of(rows, abstention)
    below = f"{SIGNALS[abstention.signal]} is below {abstention.threshold:.3f}"
    yield Note(
        f"{rung.name}: abstains if {below}. It scores {mean(kept):.3f} on the {len(kept)} of {len(rows)} validation "
        f"questions that it then answers, and {mean(rows):.3f} on all."
    )
    return replace(candidate, abstention=abstention, highest=highest(kept))


def kept_of(rows: Sequence[Scored], abstention: Abstention | None) -> Sequence[Scored]:
    """The rows whose answers are given; all without `abstention`."""
    return [row for row in rows if keeps(abstention, row.answer)] if abstention else rows

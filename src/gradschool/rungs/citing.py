"""Measure whether the citations of validation answers are causes: take each cited passage away, and read the answer.

An answer that the base would give anyway may cite any passage. Of an answer that comes from its passage, log P falls
when the passage is missing. Nothing is sampled. Source: Cohen-Wang et al. 2024, "ContextCite: Attributing Model
Generation to Context", arXiv:2409.00729.
"""

from collections.abc import Sequence
from dataclasses import replace

from gradschool.errors import ModelError
from gradschool.model.engine import Continuation
from gradschool.records import Conversation, Note, Progress, Scored, Work
from gradschool.rungs.rung import Candidate, RungInputs
from gradschool.score.causes import causes_of
from gradschool.specialist import Specialist, specialist_of

MOST = 100  # answers
TOGETHER = 8  # answers whose passages are taken away in one call, of which each prompt is read once


def with_causes(candidate: Candidate, best: Specialist, rows: Sequence[Scored], inputs: RungInputs) -> Work[Candidate]:
    """The candidate with what taking away cited passages does to its validation answers, if they cite any."""
    recipe = candidate.recipe
    citing = [row for row in rows if row.answer.citations and row.answer.text.strip()][:MOST]
    if not (recipe.passages and citing):
        return candidate
    specialist, drops = specialist_of(best.engine, recipe), list[list[float]]()
    questions = {example.id: example.question for example in inputs.validation}
    try:
        for start in range(0, len(citing), TOGETHER):
            some = citing[start : start + TOGETHER]
            drops += drops_of(specialist, [questions[row.id] for row in some], some)
            yield Progress("taking away cited passages", start + len(some), len(citing))
    except ModelError as error:
        yield Note(f"Whether citations bear their answers is not measured. {error.what}", "detail")
        return candidate
    causes = causes_of(drops)
    if causes:
        yield Note(
            f"{causes.bearing:.0%} of {causes.citations} citations bear their answers: without the passage, the answer "
            f"is at most half as likely (on average, log P falls by {causes.drop:.2f} nats)."
        )
    return replace(candidate, causes=causes)


def drops_of(specialist: Specialist, questions: Sequence[Conversation], rows: Sequence[Scored]) -> list[list[float]]:
    """How much log P of each answer falls, in nats, without each of the passages it cites; none if one does not fit.

    The text is read without its marks, whose numbers change, and without an end: how likely the answer ends there
    depends on whether a mark is expected, and an answer that was cut off has no end.
    """
    asked: list[Conversation] = []
    for question, row, (_, passages) in zip(questions, rows, specialist.conversations(questions), strict=True):
        kept = [[one for one in passages if one.id != cited.id] for cited in row.answer.citations]
        asked += [specialist.with_passages(question, its, passages) for its in (passages, *kept)]
    counts = [len(row.answer.citations) for row in rows]
    texts = [[row.answer.text] for row, count in zip(rows, counts, strict=True) for _ in range(count + 1)]
    read = iter(specialist.engine.continuations(asked, texts, specialist.recipe.adapter))
    return [_drops(next(read), [next(read) for _ in range(count)]) for count in counts]


def _drops(whole: list[Continuation] | None, without: Sequence[list[Continuation] | None]) -> list[float]:
    return [one[0].loss - whole[0].loss for one in without if one and whole]

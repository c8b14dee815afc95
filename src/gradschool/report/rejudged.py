"""A packaged rung judged again, from the answers that its run has saved: with its floors, its incumbent and abstention.

Everything is scored again from the texts. Only the values of the nearest training answers are taken as recorded, since
a run holds no training examples.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gradschool.data.proof import SCORE_PART
from gradschool.evaluate import Measure, measure_of
from gradschool.files import read_rows
from gradschool.incumbent import Incumbent
from gradschool.package.manifest import EVIDENCE, INCUMBENT_FILE, QUESTIONS, TEST_FILE
from gradschool.records import Example, Report, Scored
from gradschool.report.facts import Facts
from gradschool.run import FIT_TEXTS
from gradschool.rungs.abstain import kept_of
from gradschool.score.abstention import judge_answered
from gradschool.score.floors import FLOORS, Trivial, above_floors, packaged_floors
from gradschool.score.incumbent import Now
from gradschool.score.metric_info import metric_info


@dataclass(frozen=True, slots=True)
class Packaged:
    """The test examples in the package of a run, and how they are scored."""

    examples: Sequence[Example]
    measure: Measure

    @classmethod
    def of(cls, facts: Facts) -> "Packaged":
        """Those of a finished run; raises GradschoolError or OSError if they cannot be read or scored."""
        evidence = facts.run.specialist / EVIDENCE
        examples = read_rows(evidence / QUESTIONS, Example)
        return cls(examples, measure_of(facts.run.job.settings.goal, evidence, examples, evidence / FIT_TEXTS))

    def rows(self, facts: Facts, rung: str) -> list[Scored]:
        """The answers of a rung, scored again."""
        answers = facts.answers.get(rung, {})
        asked = [one for one in self.examples if one.id in answers]
        return self.measure.score(asked, [answers[example.id] for example in asked])


def look_confidence(report: Report) -> float:
    """The confidence of the look at the test set that a report is of; abstaining divides its error."""
    level = report.score.interval.level
    return 1 - (1 - level) / SCORE_PART if report.coverage else level


def judged_again(facts: Facts, recorded: Report, rows: Sequence[Scored], packaged: Packaged | None) -> Report:
    """The report that rows give, without what earlier rungs are compared with; see `Packaged` for how they are scored.

    Without `packaged`, the values of trivial answers and of the incumbent are taken as the run has saved them.
    """
    goal, abstention = facts.run.job.settings.goal, recorded.coverage.abstention if recorded.coverage else None
    now = _incumbent(facts, recorded, packaged)
    found = judge_answered(rows, abstention, goal, look_confidence(recorded), now=now)
    trivial = trivial_answers(facts, packaged)
    found = above_floors(found, kept_of(rows, abstention), trivial)
    if abstention:
        return found
    means = {one.kind: one.mean for one in trivial}  # also of questions that the rung was not asked
    floors = (replace(one, score=replace(one.score, mean=means[one.kind])) for one in found.floors)
    return replace(found, floors=tuple(floors))


def trivial_answers(facts: Facts, packaged: Packaged | None) -> tuple[Trivial, ...]:
    """The trivial answers of a run; which of them bind is not taken from its record, nor are values of known texts."""
    saved, metric = facts.run.saved(FLOORS) or (), facts.run.job.settings.goal.metric
    again: dict[str, Trivial] = {}
    if packaged and saved:
        constant = next((one.answer for one in saved if one.kind == "constant"), "")
        found = packaged_floors(constant, packaged.examples, packaged.measure.decides, metric)
        again = {one.kind: one for one in found}
    return tuple(
        replace(
            one,
            values=one.values | (again[one.kind].values if one.kind in again else {}),
            binding=one.kind in metric_info(metric).floors,
        )
        for one in saved
    )


def _incumbent(facts: Facts, recorded: Report, packaged: Packaged | None) -> Now | None:
    """The name of the incumbent and its scored answers, if the job names one."""
    if facts.run.job.settings.goal.incumbent is None or recorded.incumbent is None:
        return None
    name = recorded.incumbent.name
    if packaged is None:
        return name, read_rows(facts.run.specialist / EVIDENCE / INCUMBENT_FILE, Scored)
    return name, Incumbent(name, facts.incumbent).rows(packaged.examples, packaged.measure)


def saved_rows(facts: Facts) -> list[Scored]:
    """The scored answers in the package."""
    return read_rows(facts.run.specialist / EVIDENCE / TEST_FILE, Scored)

"""Whether the result of a run follows from its own saved answers: anyone can write a record that says passed."""

from collections.abc import Sequence

from gradschool.data.proof import look_level
from gradschool.errors import GradschoolError
from gradschool.files import read_rows
from gradschool.package.manifest import EVIDENCE, TEST_FILE
from gradschool.records import Report, RungResult, Scored, Verdict
from gradschool.report.facts import Facts
from gradschool.report.questions import score_packaged
from gradschool.saved_job import JOB_FILE, is_own_run
from gradschool.score.metrics import PLAIN
from gradschool.score.stats import bounds

ROUNDING = 1e-6  # of values, which JSON keeps and other machines compute slightly differently


def doubt(facts: Facts) -> str:
    """Why the result of a finished climb does not follow from what the run has saved; empty if it does.

    The saved answers of the packaged rung are scored again. If the user began the run, what a metric gave to them that
    is code, must be fitted, or knows the labels of all examples is taken from the package.
    """
    chosen, ended = facts.chosen, facts.ended
    if ended is None:
        return ""
    if chosen is None or chosen.report is None:
        return "the result of the packaged rung is missing"
    if ended.verdict != _verdict(chosen, all(gate.held for gate in ended.gates)):
        return f"done/climbed.json says {ended.verdict}, and the result of the rung {chosen.rung} does not"
    saved = facts.answers.get(chosen.rung, {})
    try:
        packaged = read_rows(facts.run.specialist / EVIDENCE / TEST_FILE, Scored)
        rows = packaged if _known(facts) else score_packaged(facts, chosen.rung)
    except (GradschoolError, OSError) as error:
        what = error.what if isinstance(error, GradschoolError) else str(error)
        return f"the answers cannot be scored again: {what}"
    if not rows or any(row.id not in saved or saved[row.id].text != row.answer.text for row in packaged):
        return "the answers in its package are not those that were saved"
    return _score(chosen.report, rows) or _bounds(chosen.report, rows, facts)


def _verdict(result: RungResult, held: bool) -> Verdict:
    """The verdict on a climb: that of the packaged rung, unless a gate rejects it or the package."""
    assert result.report is not None
    rejected = result.report.verdict == "passed" and not (result.sound and held)
    return "failed" if rejected else result.report.verdict


def _known(facts: Facts) -> bool:
    """Whether the saved scores are taken: to list one's own runs, no code is run and nothing is fitted."""
    goal = facts.run.job.settings.goal
    quick = all(name in PLAIN or name == "rules" for name in (goal.metric, *goal.extra_metrics))
    return is_own_run(facts.run.folder / JOB_FILE) and not quick


def _score(report: Report, rows: Sequence[Scored]) -> str:
    """Why a score is not the mean of the values of as many rows as it says; empty if it may be."""
    values, count = sorted(row.value for row in rows), report.score.examples
    if count > len(values):
        return f"its score is of {count} answers, and {len(values)} are saved"
    low, high = sum(values[:count]) / count, sum(values[-count:]) / count
    if not low - ROUNDING <= report.score.mean <= high + ROUNDING:
        return f"its score is {report.score.mean:.3f}, and its answers score {sum(values) / len(values):.3f}"
    return ""


def _bounds(report: Report, rows: Sequence[Scored], facts: Facts) -> str:
    """Why a pass does not follow from the score; empty if it does."""
    goal, interval = facts.run.job.settings.goal, report.score.interval
    if report.verdict != "passed" or goal.pass_mark is None:
        return ""
    if report.pass_mark != goal.pass_mark:
        return f"its pass mark is {report.pass_mark}, and that of its job {goal.pass_mark}"
    if interval.level < look_level(goal.error_budget, 1) - ROUNDING:
        return "the confidence of its bounds is lower than its error budget allows"
    if report.score.examples == len(rows):
        found = bounds([row.value for row in rows], [row.group for row in rows], interval.level)
        if interval.low > found.low + ROUNDING:
            return f"its lower bound is {interval.low:.3f}, and that of its answers {found.low:.3f}"
    return "" if interval.low >= goal.pass_mark - ROUNDING else "its lower bound does not reach the pass mark"

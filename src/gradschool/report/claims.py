"""The claims of a recorded report, each compared with what the saved answers give."""

from collections.abc import Iterator
from itertools import chain

from gradschool.data.proof import look_level
from gradschool.package.floor_words import NAMES
from gradschool.records import Report, RungResult, Score
from gradschool.report.rejudged import look_confidence
from gradschool.score.floors import ROUNDING
from gradschool.score.metric_info import metric_info
from gradschool.settings import Goal


def other_score(recorded: Score, found: Score) -> str:
    """Why a score is not that of the answers; empty if it is."""
    if recorded.examples != found.examples:
        return f"its score is of {recorded.examples} answers, and {found.examples} are saved"
    if abs(recorded.mean - found.mean) > ROUNDING:
        return f"its score is {recorded.mean:.3f}, and its answers score {found.mean:.3f}"
    return ""


def other_bounds(recorded: Score, found: Score) -> str:
    """Why bounds are narrower than the answers allow; those that hold for questions that were not asked are wider."""
    said, right = recorded.interval, found.interval
    if said.low > right.low + ROUNDING or said.high < right.high - ROUNDING:
        answers = f"{right.low:.3f} to {right.high:.3f}"
        return f"its bounds are {said.low:.3f} to {said.high:.3f}, and by its answers {answers}"
    return ""


def not_proven(recorded: Report, found: Report, goal: Goal, *, without_floors: bool) -> str:
    """Why a pass does not follow from the answers; empty if it does. `found` is the report that these give.

    `without_floors` is for runs of earlier versions, which have none.
    """
    reasons = chain(
        _of_look(recorded, goal),
        _of_score(recorded, found),
        _of_share(recorded, found, goal),
        _of_floors(recorded, found, without_floors),
        _of_incumbent(recorded, found),
        () if found.verdict == "passed" else (f"its answers give the verdict {found.verdict}",),
    )
    return next(reasons, "")


def taken_over(result: RungResult) -> str:
    """Why a pass in a run of someone else rests on what cannot be computed from the run; empty if it does not."""
    if not result.passed or result.report is None:
        return ""
    rests = [f"the scores of {NAMES['nearest']}"] if "nearest" in metric_info(result.report.metric).floors else []
    rests += ["its gates"] if result.gates else []
    return f"its pass rests on {' and '.join(rests)}, which cannot be computed from the run" if rests else ""


def _of_look(recorded: Report, goal: Goal) -> Iterator[str]:
    """Reasons about what was to be proven, and with which confidence."""
    for name, claimed, wanted in (
        ("metric", recorded.metric, goal.metric),
        ("pass mark", recorded.pass_mark, goal.pass_mark),
        ("margin", recorded.incumbent and recorded.incumbent.margin, goal.margin if recorded.incumbent else None),
    ):
        if claimed != wanted:
            yield f"its {name} is {claimed}, and that of its job {wanted}"
    budget = min(goal.error_budget, recorded.use.budget or goal.error_budget)
    if look_confidence(recorded) < look_level(budget, 1) - ROUNDING:
        yield "the confidence of its bounds is lower than its error budget allows"


def _of_score(recorded: Report, found: Report) -> Iterator[str]:
    low, mean, unasked = recorded.score.interval.low, found.score.mean, recorded.use.unasked
    lowest = mean * found.score.examples / max(1, found.score.examples + unasked)  # with every other answer wrong
    if low > min(found.score.interval.low, lowest) + ROUNDING:
        yield f"its lower bound is {low:.3f}, and that of its answers {min(found.score.interval.low, lowest):.3f}"
    elif recorded.pass_mark is not None and low < recorded.pass_mark - ROUNDING:
        yield "its lower bound does not reach the pass mark"


def _of_share(recorded: Report, found: Report, goal: Goal) -> Iterator[str]:
    """Reasons about the fraction of questions that are answered."""
    if (recorded.coverage is None) != (found.coverage is None) or (recorded.coverage and goal.min_answered is None):
        yield "it abstains, and its job does not allow that"
    elif recorded.coverage and found.coverage:
        if recorded.coverage.min_share != goal.min_answered:
            yield f"it must answer {recorded.coverage.min_share}, and by its job {goal.min_answered}"
        if reason := other_score(recorded.coverage.share, found.coverage.share):
            yield f"of the fraction that it answers, {reason}"
        if recorded.coverage.share.interval.low > found.coverage.share.interval.low + ROUNDING:
            yield "it answers fewer questions than it says"


def _of_floors(recorded: Report, found: Report, without_floors: bool) -> Iterator[str]:
    """Reasons about trivial answers that it must be better than."""
    known, computed = ({one.kind: one for one in report.floors} for report in (recorded, found))
    for kind in () if without_floors else metric_info(recorded.metric).floors:
        if kind not in known or kind not in computed:
            yield f"it is not compared with {NAMES[kind]}"
        elif abs(known[kind].score.mean - computed[kind].score.mean) > ROUNDING:
            mean = computed[kind].score.mean
            yield f"{NAMES[kind]} scores {mean:.3f}, and its record says {known[kind].score.mean:.3f}"
        elif computed[kind].difference.interval.low <= 0:
            yield f"its answers are not proven better than {NAMES[kind]}"
        elif known[kind].difference.interval.low > computed[kind].difference.interval.low + ROUNDING:
            yield f"its record puts it further above {NAMES[kind]} than its answers do"


def _of_incumbent(recorded: Report, found: Report) -> Iterator[str]:
    one, other = recorded.incumbent, found.incumbent
    if one is None or other is None:
        if one or other:
            yield "it is compared with an incumbent whose answers are not in the run"
        return
    if (one.examples, one.unanswered) != (other.examples, other.unanswered):
        yield f"{one.examples} answers of the incumbent are compared, and {other.examples} are saved"
    elif abs(one.score - other.score) > ROUNDING:
        yield f"the incumbent's score is {one.score:.3f}, and its answers score {other.score:.3f}"
    elif one.difference.interval.low > other.difference.interval.low + ROUNDING:
        yield "its difference from the incumbent is not that of the answers"

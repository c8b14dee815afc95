"""What a goal asks for, and the verdict of a job with an incumbent, in words."""

from gradschool.data.proof import VALIDATION_LEVEL
from gradschool.records import AgainstIncumbent, Report


def marks(report: Report) -> str:
    """What the goal asks for, in a few words."""
    asked = [] if report.pass_mark is None else [f"pass mark {report.pass_mark:g}"]
    if now := report.incumbent:
        asked.append(_margin(now))
    return ", ".join(asked) or "no pass mark"


def _margin(now: AgainstIncumbent) -> str:
    if now.margin == 0:
        return f"not worse than {now.name}"
    return f"at most {now.margin:g} worse than {now.name}"


def plain(report: Report, now: AgainstIncumbent) -> str:
    """Whether to use a specialist, and why, in words that need no glossary; for a job with an incumbent."""
    if report.on_validation:
        return f"Do not use it: on validation {_ruled_out(report, now)}."
    mark = "" if report.pass_mark is None else f"pass mark {report.pass_mark:g}; "
    same = f"{now.examples} questions that both answered" if now.unanswered else "the same questions"
    scored = (
        f"its test score is {report.score.mean:.3f} ({mark}{now.name} scores {now.score:.3f}, and the difference on "
        f"{same} is {now.difference.mean:+.3f})"
    )
    if report.verdict == "passed":
        return f"It can be used: {scored}. {_proven(report, now)}"
    if report.verdict == "failed":
        return f"Do not use it: {scored}. {_excluded(report, now)}"
    return f"Do not use it yet: {scored}, and {_undecided(report, now)}."


def _proven(report: Report, now: AgainstIncumbent) -> str:
    """What a passed test proves, as sentences."""
    low = now.difference.interval.low
    worse = f"at most {-low:.3f} worse" if low < 0 else f"at least {low:.3f} better"
    least = f"; at least {report.score.interval.low:.3f} is proven too" if report.pass_mark is not None else ""
    return f"It is proven to be {worse} than {now.name} on other questions of this kind{least}."


def _excluded(report: Report, now: AgainstIncumbent) -> str:
    """What a failed test excludes, as sentences."""
    sentences = []
    if _is_below(report):
        sentences.append("It is proven to stay below the pass mark on other questions of this kind.")
    if now.verdict == "failed":
        sentences.append(
            f"It is proven to be at least {-now.difference.interval.high:.3f} worse than {now.name} on other questions "
            f"of this kind; the margin is {now.margin:g}."
        )
    return " ".join(sentences)


def _undecided(report: Report, now: AgainstIncumbent) -> str:
    """What a test leaves open."""
    left, above, count = [], True, now.examples
    if report.pass_mark is not None and report.score.interval.low < report.pass_mark:
        left.append(f"that it reaches the pass mark of {report.pass_mark:g}")
        above, count = report.score.mean >= report.pass_mark, report.score.examples
    if now.verdict == "not proven":
        left.append(f"that it is {_margin(now)}")
        above = above and now.difference.mean >= -now.margin
    return f"{count} examples {'cannot prove' if above else 'neither prove nor exclude'} {' and '.join(left)}"


def figures(report: Report, now: AgainstIncumbent, rung: str) -> str:
    """One sentence with the figures: what the test proved about a rung of a job with an incumbent."""
    mark = "" if report.pass_mark is None else f"reach the pass mark of {report.pass_mark:g} and to "
    goal, scored = f"{mark}be {_margin(now)}", _figures(report, now)
    if report.verdict == "passed":
        return f"Passed: the {rung} rung is proven to {goal}: {scored}."
    best = f"the best on validation is the {rung} rung"
    if report.on_validation:
        why = f"{_ruled_out(report, now)} ({100 * VALIDATION_LEVEL:g}% confidence)"
        return f"Not passed: {best}, and on validation {why}; the test decides nothing here: {scored}."
    if report.verdict == "failed":
        below = f"below the pass mark of {report.pass_mark:g}" if _is_below(report) else f"not {_margin(now)}"
        return f"Not passed: {best}, and it is {below}: {scored}."
    return f"Not proven: {best}, and {_undecided(report, now)}: {scored}."


def _ruled_out(report: Report, now: AgainstIncumbent) -> str:
    if report.validation_high is not None:
        return f"its score is at most {report.validation_high:.3f}, below the pass mark of {report.pass_mark:g}"
    assert now.validation_high is not None
    return f"it is at least {-now.validation_high:.3f} worse than {now.name}, and the margin is {now.margin:g}"


def _is_below(report: Report) -> bool:
    return report.pass_mark is not None and report.score.interval.high < report.pass_mark


def _figures(report: Report, now: AgainstIncumbent) -> str:
    score = report.score
    return (
        f"{report.metric} {score.mean:.3f} on {score.examples} held-out examples, bounds {score.interval.low:.3f} to "
        f"{score.interval.high:.3f}; {incumbent(now)}; difference {difference(now)} "
        f"({100 * score.interval.level:.4g}% confidence each)"
    )


def incumbent(now: AgainstIncumbent) -> str:
    """The incumbent with its score, and the questions that it did not answer."""
    left_out = f" (without {now.unanswered} that it did not answer)" if now.unanswered else ""
    failed = sum(now.failures.values())
    failures = f", {failed} of its answers failed and count as 0" if failed else ""
    return f"the incumbent {now.name} scores {now.score:.3f} on {now.examples} questions{left_out}{failures}"


def difference(now: AgainstIncumbent) -> str:
    """The paired difference from the incumbent with its bounds."""
    interval = now.difference.interval
    return f"{now.difference.mean:+.3f}, bounds {interval.low:+.3f} to {interval.high:+.3f}"

"""The verdict on a specialist that abstains, in words: how much it answers, how well, and what is proven of both."""

from gradschool.model.signals import SIGNALS
from gradschool.records import Coverage, Report, Score
from gradschool.score.stats import verdict

BEGINNINGS = {"passed": "Passed", "failed": "Not passed", "not proven": "Not proven"}


def in_plain_words(report: Report, coverage: Coverage, settles: str) -> str:
    """Whether to use the specialist and why; `settles` says what would decide a verdict of "not proven"."""
    answers = f"it answers {_part(coverage.share)} and leaves the others to a person"
    scored = f"the test score of its answers is {report.score.mean:.3f} (pass mark {report.pass_mark:g})"
    if report.verdict == "passed":
        return (
            f"It can be used: {answers}; {scored}. For other questions of this kind both are proven: it answers at "
            f"least {coverage.share.interval.low:.1%} of them, and these answers score at least "
            f"{report.score.interval.low:.3f}."
        )
    if not report.score.examples:
        return "Do not use it: it was not sure enough of any answer."
    if report.validation_high is not None:
        return (
            f"Do not use it: on validation the score of its answers is at most {report.validation_high:.3f}, below the "
            f"pass mark of {report.pass_mark:g}."
        )
    few = verdict(coverage.share.interval, coverage.min_share)
    wanted = f"at least {100 * coverage.min_share:.3g}% of the questions must be answered"
    if report.verdict == "failed":
        why = f"{wanted}, and it is proven to answer fewer" if few == "failed" else "it is proven to stay below that"
        return f"Do not use it: {answers}; {scored}. For other questions of this kind, {why}."
    if few != "passed":
        return (
            f"Do not use it yet: {answers}; {scored}. It is not proven that it answers enough: {wanted}, and at least "
            f"{coverage.share.interval.low:.1%} is proven."
        )
    counted = f"which {report.score.examples} answers cannot settle"
    return f"Do not use it yet: {answers}; {scored}, {counted}. {settles}"


def in_figures(rung: str, report: Report, coverage: Coverage) -> str:
    """One sentence with the figures of both claims."""
    share, score = coverage.share, report.score
    confidence = share.interval.level + score.interval.level - 1
    where = "" if report.validation_high is None else " on validation"
    return (
        f"{BEGINNINGS[report.verdict]}{where}: the {rung} rung answers {share.mean:.3f} of {share.examples} held-out "
        f"examples (bounds {_bounds(share)}, wanted {coverage.min_share:g}), {report.metric} {score.mean:.3f} on these "
        f"(bounds {_bounds(score)}, pass mark {report.pass_mark:g}), {coverage.all_answers:.3f} if it answered all; "
        f"both lower bounds hold together with {100 * confidence:.4g}% confidence."
    )


def rule_of(coverage: Coverage) -> str:
    """When it abstains."""
    abstention = coverage.abstention
    return f"{SIGNALS.get(abstention.signal, abstention.signal)} is below {abstention.threshold:.3f}"


def _part(share: Score) -> str:
    return f"{share.mean:.0%} of the questions"


def _bounds(score: Score) -> str:
    return f"{score.interval.low:.3f} to {score.interval.high:.3f}"

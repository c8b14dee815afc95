"""The verdict in words, as the terminal, the model card and the report page show it."""

from collections.abc import Sequence

from gradschool.records import Gate, Interval, Report, RungResult, Score


def verdict_sentence(result: RungResult, package_gates: Sequence[Gate] = ()) -> str:
    """One sentence that says what the test proved about a rung; `package_gates` are those of its package."""
    report = result.report
    if report is None:
        return f"Not tested: the {result.rung} rung has no score."
    interval, mark = report.score.interval, f"pass mark of {report.pass_mark:g}"
    scored = f"{report.metric} {report.score.mean:.3f} on {report.score.examples} held-out examples"
    confidence = f"{percent(interval.level)} confidence"
    rejected = [gate for gate in (*result.gates, *package_gates) if not gate.held]
    if rejected:
        reasons = "; ".join(f"{gate.name} ({gate.evidence})" for gate in rejected)
        return f"Not passed: the {result.rung} rung is rejected by a gate: {reasons}. It scored {scored}."
    if report.verdict == "passed":
        proven = f"the {result.rung} rung is proven to reach the {mark}"
        return f"Passed: {proven}: {scored}, lower bound {interval.low:.3f} ({confidence})."
    best = f"the best on validation is the {result.rung} rung"
    if report.verdict == "failed":
        upper = f"upper bound {interval.high:.3f} ({confidence})"
        return f"Not passed: {best}, and it is below the {mark}: {scored}, {upper}."
    both = f"bounds {bounds(interval)} ({confidence} each)"
    more = f" About {report.more_examples} more test examples would probably settle it." if report.more_examples else ""
    return f"Not proven: {best}, and the {mark} is within its bounds: {scored}, {both}.{more}"


def verdict_words(result: RungResult) -> str:
    """A rung's verdict in a word or two, and whether a gate rejects it."""
    if result.report is None:
        return "skipped" if result.skipped else "not tested"
    return result.report.verdict if result.sound else f"{result.report.verdict}, rejected"


def difference(report: Report) -> str:
    """The paired difference from the previous rung with its interval; empty if there is none."""
    if report.difference is None:
        return ""
    return f"{report.difference.mean:+.3f} ({bounds(report.difference.interval, signed=True)})"


def bounded(score: Score) -> str:
    """A score with its bounds."""
    return f"{score.mean:.3f} ({bounds(score.interval)})"


def bounds(interval: Interval, signed: bool = False) -> str:
    """Both bounds of an interval."""
    sign = "+" if signed else ""
    return f"{interval.low:{sign}.3f} to {interval.high:{sign}.3f}"


def percent(level: float) -> str:
    """A confidence in percent, without rounding it up: 0.9875 is 98.75%."""
    return f"{100 * level:.4g}%"

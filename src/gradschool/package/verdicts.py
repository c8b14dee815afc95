"""The verdict in words, as the terminal, the model card and the report page show it."""

from collections.abc import Sequence

from gradschool.data.ledger import times
from gradschool.data.proof import VALIDATION_LEVEL
from gradschool.package import marks
from gradschool.package.coverage_words import in_figures, in_plain_words
from gradschool.package.floor_words import difference_from, floor_name, hardest, remarks
from gradschool.package.floor_words import scored as scored_floor
from gradschool.records import Difference, Floor, Gate, Interval, Report, RungResult, Score


def plain_verdict(result: RungResult, package_gates: Sequence[Gate] = ()) -> str:
    """Whether to use a specialist, why, and what would settle it, in words that need no glossary."""
    report = result.report
    if report is None:
        return "Do not use it yet: it has not been tested."
    rejected = _rejected(result, package_gates)
    if rejected:
        return f"Do not use it: it failed the check “{rejected[0].name}” ({rejected[0].evidence})."
    if floor := hardest(report):
        return _below(floor, f"its test score is {report.score.mean:.3f} ({marks.marks(report)})", report)
    if report.coverage:
        return in_plain_words(report, report.coverage, what_settles(report))
    if report.incumbent:
        settles = f" {what_settles(report)}" if report.verdict == "not proven" else ""
        return f"{marks.plain(report, report.incumbent)}{settles}"
    assert report.pass_mark is not None
    scored = f"its test score is {report.score.mean:.3f} (pass mark {report.pass_mark:g})"
    if report.verdict == "passed":
        return (
            f"It can be used: {scored}. At least {report.score.interval.low:.3f} is proven for other questions of "
            "this kind."
        )
    if report.validation_high is not None:
        return (
            f"Do not use it: on validation its score is at most {report.validation_high:.3f}, below the pass mark of "
            f"{report.pass_mark:g}."
        )
    if report.verdict == "failed":
        return f"Do not use it: {scored}. It is proven to stay below that on other questions of this kind."
    above = report.score.mean >= report.pass_mark
    why = f"which {report.score.examples} examples {'cannot prove' if above else 'neither prove nor exclude'}"
    return f"Do not use it yet: {scored}, {why}. {what_settles(report)}"


def _below(floor: Floor, scored: str, report: Report) -> str:
    if report.more_examples:
        return (
            f"Do not use it yet: {scored}, but it is not proven better than {floor_name(floor)}. {what_settles(report)}"
        )
    no_model = f"no model is needed for a score like that: {floor_name(floor)} scores {floor.score.mean:.3f}"
    return f"Do not use it: {scored}, but {no_model}."


def what_settles(report: Report) -> str:
    """How many more examples would settle a verdict of "not proven", and from how many groups."""
    if not report.more_examples and report.floor in report.unbeaten and report.floor:
        return f"More test examples would not help: it is not clearly better than {scored_floor(report.floor)}."
    if not report.more_examples:
        close = "the margin" if report.pass_mark is None else "the pass mark"
        return f"No practical number of examples would settle it: its score is too close to {close}."
    groups = ""
    if report.more_groups:
        name = report.group_name
        one = f" (one for each “{name}”)" if name and name.casefold() not in ("group", "group_id") else ""
        more = f"{report.more_groups:,} more groups" if report.more_groups > 1 else "another group"
        groups = f" from {more}{one}"
    answered = " with answers of the incumbent" if report.incumbent else ""
    return f"About {report.more_examples:,} more test examples{answered}{groups} would probably settle it."


def verdict_sentence(result: RungResult, package_gates: Sequence[Gate] = ()) -> str:
    """What the test proved about a rung, with the figures, and remarks; `package_gates` are those of its package."""
    report = result.report
    if report is None:
        return f"Not tested: the {result.rung} rung has no score."
    said = [_sentence(result, report, package_gates), *remarks(report), times(report.use)]
    return " ".join(sentence for sentence in said if sentence)


def _sentence(result: RungResult, report: Report, package_gates: Sequence[Gate]) -> str:
    interval = report.score.interval
    scored = f"{report.metric} {report.score.mean:.3f} on {report.score.examples} held-out examples"
    confidence = f"{percent(interval.level)} confidence"
    rejected = _rejected(result, package_gates)
    if rejected:
        reasons = "; ".join(f"{gate.name} ({gate.evidence})" for gate in rejected)
        return f"Not passed: the {result.rung} rung is rejected by a gate: {reasons}. It scored {scored}."
    if floor := hardest(report):
        found = "Not proven" if report.verdict == "not proven" else "Not passed"
        reaches = f"the best on validation is the {result.rung} rung, and it reaches the goal ({marks.marks(report)})"
        apart = f"it is not proven better than {scored_floor(floor)}: difference {difference_from(floor)}"
        return f"{found}: {reaches}, but {apart} ({confidence} each): {scored}."
    if report.coverage:
        return in_figures(result.rung, report, report.coverage)
    if report.incumbent:
        return marks.figures(report, report.incumbent, result.rung)
    mark = f"pass mark of {report.pass_mark:g}"
    if report.verdict == "passed":
        proven = f"the {result.rung} rung is proven to reach the {mark}"
        return f"Passed: {proven}: {scored}, lower bound {interval.low:.3f} ({confidence})."
    best = f"the best on validation is the {result.rung} rung"
    if report.validation_high is not None:
        upper = f"validation upper bound {report.validation_high:.3f} ({percent(VALIDATION_LEVEL)} confidence)"
        return f"Not passed: {best}, and it is below the {mark}: {upper}; the test decides nothing here: {scored}."
    if report.verdict == "failed":
        upper = f"upper bound {interval.high:.3f} ({confidence})"
        return f"Not passed: {best}, and it is below the {mark}: {scored}, {upper}."
    both = f"bounds {bounds(interval)} ({confidence} each)"
    return f"Not proven: {best}, and the {mark} is within its bounds: {scored}, {both}."


def _rejected(result: RungResult, package_gates: Sequence[Gate]) -> list[Gate]:
    return [gate for gate in (*result.gates, *package_gates) if not gate.held]


def audit_sentence(gates: Sequence[Gate]) -> str:
    """The result of an audit: whether a gate rejects the specialist, and how many of them passed or are unknown."""
    results = ("failed", "passed", "not measured", "nothing to lose")
    counts = ((sum(gate.result == result for gate in gates), result) for result in results)
    counted = ", ".join(f"{count} {result}" for count, result in counts if count)
    if not all(gate.held for gate in gates):
        return f"Not passed, a gate rejects it: {counted}."
    if not any(gate.result == "passed" for gate in gates):
        return f"Not passed, nothing could be measured: {counted}."
    return f"No gate rejects it: {counted}."


def tested_on(results: Sequence[RungResult]) -> str:
    """The test examples of a climb, what their score means, and which questions were not asked, in sentences."""
    reports = {result.rung: result.report for result in results if result.report}
    fullest = min(reports.values(), key=lambda report: report.use.unasked)
    said = [f"{fullest.asked.examples} test examples in {fullest.asked.groups} groups."]
    if most := fullest.use.per_group:
        said.append(
            f"At most {most} of each group are tested (near-duplicates are a group): large groups count less than "
            "among all examples."
        )
    for rung, report in reports.items():
        if unasked := report.use.unasked:
            total = report.asked.examples + unasked
            said.append(
                f"{rung}: {unasked} of {total} questions were not asked, because no answers to them could change the "
                "verdict; the bounds hold whatever these are."
            )
    return " ".join(said)


def verdict_words(result: RungResult) -> str:
    """A rung's verdict in a word or two, and whether a gate rejects it."""
    if result.report is None:
        return "skipped" if result.skipped else "not tested"
    words = decided(result.report)
    return words if result.sound else f"{words}, gate failed"


def decided(report: Report) -> str:
    """The verdict on a score, and where it comes from if not from the test and what the goal asks for."""
    if hardest(report):
        return "not proven above floor" if report.verdict == "not proven" else "failed, below floor"
    return f"{report.verdict} on validation" if report.on_validation else report.verdict


def differences(report: Report) -> list[tuple[str, str]]:
    """The paired differences from other rungs and the floor, each as its mean with its other side, and its interval."""
    best = report.best_difference
    pairs = [(_difference(one, one is best), bounds(one.interval, signed=True)) for one in report.differences]
    if floor := report.floor:
        pairs.append((f"{floor.difference.mean:+.3f} vs floor", bounds(floor.difference.interval, signed=True)))
    return pairs


def _difference(one: Difference, best: bool) -> str:
    return f"{one.mean:+.3f} vs " + (f"best so far ({one.other})" if best else one.other)


def bounded(score: Score) -> str:
    """A score with its bounds."""
    return f"{score.mean:.3f} ({bounds(score.interval)})"


def bounds(interval: Interval, signed: bool = False) -> str:
    """Both bounds of an interval."""
    sign = "+" if signed else ""
    return f"{interval.low:{sign}.3f} to {interval.high:{sign}.3f}"


def confidences(results: Sequence[RungResult]) -> str:
    """The confidence of each bound, by rung if the rungs differ."""
    rungs: dict[str, list[str]] = {}
    for result in results:
        if result.report:
            rungs.setdefault(percent(result.report.score.interval.level), []).append(result.rung)
    if len(rungs) == 1:
        return next(iter(rungs))
    return ", ".join(f"{level} ({', '.join(names)})" for level, names in rungs.items())


def percent(level: float) -> str:
    """A confidence in percent, without rounding it up: 0.9875 is 98.75%."""
    return f"{100 * level:.4g}%"

"""What would most likely help where no rung was proven to pass: each remedy with its evidence."""

from collections.abc import Iterator, Sequence

from gradschool.gates.forgetting import NAME as FORGETTING
from gradschool.records import RungResult
from gradschool.rungs.curve import Curve
from gradschool.workspace import Workspace

FEW_EXAMPLES = 500  # to learn from; below this, more of them is the cheapest thing to try


def advise(
    best: RungResult, results: Sequence[RungResult], data: Workspace, curve: Curve | None = None
) -> Iterator[str]:
    """Name remedies, the likeliest first; `curve` is what trainings on shares of the examples said, if any."""
    report = best.report
    assert report is not None
    for result in results:
        for gate in result.gates:
            if not gate.held:
                yield f"The {result.rung} rung was refused: {gate.name}: {gate.evidence}."
            if not gate.held and gate.name == FORGETTING:
                yield (
                    "Less forgetting: raise [tune] rehearsal, or lower learning_rates or epochs. If the job needs no "
                    "general English, as one that answers with labels, raise [tune] max_forgetting."
                )
    if report.verdict == "not proven" and report.score.mean >= report.pass_mark and report.more_examples:
        yield (
            f"More test examples: the score of {report.score.mean:.3f} is above the mark, and some "
            f"{report.more_examples} more test examples would probably prove it."
        )
    for kind, count in report.failures.items():
        yield f"{count} of {report.score.examples} answers failed ({kind}); the report shows them first."
    for result in results:
        if result.skipped:
            yield f"The {result.rung} rung could not run: {result.skipped}."
    if curve:
        yield f"More training examples{'' if curve.gain > 0 else ' would hardly help'}: {curve}."
    elif len(data.train) < FEW_EXAMPLES:
        yield f"More training examples: there are {len(data.train)} to learn from."
    if data.engine.identity.get("name") == "pocket":
        yield "A larger base: pocket is a very small model; name another with base_model."

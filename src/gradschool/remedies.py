"""What would most likely help if no rung passed: each remedy with its evidence."""

from collections.abc import Iterator, Sequence

from gradschool.gates.forgetting import NAME as FORGETTING
from gradschool.records import RungResult
from gradschool.settings import BUILT_IN
from gradschool.workspace import Workspace

FEW_EXAMPLES = 500  # train examples; below this, more of them is the cheapest thing to try


def advise(
    best: RungResult, results: Sequence[RungResult], workspace: Workspace, advice: Sequence[str] = ()
) -> Iterator[str]:
    """Name remedies, the most likely first; `advice` is what rungs measured about more training examples."""
    report = best.report
    assert report is not None
    yield from _refusals(results)
    if report.verdict == "not proven" and report.score.mean >= report.pass_mark and report.more_examples:
        yield (
            f"More test examples: the score of {report.score.mean:.3f} is above the pass mark, and about "
            f"{report.more_examples} more test examples would probably prove it."
        )
    for kind, count in report.failures.items():
        yield f"{count} of {report.score.examples} answers failed ({kind}); the report lists them first."
    for result in results:
        if result.skipped:
            yield f"The {result.rung} rung could not run: {result.skipped}."
    if advice:
        yield from advice
    elif len(workspace.data.train) < FEW_EXAMPLES:
        yield f"More training examples: there are only {len(workspace.data.train)}."
    if workspace.engine.identity.name == BUILT_IN:
        yield "A larger base: pocket is a very small model; name another with base_model."


def _refusals(results: Sequence[RungResult]) -> Iterator[str]:
    for result in results:
        for gate in result.gates:
            if gate.held:
                continue
            yield f"The {result.rung} rung was rejected: {gate.name}: {gate.evidence}."
            if gate.name == FORGETTING:
                yield (
                    "Less forgetting: raise [tune] rehearsal, or lower learning_rates or epochs. If the job needs no "
                    "general English, such as one that answers with labels, raise [tune] max_forgetting."
                )

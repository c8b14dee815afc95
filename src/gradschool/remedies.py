"""What would most likely help if no rung passed: each remedy with its evidence."""

from collections.abc import Iterator, Sequence

from gradschool.gates.forgetting import NAME as FORGETTING
from gradschool.records import Message, RungResult
from gradschool.rungs.curve import MORE_EXAMPLES
from gradschool.settings import BUILT_IN
from gradschool.workspace import Workspace

FEW_EXAMPLES = 500  # train examples; below this, more of them is the cheapest thing to try


def advise(
    best: RungResult, results: Sequence[RungResult], workspace: Workspace, advice: Sequence[str] = ()
) -> Iterator[str]:
    """Name remedies, the most likely first; `advice` is what rungs measured."""
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
    yield from _short_limit(workspace)
    yield from advice
    if len(workspace.data.train) < FEW_EXAMPLES and not any(sentence.startswith(MORE_EXAMPLES) for sentence in advice):
        yield f"{MORE_EXAMPLES}: there are only {len(workspace.data.train)}."
    if workspace.engine.identity.name == BUILT_IN:
        yield "A larger base: pocket is a very small model; name another with base_model."


def _short_limit(workspace: Workspace) -> Iterator[str]:
    limit, engine = workspace.decoding.max_new_tokens, workspace.engine
    if limit >= engine.context_length // 2:
        return
    template = engine.count_tokens((Message("user", ""),))
    examples = [*workspace.data.train, *workspace.data.validation]
    lengths = [engine.count_tokens((Message("user", example.ideal),)) - template for example in examples]
    longer = sum(length > limit for length in lengths)
    if longer:
        yield (
            f"Longer answers: {longer} of {len(examples)} ideal answers have more tokens than the limit of {limit}; "
            f"raise [answers] max_new_tokens to {max(lengths) + 1}."
        )


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

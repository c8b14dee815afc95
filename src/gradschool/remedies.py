"""What would most likely help if no rung passed: each remedy with its evidence."""

from collections.abc import Iterator, Sequence

from gradschool.data.labels import classes
from gradschool.data.languages import language_of_pair, name_of
from gradschool.gates.forgetting import KINDS
from gradschool.gates.forgetting import NAME as FORGETTING
from gradschool.gates.memorization import PRIVATE, RECITES
from gradschool.gates.safety import HARMFUL
from gradschool.model.same_model import as_file
from gradschool.package.floor_words import remedies as floor_remedies
from gradschool.package.verdicts import what_settles
from gradschool.records import Conversation, Example, Message, Report, RungResult, Scored
from gradschool.rungs.curve import MORE_EXAMPLES
from gradschool.rungs.rung import Rung
from gradschool.rungs.untrained import ideal_lengths
from gradschool.score.judge import mean
from gradschool.score.metric_info import metric_info
from gradschool.score.style_remedies import style_remedies
from gradschool.settings import BUILT_IN, SEEING
from gradschool.workspace import Workspace

FEW_EXAMPLES = 500  # train examples; below this, more of them is the cheapest thing to try
MIN_OF_LANGUAGE = 5  # test answers in a language from which its score is compared
LOWER = 0.1  # by how much the score of a language is lower than that of the others before it is named


LESS_FORGETTING = "Less forgetting: raise [tune] rehearsal, or lower learning_rates or epochs. If the job needs no "
AGAINST = {  # what helps against the rejection by a gate
    FORGETTING: LESS_FORGETTING + "general English, such as one that answers with labels, raise [tune] max_forgetting.",
    KINDS: LESS_FORGETTING + "other languages and forms, raise [tune] max_forgetting.",
    HARMFUL: "Refusals as the base has them: raise [tune] rehearsal, lower learning_rates or epochs, or look for train "
    "answers that comply with harmful requests.",
    RECITES: "Less reciting: lower [tune] epochs or rank, or add examples; remove copies of the same answer.",
    PRIVATE: "No private data: let `gradschool prepare` replace it in the examples, or remove these examples.",
}


def advise(
    best: RungResult,
    results: Sequence[RungResult],
    workspace: Workspace,
    ladder: Sequence[Rung],
    advice: Sequence[str] = (),
    rows: Sequence[Scored] = (),
    instructions: str = "",
) -> Iterator[str]:
    """Name remedies, the most likely first.

    `results` are those of the `ladder`, `advice` is what its rungs measured, and `rows` are the test answers of the
    `best` one. `instructions` are those of the job, which take a part of the context length.
    """
    report = best.report
    assert report is not None
    yield from _refusals(results)
    yield from floor_remedies(report, [example.ideal for example in workspace.data.train])
    yield from style_remedies(report)
    yield from _more_tests(report)
    yield from _failures(report, rows)
    yield from _languages(rows, workspace)
    useless = {rung.name for rung in ladder if rung.adds_facts and not _needs_facts(workspace, report.metric)}
    for result in results:
        if result.skipped and result.rung not in useless:
            yield f"The {result.rung} rung could not run: {result.skipped}."
    if file := as_file(workspace.engine):
        yield file
    yield from _limit(workspace, instructions)
    yield from advice
    train, data = len(workspace.data.train), workspace.data
    if train < FEW_EXAMPLES and not any(sentence.startswith(MORE_EXAMPLES) for sentence in advice):
        total = train + len(data.validation) + len(data.test)
        yield f"{MORE_EXAMPLES}: there are only {train} of the {total} for training."
    if (name := workspace.engine.identity.name) in (BUILT_IN, SEEING):
        yield f"A larger base: {name} is a very small model; name another with base_model."


def _failures(report: Report, rows: Sequence[Scored]) -> Iterator[str]:
    """How many answers failed, by kind, each with the reason of the first one."""
    for kind, count in report.failures.items():
        reason = next((row.failure.reason for row in rows if row.failure and row.failure.kind == kind), "")
        reason = f"{reason[:1].lower()}{reason[1:].rstrip('.')}"
        why = f"{kind}: {reason}" if reason else kind
        yield f"{count} of {report.asked.examples} answers failed ({why}); the report lists them first."


def _more_tests(report: Report) -> Iterator[str]:
    """Advise more test examples if the score is good enough but not proven to be, and more answers of the incumbent."""
    now, reached = report.incumbent, list[str]()
    if report.pass_mark is not None and report.score.mean >= report.pass_mark:
        reached.append(f"the score of {report.score.mean:.3f} is above the pass mark")
    if now and now.difference.mean >= -now.margin:
        reached.append(f"the difference from {now.name} of {now.difference.mean:+.3f} is within the margin")
    asked = (report.pass_mark is not None) + (now is not None)
    if report.verdict == "not proven" and report.more_examples and len(reached) == asked:
        yield f"More test examples: {' and '.join(reached)}. {what_settles(report)}"
    if now and now.verdict == "not proven" and now.unanswered:
        yield (
            f"More answers of the incumbent: {now.name} lacks {now.unanswered} of the {report.score.examples} test "
            "questions, and the comparison needs them."
        )


def _needs_facts(workspace: Workspace, metric: str) -> bool:
    """Whether answers may need facts from documents: not if they are classes, or if the metric measures their form."""
    return metric_info(metric).needs_facts and classes([*workspace.data.train, *workspace.data.test]) is None


def _languages(rows: Sequence[Scored], workspace: Workspace) -> Iterator[str]:
    """Name languages that the base hardly speaks, or whose answers score lower than the others."""
    named = [issue for issue in workspace.data.issues if issue.kind == "language"]
    for issue in named:
        yield f"A base that speaks the language of the examples: {issue.text}."
    if named:
        return
    languages = [language_of_pair(row.question, row.ideal) for row in rows]
    for language in dict.fromkeys(filter(None, languages)):
        these = [row for row, other in zip(rows, languages, strict=True) if other == language]
        others = [row for row, other in zip(rows, languages, strict=True) if other not in ("", language)]
        if min(len(these), len(others)) < MIN_OF_LANGUAGE or mean(these) > mean(others) - LOWER:
            continue
        yield (
            f"A base that speaks {name_of(language)}: the {len(these)} test answers in it score {mean(these):.3f}, "
            f"the others {mean(others):.3f}."
        )


def _limit(workspace: Workspace, instructions: str) -> Iterator[str]:
    """Compare the limit of an answer with the ideal answers, and both with the context length of the base."""
    limit, engine = workspace.decoding.max_new_tokens, workspace.engine
    examples = [*workspace.data.train, *workspace.data.validation]
    template = engine.count_tokens((Message("user", ""),))
    lengths = [length - template for length in ideal_lengths(examples, engine)]
    longest, context = max(lengths, default=0) + 1, engine.context_length
    asked = max((engine.count_tokens(_prompt(example, instructions)) for example in examples), default=0)
    longer = sum(length > limit for length in lengths)
    too_short = f"Longer answers: {longer} of {len(examples)} ideal answers have more tokens than the limit of {limit}"
    if longer and asked + longest <= context:
        yield f"{too_short}; raise [answers] max_new_tokens to {longest}."
    elif longer:
        yield (
            f"{too_short}, and the base has a context length of {context}, of which a question takes up to {asked}: "
            f"name a base with at least {asked + longest} with base_model, or leave these examples out."
        )
    elif limit > longest and asked + limit > context:
        yield (
            f"A lower limit: [answers] max_new_tokens = {limit} leaves less than a question of {asked} tokens of the "
            f"context length of {context}, so that examples and passages are left out; the longest ideal answer needs "
            f"{longest}."
        )


def _prompt(example: Example, instructions: str) -> Conversation:
    return (*([Message("system", instructions)] if instructions else []), *example.question)


def _refusals(results: Sequence[RungResult]) -> Iterator[str]:
    for result in results:
        for gate in result.gates:
            if gate.held:
                continue
            yield f"The {result.rung} rung was rejected: {gate.name}: {gate.evidence}."
            if gate.name in AGAINST:
                yield AGAINST[gate.name]

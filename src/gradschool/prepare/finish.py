"""Write the rest of the job folder: documents, guidelines, job.toml, the report and the record."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gradschool.data.encoding import decode
from gradschool.data.leakage import find_document_leaks, find_leaks
from gradschool.data.near_duplicates import near_duplicates
from gradschool.data.others import messages_in, of_training, read_others
from gradschool.data.read import read_examples
from gradschool.data.split import freeze_split, split_of
from gradschool.errors import DataError, UsageError
from gradschool.files import new_path, read_file, sha256
from gradschool.job import Job, read_job
from gradschool.model.opening import open_engine
from gradschool.prepare.folder import DOCUMENTS, EXAMPLES, GUIDELINES, JOB_FILE, REPORT, JobFolder
from gradschool.prepare.foresight import foresee_languages, foresee_proof
from gradschool.prepare.gather import Gathered
from gradschool.prepare.guidelines import Guideline, with_examples
from gradschool.prepare.job_file import job_file
from gradschool.prepare.limits import Limits
from gradschool.prepare.options import PrepareOptions
from gradschool.prepare.output import Output, ideals
from gradschool.prepare.report import Summary, report_page
from gradschool.records import Example, Note, Progress, Work
from gradschool.score.metric import BASE_FILLS, BASE_MAY_FILL, FittedMetric
from gradschool.score.metrics import find_metrics
from gradschool.settings import BUILT_IN
from gradschool.version import __version__

LOOKS = 4  # at the test set: one for each rung of the ladder; without documents, the ground rung takes none
MAX_FOR_LEAKS = 200_000  # examples; with more, leakage is not searched
MAX_FOR_RULES = 5_000  # answers searched for examples of rules
MAX_HASHED_BYTES = 200_000_000  # larger sources are recorded without a hash


def write_job(
    folder: JobFolder,
    output: Output,
    gathered: Gathered,
    guidelines: Sequence[Guideline],
    options: PrepareOptions,
    limits: Limits,
) -> Work[tuple[tuple[Guideline, ...], bool]]:
    """Write everything except the examples; returns the rules with example answers, and whether job.toml was kept."""
    summary = output.summary
    yield from _copy_documents(folder, gathered, summary)
    if options.guidelines:
        folder.write(GUIDELINES, decode(read_file(options.guidelines))[0])
    rules = with_examples(guidelines, ideals(folder.path / EXAMPLES, MAX_FOR_RULES))
    job_kept = folder.job_is_edited
    if not job_kept:
        text = job_file(
            options.purpose,
            str(folder.path),
            author=gathered.author,
            answers=output.answers,
            guidelines=guidelines,
            documents=bool(summary.documents),
            by_time=2 * output.dated > summary.kept,
            pass_mark=options.pass_mark,
        )
        folder.write(JOB_FILE, text)
    yield from foresee_languages(summary, limits)
    yield from _try_split(folder, summary, gathered, limits)
    folder.write(REPORT, report_page(summary, rules, folder.path, options.purpose))
    folder.finish(_record(options, summary), job_kept=job_kept)
    return tuple(rules), job_kept


def _copy_documents(folder: JobFolder, gathered: Gathered, summary: Summary) -> Work[None]:
    """Copy the documents for the ground rung; a copy that the user changed is kept."""
    for file, _ in gathered.documents:
        target = folder.path / DOCUMENTS / Path(file.name)
        summary.documents += 1
        if target.exists() and target.resolve() != file.path.resolve() and sha256(target) != sha256(file.path):
            yield Note(f"{target} differs from {file.name} and is kept.", "warning")
        elif not target.exists():
            with new_path(target) as temporary:
                shutil.copyfile(file.path, temporary)


def _try_split(folder: JobFolder, summary: Summary, gathered: Gathered, limits: Limits) -> Work[None]:
    """Split the examples as a climb would, find what stops one, and search for leakage between the parts."""
    if summary.kept > MAX_FOR_LEAKS:
        summary.split_note = f"With more than {MAX_FOR_LEAKS:,} examples, leakage between the parts is not searched."
        return
    try:
        job = read_job(folder.path)
        examples = read_examples(job.examples, job.settings.data, root=job.folder).examples
        yield Progress("splitting examples", 0, 0)
        examples = yield from _readable(examples, summary, limits)
        near = near_duplicates(examples, job.settings.data.near_duplicate)
        looks = LOOKS - (job.settings.data.documents is None)
        split = freeze_split(examples, job.settings.split, job.settings.goal, near, looks)
        train, validation, test = split_of(examples, split)
        decides, extra = find_metrics(job.settings.goal, job.folder, examples)
        for metric in (decides, *extra.values()):
            if isinstance(metric, FittedMetric) and not metric.fitted:
                yield from _judge(metric, job, [train, validation], summary)
    except (DataError, UsageError) as error:
        summary.obstacles.append(f"{error.what} {error.why}".strip())
        return
    summary.split = {"train": len(train), "validation": len(validation), "test": len(test)}
    yield from foresee_proof(summary, job, test, looks)
    if job.settings.split.by == "time":
        last = max((example.date for example in train), default="")[:10]
        summary.split_note = f"Training examples end on {last}; the threads of the test set end later."
    yield Progress("searching for leakage", 0, 0)
    summary.leaks = find_leaks(train, [*validation, *test], job.settings.data.near_duplicate)
    documents = ((file.name, document.text) for file, document in gathered.documents)
    summary.document_leaks = find_document_leaks(documents, test)


def _readable(examples: Sequence[Example], summary: Summary, limits: Limits) -> Work[list[Example]]:
    """The examples that the base can read; the others are named in a warning."""
    long = {example.id: tokens for example in examples if (tokens := limits.too_long(example.messages))}
    if long:
        first = next(example for example in examples if example.id in long)
        summary.too_long = len(long)
        yield Note(
            f"{len(long)} examples are too long for {limits.name}, which reads {limits.context_length:,} tokens, "
            f"question and answer together; a climb leaves them out. The first is {first.id} ({first.source}) with "
            f"about {long[first.id]:,}. Shorten or divide them, or name a base_model in job.toml that reads more.",
            "warning",
        )
    return [example for example in examples if example.id not in long]


def _judge(metric: FittedMetric, job: Job, parts: Sequence[Sequence[Example]], summary: Summary) -> Work[None]:
    """Whether the style classifier can be fitted to the examples, the texts of others and answers of the built-in base.

    Other bases may be large: `gradschool check` asks them.
    """
    path, train = job.settings.data.others, parts[0]
    others = of_training((yield from read_others(job.path(path))), train) if path else messages_in(train)
    stops, lacks = metric.shortage(train, others)
    filled = False
    if stops:
        summary.obstacles.append(stops)
    elif lacks and job.settings.base_model == BUILT_IN:
        from gradschool.evaluate import Measure  # imports torch, which nothing else here needs
        from gradschool.rungs.untrained import decodings_for, demand_fit

        engine = yield from open_engine(job.settings, job.folder)
        _, decoding = decodings_for([*parts[0], *parts[1]], engine, job)
        try:
            yield from demand_fit(Measure(metric, {}), engine, job, train, others, decoding)
            filled = True
        except DataError as error:
            summary.obstacles.append(f"{error.what} {error.why}")
    summary.lacks = "" if filled else lacks
    if lacks and not summary.obstacles:
        yield Note(f"{lacks}. {BASE_FILLS if filled else BASE_MAY_FILL}.", "warning")


def _record(options: PrepareOptions, summary: Summary) -> dict[str, Any]:
    """The content of prepared.json: sources, options and counts."""
    sources = []
    for file in summary.sources:
        size = file.path.stat().st_size
        sources.append({"name": file.name, "kind": file.kind, "bytes": size})
        if size <= MAX_HASHED_BYTES:
            sources[-1]["sha256"] = sha256(file.path)
    return {
        "gradschool": __version__,
        "purpose": options.purpose,
        "options": {
            "authors": list(options.authors),
            "agents": list(options.agents),
            "languages": list(options.languages),
            "private": options.private,
            "writer": options.writer.identity.name if options.writer else "",
            "others": [str(path) for path in options.others],
        },
        "sources": sources,
        "counts": summary.as_json(),
    }

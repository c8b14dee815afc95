"""Prepare a job folder from raw material: read the sources, clean, pseudonymize, write examples, job and report."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from gradschool.data.review_rows import REVIEW
from gradschool.durable import make_folder, temporary_folder
from gradschool.files import disk_errors
from gradschool.prepare.analysis import analyze
from gradschool.prepare.draft import Spool
from gradschool.prepare.finish import write_job
from gradschool.prepare.folder import JobFolder
from gradschool.prepare.gather import gather, nothing_usable
from gradschool.prepare.guidelines import Guideline, read_guidelines
from gradschool.prepare.ingest import Ingest
from gradschool.prepare.limits import limits_for
from gradschool.prepare.options import PrepareOptions
from gradschool.prepare.others import read_others_given
from gradschool.prepare.output import Output
from gradschool.prepare.pseudonyms import Pseudonyms
from gradschool.prepare.recognize import demand_sources, recognize
from gradschool.prepare.report import Summary
from gradschool.prepare.review import Decisions, read_decisions
from gradschool.records import Work


@dataclass(frozen=True, slots=True)
class Prepared:
    """The result of a preparation; `job_kept` is true if job.toml was edited by the user and left alone."""

    folder: Path
    summary: Summary
    guidelines: tuple[Guideline, ...]
    job_kept: bool


def prepare(sources: Sequence[Path], options: PrepareOptions, into: Path) -> Work[Prepared]:
    """Make a job folder from raw material; a second run applies the decisions in the folder's review.jsonl.

    The sources are read once into a spool on disk, analyzed together, and written in a last pass. What cannot be used
    is named in a warning or in the review. Files that the user made or edited are never overwritten.

    Raises DataError if a source does not exist or nothing in the sources is usable.
    """
    folder = JobFolder(into)
    folder.check()
    decisions = read_decisions(into / REVIEW)
    guidelines = read_guidelines(options.guidelines) if options.guidelines else []
    limits = limits_for(into)
    names = Pseudonyms(options.private, folder.pseudonyms(), decisions.values)
    with disk_errors(into), _temporary(into) as temporary, ExitStack() as opened:
        folder.clear()
        files = yield from recognize(sources, temporary)
        spool = opened.enter_context(closing(Spool(temporary / "drafts")))
        style = options.purpose == "style"
        others = opened.enter_context(closing(Spool(temporary / "others"))) if style else None
        gathered = yield from gather(
            files,
            options,
            Ingest(spool, decisions, names.people),
            limits,
            None if others is None else Ingest(others, Decisions(), names.people, of_author=False),
        )
        if not len(spool):
            raise nothing_usable(options)
        if others is not None and options.others:
            yield from read_others_given(options, others, names.people, limits, temporary)
        analysis = yield from analyze(spool, options, decisions, names.people)
        summary = Summary(
            sources=list(files),
            read=len(spool),
            modes=dict(names.modes),
            languages=analysis.languages,
            labels=analysis.labels,
            repeated=analysis.repeated,
            author=gathered.author,
            decisions=len(decisions),
        )
        output = Output(summary, analysis, decisions, names)
        yield from output.write(folder, spool, others)
        rules, job_kept = yield from write_job(folder, output, gathered, guidelines, options, limits)
    return Prepared(folder.path, summary, rules, job_kept)


def check_inputs(sources: Sequence[Path], others: Sequence[Path], guidelines: Path | None, into: Path) -> None:
    """Raise an error for paths that cannot be used; before a base is opened, which takes time."""
    JobFolder(into).check()
    demand_sources([*sources, *others, *([guidelines] if guidelines else [])])


@contextmanager
def _temporary(into: Path) -> Iterator[Path]:
    """A folder next to the job, on the same disk; it is also what shows that no other preparation runs."""
    place = into.resolve()
    make_folder(place.parent)
    with temporary_folder(place) as temporary:
        yield temporary

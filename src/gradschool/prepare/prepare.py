"""The whole preparation: recognise and read the sources, clean, replace what is private, write the job folder."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradschool import __version__
from gradschool.data.documents import Document
from gradschool.data.encoding import Unreadable, decode
from gradschool.data.leakage import leaks, leaks_from_documents
from gradschool.data.near_duplicates import near_duplicates
from gradschool.data.read import read_examples
from gradschool.data.split import freeze_split, split_of
from gradschool.errors import DataError, UsageError
from gradschool.files import disk_errors, sha256, write_text
from gradschool.job import read_job
from gradschool.prepare.clean import Ingest, analyze
from gradschool.prepare.dialogues import read_dialogues
from gradschool.prepare.draft import Spool
from gradschool.prepare.folder import DOCUMENTS, EXAMPLES, GUIDELINES, JOB_FILE, REPORT, REVIEW, JobFolder
from gradschool.prepare.guidelines import Guideline, read_guidelines, with_examples
from gradschool.prepare.job_file import job_file
from gradschool.prepare.mail.letters import read_letters
from gradschool.prepare.options import PrepareOptions
from gradschool.prepare.output import Output, ideals
from gradschool.prepare.pairs import read_pairs, read_questions
from gradschool.prepare.pseudonyms import Pseudonyms
from gradschool.prepare.recognise import Found, recognise
from gradschool.prepare.report import Account, report_page
from gradschool.prepare.review import read_decisions
from gradschool.prepare.rows import Columns, columns_of
from gradschool.prepare.texts import load, read_rows_of_texts, read_texts
from gradschool.records import Note, Progress, Work

MAX_FOR_LEAKS = 200_000  # examples among which leaks are searched here
MAX_FOR_RULES = 5_000  # answers among which examples of rules are looked for
LOOKS = 4  # how often a climb may open the test set: once a rung
MAILS = ("mbox", "mail", "Outlook mail")
HASHED = 200_000_000  # bytes of a source up to which it is hashed for the record


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a preparation made."""

    folder: Path
    account: Account
    guidelines: tuple[Guideline, ...]
    job_kept: bool  # job.toml was the person's own and stays


def prepare(sources: Sequence[Path], wanted: PrepareOptions, into: Path) -> Work[Prepared]:
    """Make a job folder from raw material; called again, it does what was decided in the folder's review.jsonl.

    Everything is read once into a spool on disk, looked at together, and written in a last pass. What cannot be used
    is named in a warning or stands in the review; nothing of a person's is written over.
    """
    folder = JobFolder(into)
    folder.check()
    decisions = read_decisions(into / REVIEW)
    guidelines = read_guidelines(wanted.guidelines) if wanted.guidelines else []
    found = yield from recognise(sources)
    names = Pseudonyms(wanted.private, folder.pseudonyms(), decisions.values)
    with disk_errors(into), tempfile.TemporaryDirectory(dir=_beside(into), prefix=f".{into.name}.") as work:
        spool = Spool(Path(work) / "items")
        try:
            gathered = yield from _read(found, wanted, Ingest(spool, decisions, names))
            if not len(spool):
                raise _nothing(wanted)
            findings = yield from analyze(spool, wanted, decisions, names)
            account = Account(
                sources=list(found),
                read=len(spool),
                modes=dict(names.modes),
                languages=findings.languages,
                labels=findings.labels,
                repeated=findings.repeated,
                author=gathered.author,
                decisions=len(decisions),
            )
            output = Output(account, findings, decisions, names)
            yield from output.write(folder, spool)
        finally:
            spool.close()
    folder.keep_map(names.as_map())
    return (yield from _complete(folder, output, gathered, guidelines, wanted))


def _beside(into: Path) -> Path:
    """The nearest folder above that exists: the spool lies on the same disk as the job."""
    return next(path for path in into.resolve().parents if path.is_dir())


@dataclass(frozen=True, slots=True)
class Gathered:
    """What reading found out beside the items: who the author is, and documents to look facts up in."""

    author: str
    documents: tuple[tuple[Found, Document], ...]


def _read(found: Sequence[Found], wanted: PrepareOptions, intake: Ingest) -> Work[Gathered]:
    """Read every source as its kind and the purpose want it."""
    author = ""
    mails = [one for one in found if one.kind in MAILS]
    if mails:
        box = yield from read_letters(mails, wanted, intake)
        author = box.author.name
        intake.pseudonyms.keep_own(box.author.names)
    documents: list[tuple[Found, Document]] = []
    for one in found:
        if one in mails:
            continue
        try:
            if one.kind != "document":
                yield from _read_rows(one, wanted, intake)
            elif wanted.purpose == "style":
                yield from read_texts(one, wanted, intake)
            else:
                document = yield from load(one)
                documents.append((one, document))
                if wanted.purpose == "skill" and (count := read_questions(one, document, intake)):
                    yield Note(f"{one.name}: {count} questions with the answers below them.")
        except (Unreadable, OSError) as error:
            yield Note(f"{one.name} cannot be read, or not to its end: {error}", "warning")
    return Gathered(author, tuple(documents))


def _read_rows(found: Found, wanted: PrepareOptions, intake: Ingest) -> Work[None]:
    columns = Columns("dialogues") if found.kind == "transcript" else columns_of(found, wanted)
    if columns.kind in ("dialogues", "turns"):
        yield from read_dialogues(found, columns, wanted, intake)
    elif columns.kind == "texts":
        yield from read_rows_of_texts(found, columns, wanted, intake)
    elif columns.kind == "pairs":
        yield from read_pairs(found, columns, wanted, intake)
    else:
        yield Note(
            f"{found.name} is passed over: its rows are no dialogues, pairs or texts that are known; name the columns "
            "with --input-column and --output-column, or --text-column.",
            "warning",
        )


def _nothing(wanted: PrepareOptions) -> DataError:
    needs = {
        "style": "mails, documents or texts of one author",
        "persona": "dialogues, tickets or mails",
        "skill": "a table or JSON with inputs and outputs, or documents with questions and answers",
    }
    return DataError(
        "The sources hold nothing that an example could be made of.",
        f"For the purpose {wanted.purpose}, give {needs[wanted.purpose]}.",
        "name other sources or columns; the warnings above say what was passed over.",
    )


def _complete(
    folder: JobFolder, output: Output, gathered: Gathered, guidelines: Sequence[Guideline], wanted: PrepareOptions
) -> Work[Prepared]:
    """All that stands beside the examples: the job, guidelines, documents, the report."""
    account = output.account
    if not account.kept:
        yield Note("Nothing is left to learn from; review.jsonl says why of each item.", "warning")
    yield from _copy_documents(folder, gathered, account)
    if wanted.guidelines:
        write_text(folder.path / GUIDELINES, decode(wanted.guidelines.read_bytes())[0])
    shown = with_examples(guidelines, ideals(folder.path / EXAMPLES, MAX_FOR_RULES))
    own = folder.job_is_own
    if not own:
        text = job_file(
            wanted.purpose,
            str(folder.path),
            author=gathered.author,
            answers=output.answers,
            guidelines=guidelines,
            documents=bool(account.documents),
            by_time=2 * output.dated > account.kept,
            pass_mark=wanted.pass_mark,
        )
        write_text(folder.path / JOB_FILE, text)
    yield from _divide(folder, account, gathered)
    write_text(folder.path / REPORT, report_page(account, shown, folder.path, wanted.purpose))
    folder.finish(_about(wanted, account), job_kept=own)
    return Prepared(folder.path, account, tuple(shown), own)


def _copy_documents(folder: JobFolder, gathered: Gathered, account: Account) -> Work[None]:
    """Copies of the documents, for the ground rung; one that a person changed there stays."""
    for found, _ in gathered.documents:
        target = folder.path / DOCUMENTS / Path(found.name)
        account.documents += 1
        if target.exists() and target.resolve() != found.path.resolve() and sha256(target) != sha256(found.path):
            yield Note(f"{target} is another file than {found.name}, and stays as it is.", "warning")
        elif not target.exists():
            with disk_errors(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(found.path, target)


def _divide(folder: JobFolder, account: Account, gathered: Gathered) -> Work[None]:
    """Divide the examples as a climb would, and search what leaks from one side to the other."""
    if account.kept > MAX_FOR_LEAKS:
        account.split_note = f"More than {MAX_FOR_LEAKS:,} examples: leaks between the parts were not searched."
        return
    try:
        job = read_job(folder.path)
        examples = read_examples(job.path(job.settings.data.examples), job.settings.data).examples
        yield Progress("dividing examples", 0, 0)
        near = near_duplicates(examples, job.settings.data.near_duplicate)
        split = freeze_split(examples, job.settings.split, job.settings.goal, near, LOOKS)
    except (DataError, UsageError) as error:
        account.split_note = f"It cannot be divided yet: {error.what} {error.why}"
        yield Note(account.split_note, "warning")
        return
    train, validation, test = split_of(examples, split)
    account.split = {"to learn from": len(train), "to choose by": len(validation), "for the verdict": len(test)}
    if job.settings.split.by == "time":
        last = max((example.date for example in train), default="")[:10]
        account.split_note = f"What is learnt ends on {last}; the threads of the test end later."
    yield Progress("searching leaks", 0, 0)
    account.leaks = leaks(train, [*validation, *test], job.settings.data.near_duplicate)
    account.document_leaks = leaks_from_documents(((f.name, d.text) for f, d in gathered.documents), test)


def _about(wanted: PrepareOptions, account: Account) -> dict[str, Any]:
    """What the record says: of which sources, how, and with which result."""
    sources = []
    for found in account.sources:
        size = found.path.stat().st_size
        sources.append({"name": found.name, "kind": found.kind, "bytes": size})
        if size <= HASHED:
            sources[-1]["sha256"] = sha256(found.path)
    return {
        "gradschool": __version__,
        "purpose": wanted.purpose,
        "options": {
            "authors": list(wanted.authors),
            "agents": list(wanted.agents),
            "languages": list(wanted.languages),
            "private": wanted.private,
            "writer": wanted.writer.identity["name"] if wanted.writer else "",
        },
        "sources": sources,
        "counts": account.as_json(),
    }

"""Read every source by its kind and the purpose, and add a draft for each possible example."""

from collections.abc import Sequence
from dataclasses import dataclass

from gradschool.data.documents import Document
from gradschool.data.encoding import Unreadable
from gradschool.errors import DataError
from gradschool.prepare.bylines import Bylines, Divided, read_bylines
from gradschool.prepare.chats.companions import without_companions
from gradschool.prepare.chats.exports import Export, export_of
from gradschool.prepare.dialogues import DialogueSource, export_sources, read_dialogues, transcript_source, turns_source
from gradschool.prepare.ingest import Ingest
from gradschool.prepare.instructions import Asked, Writer
from gradschool.prepare.limits import Limits
from gradschool.prepare.mail.read import read_mailboxes
from gradschool.prepare.options import PrepareOptions
from gradschool.prepare.pairs import read_pairs, read_questions
from gradschool.prepare.recognize import SourceFile
from gradschool.prepare.rows import Columns, columns_of, messages_in, not_recognized
from gradschool.prepare.texts import load, read_rows_of_texts, read_texts
from gradschool.prepare.transcripts.read import has_turns_of
from gradschool.records import Note, Work

MAILS = ("mbox", "mail", "Outlook mail")
NEEDS = {
    "style": "mails, documents or texts of one author",
    "persona": "dialogues, tickets or mails",
    "skill": "a table or JSON with inputs and outputs, or documents with questions and answers",
}


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the sources contain in addition to drafts: the author's name, and documents for the ground rung."""

    author: str
    documents: tuple[tuple[SourceFile, Document], ...]


def gather(
    files: Sequence[SourceFile], options: PrepareOptions, ingest: Ingest, limits: Limits, others: Ingest | None = None
) -> Work[Gathered]:
    """Read all files into drafts; a file that cannot be read is named in a warning.

    `others` takes the rows of tables that other authors wrote; without it, all rows are one author's.
    """
    writer = Writer(options.writer, ingest.add)
    files, notes = without_companions(files)
    yield from notes
    mails = [file for file in files if file.kind in MAILS]
    author = (yield from _read_mails(mails, options, ingest)) if mails else ""
    documents: list[tuple[SourceFile, Document]] = []
    dialogues: list[DialogueSource] = []
    exports: list[tuple[SourceFile, Export]] = []
    tables: list[tuple[SourceFile, Columns]] = []
    for file in files:
        if file in mails:
            continue
        try:
            if file.kind == "transcript" or _speaks_in(file, options):
                dialogues.append(transcript_source(file, options.agents))
            elif file.kind != "document":
                if export := _export(file, options):
                    exports.append((file, export))
                else:
                    tables.append((file, columns_for(file, options)))
            elif options.purpose == "style":
                yield from read_texts(file, limits, writer)
            else:
                document = yield from load(file)
                documents.append((file, document))
                if options.purpose == "skill" and (count := read_questions(file, document, ingest)):
                    yield Note(f"{file.name}: {count} questions with answers.")
        except (Unreadable, OSError) as error:
            yield Note(f"{file.name} cannot be read completely: {error}", "warning")
    dialogues += yield from _read_tables(tables, options, ingest, writer, limits, others)
    dialogues += export_sources(exports)
    if dialogues:  # who the agent is follows from all of them together
        yield from read_dialogues(dialogues, options, ingest, ingest.people.meet)
    writer.flush()
    if note := writer.note():
        yield note
    ingest.register_called(by_author=options.purpose == "style" and ingest.of_author)
    return Gathered(author, tuple(documents))


def _speaks_in(file: SourceFile, options: PrepareOptions) -> bool:
    """Whether a named agent has turns in a document, which then is a conversation that does not look like one."""
    if file.kind != "document" or options.purpose != "persona" or not options.agents:
        return False
    try:
        return has_turns_of(options.agents, file.path, file.name)
    except DataError:  # no text
        return False


def _read_mails(mails: Sequence[SourceFile], options: PrepareOptions, ingest: Ingest) -> Work[str]:
    """Read the author's mails; returns the name of the author, which stays as it is in the author's own texts."""
    box = yield from read_mailboxes(mails, options, ingest)
    ingest.people.register(box.people)
    ingest.people.lists |= box.lists
    if ingest.of_author:
        ingest.people.keep_names(box.author.names)
    return box.author.name


def _export(file: SourceFile, options: PrepareOptions) -> Export | None:
    """The kind of export that a file is, unless the user names its columns."""
    named = (options.text_column, options.columns.input_column, options.columns.output_column)
    return None if any(named) else export_of(file)


def _read_tables(
    tables: Sequence[tuple[SourceFile, Columns]],
    options: PrepareOptions,
    ingest: Ingest,
    writer: Writer,
    limits: Limits,
    others: Ingest | None,
) -> Work[list[DialogueSource]]:
    """Read the rows of tables, whose authors follow from all of them together; returns those with turns."""
    named = [(file, columns.author) for file, columns in tables if columns.author]
    bylines = (yield from read_bylines(named, options.authors, ingest.people)) if others else Bylines()
    turns: list[DialogueSource] = []
    for file, columns in tables:
        try:
            turns += yield from _read_rows(file, columns, options, ingest, writer, limits, Divided(bylines, others))
        except (Unreadable, OSError) as error:
            yield Note(f"{file.name} cannot be read completely: {error}", "warning")
    return turns


def columns_for(file: SourceFile, options: PrepareOptions) -> Columns:
    """The columns of a table, which may be one chat for a persona."""
    columns = columns_of(file, options)
    if columns.kind == "unknown" and options.purpose == "persona":
        columns = messages_in(file) or columns
    return columns


def _read_rows(
    file: SourceFile,
    columns: Columns,
    options: PrepareOptions,
    ingest: Ingest,
    writer: Writer,
    limits: Limits,
    divided: Divided,
) -> Work[list[DialogueSource]]:
    """Read the rows of a file; those that are turns are returned, to be read with all other dialogues."""
    if columns.kind == "turns":
        return [turns_source(file, columns)]
    if columns.kind == "texts":
        yield from read_rows_of_texts(file, columns, limits, writer, divided)
    elif columns.kind == "pairs":
        yield from read_pairs(file, columns, options, Asked(ingest), divided)
    else:
        yield Note(not_recognized(file), "warning")
    return []


def nothing_usable(options: PrepareOptions) -> DataError:
    """The error for sources without a single possible example."""
    return DataError(
        "The sources have nothing that can become an example.",
        f"The purpose {options.purpose} needs {NEEDS[options.purpose]}.",
        "name other sources or columns, or with --agent who answers in a text; "
        "the warnings above say what was skipped.",
    )

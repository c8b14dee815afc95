"""Read every source by its kind and the purpose, and add a draft for each possible example."""

from collections.abc import Sequence
from dataclasses import dataclass

from gradschool.data.documents import Document
from gradschool.data.encoding import Unreadable
from gradschool.errors import DataError
from gradschool.prepare.clean import Ingest
from gradschool.prepare.dialogues import read_dialogues
from gradschool.prepare.mail.read import read_mailboxes
from gradschool.prepare.options import PrepareOptions
from gradschool.prepare.pairs import read_pairs, read_questions
from gradschool.prepare.recognise import SourceFile
from gradschool.prepare.rows import Columns, columns_of
from gradschool.prepare.texts import load, read_rows_of_texts, read_texts
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


def gather(files: Sequence[SourceFile], options: PrepareOptions, ingest: Ingest) -> Work[Gathered]:
    """Read all files into drafts; a file that cannot be read is named in a warning."""
    author = ""
    mails = [file for file in files if file.kind in MAILS]
    if mails:
        box = yield from read_mailboxes(mails, options, ingest)
        author = box.author.name
        ingest.people.register(box.people)
        ingest.people.lists |= box.lists
        ingest.people.keep_names(box.author.names)
    documents: list[tuple[SourceFile, Document]] = []
    for file in files:
        if file in mails:
            continue
        try:
            if file.kind != "document":
                yield from _read_rows(file, options, ingest)
            elif options.purpose == "style":
                yield from read_texts(file, options, ingest)
            else:
                document = yield from load(file)
                documents.append((file, document))
                if options.purpose == "skill" and (count := read_questions(file, document, ingest)):
                    yield Note(f"{file.name}: {count} questions with answers.")
        except (Unreadable, OSError) as error:
            yield Note(f"{file.name} cannot be read completely: {error}", "warning")
    ingest.register_called(by_author=options.purpose == "style")
    return Gathered(author, tuple(documents))


def _read_rows(file: SourceFile, options: PrepareOptions, ingest: Ingest) -> Work[None]:
    columns = Columns("dialogues") if file.kind == "transcript" else columns_of(file, options)
    if columns.kind in ("dialogues", "turns"):
        yield from read_dialogues(file, columns, options, ingest)
    elif columns.kind == "texts":
        yield from read_rows_of_texts(file, columns, options, ingest)
    elif columns.kind == "pairs":
        yield from read_pairs(file, columns, options, ingest)
    else:
        yield Note(
            f"{file.name} is skipped: its rows are not recognised as dialogues, pairs or texts; name the columns with "
            "--input-column and --output-column, or with --text-column.",
            "warning",
        )


def nothing_usable(options: PrepareOptions) -> DataError:
    """The error for sources without a single possible example."""
    return DataError(
        "The sources have nothing that can become an example.",
        f"The purpose {options.purpose} needs {NEEDS[options.purpose]}.",
        "name other sources or columns; the warnings above say what was skipped.",
    )

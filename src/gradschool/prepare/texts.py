"""Drafts from documents and rows of one author: an instruction from title or heading, and the text."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from gradschool.data.dates import iso_date
from gradschool.data.document_dates import document_date
from gradschool.data.documents import Document, read_document
from gradschool.data.encoding import encoding_of
from gradschool.data.formats import as_text
from gradschool.data.language import language_of
from gradschool.prepare.draft import Draft, Sink, id_from, unused
from gradschool.prepare.instructions import Writer, instruction
from gradschool.prepare.options import PrepareOptions
from gradschool.prepare.recognise import HTML, SourceFile
from gradschool.prepare.rows import Columns, file_rows
from gradschool.records import Message, Note, Progress, Source, Work

HEADING = re.compile(r"^ {0,3}(#{1,6})\s+(.+?)\s*#*\s*$", re.MULTILINE)
FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
LONG_DOCUMENT = 900  # words from which a document is divided at its headings
MIN_SECTION = 30  # words; a shorter section is joined with the next
PROGRESS_STEP = 1_000  # rows between two progress events


def read_rows_of_texts(source_file: SourceFile, columns: Columns, options: PrepareOptions, sink: Sink) -> Work[None]:
    """Add a draft for every row: its title as instruction, and its text."""
    parts = {columns.text: "text", columns.title: "title", columns.date: "date", columns.group: "group"}
    used = ", ".join(f"{key} is the {part}" for key, part in parts.items() if key)
    yield Note(f"{source_file.name}: texts; {used}.")
    writer = Writer(options.writer, sink.add)
    ids: Counter[str] = Counter()
    for done, row in enumerate(file_rows(source_file)):
        if done % PROGRESS_STEP == 0:
            yield Progress(f"reading {source_file.name}", done, 0, "rows")
        source = Source(source_file.name, row.line)
        if not isinstance(row.value, dict):
            sink.add(unreadable(source, row.trouble or "the row is not an object", source_file.name))
            continue
        text = as_text(row.value.get(columns.text), set()).strip()
        title = as_text(row.value.get(columns.title), set()).strip() if columns.title else ""
        first = HEADING.match(text)
        if first and (not title or first[2].strip().casefold() == title.casefold()):
            title, text = title or first[2], text[first.end() :].strip()
        name = as_text(row.value.get(columns.id), set()) if columns.id else ""
        draft = text_draft(text, title, source, ids, name)
        group = as_text(row.value.get(columns.group), set()).strip() if columns.group else ""
        date = iso_date(as_text(row.value.get(columns.date), set())) if columns.date else ""
        writer.add(replace(draft, group=group or draft.id, date=date))
    writer.flush()


def read_texts(source_file: SourceFile, options: PrepareOptions, sink: Sink) -> Work[None]:
    """Add a draft for a document, or for each section of a long one, with the heading as instruction."""
    document = yield from load(source_file)
    writer = Writer(options.writer, sink.add)
    ids: Counter[str] = Counter()
    date = document_date(source_file.path, document.text, suffix_of(source_file))
    for title, text, line in sections(document):
        draft = text_draft(
            text,
            title or Path(source_file.name).stem.replace("_", " ").replace("-", " "),
            Source(source_file.name, line),
            ids,
        )
        writer.add(replace(draft, group=source_file.name, date=date))
    writer.flush()


def load(source_file: SourceFile) -> Work[Document]:
    """Read a document by its detected format; raises Unreadable."""
    return (yield from read_document(source_file.name, source_file.path, suffix_of(source_file)))


def suffix_of(source_file: SourceFile) -> str:
    """The file suffix of a document's detected format."""
    with source_file.path.open("rb") as file:
        head = file.read(4096)
    if head.startswith(b"%PDF"):
        return ".pdf"
    if head.startswith(b"PK"):
        return ".epub" if b"epub" in head[:200] or source_file.path.suffix.lower() == ".epub" else ".docx"
    return ".html" if HTML.match(head.decode(encoding_of(head), "replace")) else ".txt"


def text_draft(text: str, title: str, source: Source, ids: Counter[str], name: str = "") -> Draft:
    """The draft of a text; `ids` counts the used ids."""
    id_ = unused(name or id_from("text", title, text), ids)
    language = language_of(text)
    asked = instruction(title, "", language, mail=False)
    draft = Draft(id_, (Message("user", asked), Message("assistant", text)), id_, source, language=language)
    if not text:
        return draft.dropped("empty", "there is no text")
    return draft if asked else draft.dropped("empty", "it has no title to make an instruction of")


def unreadable(source: Source, why: str, name: str) -> Draft:
    """A dropped draft for a row that cannot be read, so that it is in the review."""
    return Draft(id_from("row", str(source)), (Message("user", ""),), name, source).dropped("unreadable", why)


def sections(document: Document) -> Iterator[tuple[str, str, int]]:
    """Title, text and first line of a document, or of each section if it is long and has headings."""
    front = FRONT_MATTER.match(document.text)
    text = document.text[front.end() :] if front else document.text
    base = document.text.count("\n", 0, front.end()) if front else 0
    headings = list(HEADING.finditer(text))
    first = headings[0] if headings and not text[: headings[0].start()].strip() else None
    title = first[2] if first else ""
    if len(text.split()) < LONG_DOCUMENT or len(headings) < 2:
        yield title, text[first.end() if first else 0 :].strip(), base + 1
        return
    pending: tuple[str, str, int] | None = None
    for heading, following in zip(headings, [*headings[1:], None], strict=True):
        body = text[heading.end() : following.start() if following else len(text)].strip()
        line = base + 1 + text.count("\n", 0, heading.start())
        called = heading[2] if heading is first or not title else f"{title}: {heading[2]}"
        if pending:  # a short section is joined with the next
            called, body, line = pending[0], f"{pending[1]}\n\n{heading[2]}\n\n{body}".strip(), pending[2]
            pending = None
        if len(body.split()) < MIN_SECTION:
            pending = (called, body, line)
        else:
            yield called, body, line
    if pending and pending[1]:
        yield pending

"""Drafts from documents and rows of one author: an instruction from title, heading or topics, and text or passage."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from gradschool.data.dates import iso_date
from gradschool.data.document_dates import document_date
from gradschool.data.documents import Document, read_document
from gradschool.data.encoding import encoding_of
from gradschool.data.formats import as_text
from gradschool.data.language import language_of
from gradschool.data.word_lengths import count_words
from gradschool.ground.passages import SLACK, split_document
from gradschool.prepare.bylines import Divided
from gradschool.prepare.draft import Change, Draft, id_from, unused
from gradschool.prepare.instructions import Writer
from gradschool.prepare.limits import Limits
from gradschool.prepare.paragraph_breaks import Spread
from gradschool.prepare.recognize import HTML, SourceFile
from gradschool.prepare.rows import Columns, file_rows
from gradschool.prepare.titles import HEADING, front_matter, title_in, titled
from gradschool.prepare.wrapping import unwrapped, width_of
from gradschool.records import Message, Note, Progress, Source, Work

LONG_DOCUMENT = 900  # words from which a document is divided at its headings
MIN_SECTION = 30  # words; a shorter section is joined with the next
INK = re.compile(r"\S")
SAMPLE = 20_000  # characters of a long text from which its tokens per word are measured
PROGRESS_STEP = 1_000  # rows between two progress events


def read_rows_of_texts(
    source_file: SourceFile, columns: Columns, limits: Limits, writer: Writer, divided: Divided
) -> Work[None]:
    """Add a draft for every row, or for each passage of a long one: its title as instruction, and its text."""
    parts = {columns.text: "text", columns.title: "title", columns.date: "date", columns.group: "group"}
    used = ", ".join(f"{key} is the {part}" for key, part in parts.items() if key)
    yield Note(f"{source_file.name}: texts; {used}.")
    ids: Counter[str] = Counter()
    for done, row in enumerate(file_rows(source_file)):
        if done % PROGRESS_STEP == 0:
            yield Progress(f"reading {source_file.name}", done, 0, "rows")
        source = Source(source_file.name, row.line)
        if not isinstance(row.value, dict):
            writer.add(unreadable(source, row.trouble or "the row is not an object", source_file.name))
            continue
        text = as_text(row.value.get(columns.text), set()).strip()
        title = as_text(row.value.get(columns.title), set()).strip() if columns.title else ""
        first = HEADING.match(text)
        line, begin = (first[2], first.end()) if first else titled(text)
        if line and (not title or line.strip().casefold() == title.casefold()):
            title, text = title or line, text[begin:].strip()
        name = as_text(row.value.get(columns.id), set()) if columns.id else ""
        group = as_text(row.value.get(columns.group), set()).strip() if columns.group else ""
        date = iso_date(as_text(row.value.get(columns.date), set())) if columns.date else ""
        own = group or name or id_from("text", title, text)
        for draft in text_drafts([(title, text, 0)], source, ids, limits, name):
            draft = replace(draft, date=date, part=0 if group else draft.part)
            draft = replace(draft, group=own if draft.part else group or draft.id)
            divided.add(row.value, columns.author, draft, writer)


def read_texts(source_file: SourceFile, limits: Limits, writer: Writer) -> Work[None]:
    """Add a draft for a document, or for each section or passage of a long one, with the heading as instruction."""
    document = yield from load(source_file)
    ids: Counter[str] = Counter()
    date = document_date(source_file.path, document.text, suffix_of(source_file))
    named = title_in(Path(source_file.name).stem)
    parts = [(title or named, text, line - 1) for title, text, line in sections(document)]
    for draft in text_drafts(parts, Source(source_file.name, 1), ids, limits):
        writer.add(replace(draft, group=source_file.name, date=date))


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


def text_drafts(
    parts: Sequence[tuple[str, str, int]], source: Source, ids: Counter[str], limits: Limits, name: str = ""
) -> Iterator[Draft]:
    """The drafts of a text, given as (title, text, lines before it) for each section; long ones become passages.

    Line breaks by which the text is wrapped are removed, because nobody means them: a model would learn to write them.
    """
    width = width_of("\n\n".join(text for _, text, _ in parts))
    pieces = [
        (title, piece, before + line, len(cut) > 1, _lead(lines[line], piece))
        for title, text, before in parts
        for cut, lines in [(passages(text, limits), text.split("\n"))]
        for piece, line in cut
    ]
    for number, (title, raw, before, is_passage, lead) in enumerate(pieces, 1):
        id_ = unused(name or id_from("text", title, raw), ids)
        text = unwrapped(f"{lead}{raw}", width)[len(lead) :]  # a passage may begin within a line
        language = language_of(text)
        draft = Draft(
            id_,
            (Message("user", title), Message("assistant", text)),
            id_,
            Source(source.file, source.line + before),
            language=language,
            asking="passage" if is_passage else "title",
            part=number if len(pieces) > 1 else 0,
            changes=(Change("unwrapped", f"{removed} line breaks"),) if (removed := _breaks_removed(raw, text)) else (),
        )
        yield draft if text else draft.dropped("empty", "there is no text")


def _lead(line: str, passage: str) -> str:
    """The part of a line that is before a passage, which may begin within it."""
    first = passage.partition("\n")[0]
    return line[: max(0, line.rfind(first))] if first else ""


def _breaks_removed(raw: str, text: str) -> int:
    return raw.count("\n") - text.count("\n")


def passages(text: str, limits: Limits) -> list[tuple[str, int]]:
    """A text, or passages of it that the base reads, each with the number of lines before it in the text.

    Passages end at headings, pages and paragraphs if possible, and at ends of sentences otherwise; small ones are
    joined with their neighbours.
    """
    if not limits.exceeds(text, limits.whole):
        return [(text, 0)]
    start = text[:SAMPLE]
    words = max(1, int(limits.passage * count_words(start) / max(1, limits.tokens(start)) / SLACK))
    spans: list[tuple[int, int, int]] = []  # start, end, tokens
    spread = Spread(text)
    for begin, end in (map(spread.place, span) for span in _spans(spread.text, words, limits)):
        size = limits.tokens(text[begin:end])
        if spans and min(size, spans[-1][2]) < limits.passage / 2 and size + spans[-1][2] <= limits.passage:
            begin, size = spans[-1][0], size + spans[-1][2]
            spans.pop()
        spans.append((begin, end, size))
    return [(text[begin:end], text.count("\n", 0, begin)) for begin, end, _ in spans]


def _spans(text: str, words: int, limits: Limits, begin: int = 0) -> Iterator[tuple[int, int]]:
    """Spans of about that many words; one that still has too many tokens is divided again."""
    for passage in split_document(Document("", text), words):
        if words > 1 and limits.exceeds(passage.text, limits.whole):
            yield from _spans(passage.text, words // 2, limits, begin + passage.start)
        else:
            yield begin + passage.start, begin + passage.end


def unreadable(source: Source, why: str, name: str, kind: str = "unreadable") -> Draft:
    """A dropped draft for a row that cannot be read, so that it is in the review."""
    return Draft(id_from("row", str(source)), (Message("user", ""),), name, source).dropped(kind, why)


def sections(document: Document) -> Iterator[tuple[str, str, int]]:
    """Title, text and first line of a document, or of each section if it is long and has headings."""
    front = front_matter(document.text)
    text, base = document.text[front.begin :], document.text.count("\n", 0, front.begin) + 1
    headings = list(HEADING.finditer(text))
    first = headings[0] if headings and not text[: headings[0].start()].strip() else None
    line, begin = (first[2], first.end()) if first else titled(text)
    title = line or front.title
    if len(text.split()) < LONG_DOCUMENT or len(headings) < 2:
        yield title, text[begin:].strip(), base + _lines_before(text, begin)
        return
    opening = text[begin : headings[0].start()].strip()
    parts = [("", title, opening, begin)] if opening and not first else []
    for heading, end in zip(headings, [*(one.start() for one in headings[1:]), len(text)], strict=True):
        called = heading[2] if heading is first or not title else f"{title}: {heading[2]}"
        parts.append((heading[2], called, text[heading.end() : end].strip(), heading.start()))
    yield from _joined((name, called, body, base + _lines_before(text, at)) for name, called, body, at in parts)


def _joined(parts: Iterable[tuple[str, str, str, int]]) -> Iterator[tuple[str, str, int]]:
    """Title, text and line of sections, given with their heading; a short section is joined with the next."""
    pending: tuple[str, str, int] | None = None
    for heading, title, text, line in parts:
        section = title, text, line
        if pending:
            section = pending[0], f"{pending[1]}\n\n{heading}\n\n{text}".strip(), pending[2]
        pending = section if len(section[1].split()) < MIN_SECTION else None
        if not pending:
            yield section
    if pending and pending[1]:
        yield pending


def _lines_before(text: str, begin: int) -> int:
    """The number of lines before a place in a text, or before what follows after white space there."""
    found = INK.search(text, begin)
    return text.count("\n", 0, found.start() if found else begin)

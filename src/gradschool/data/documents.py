"""Files that people keep into plain text: which ones are read, which ones are passed over, and why."""

import hashlib
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from gradschool.data.encoding import Unreadable, check_length, decode
from gradschool.errors import DataError
from gradschool.records import Note, Progress, Work

MAX_FILE_BYTES = 50_000_000
MAX_PAGES = 2_000  # of one pdf: laying out a page takes some hundredths of a second
MAX_TOTAL_TEXT = 500_000_000  # characters of all documents together: they are held in memory while passages are cut
TEXT_SUFFIXES = (".md", ".markdown", ".txt")
CONVERTED_SUFFIXES = (".html", ".htm", ".pdf", ".docx", ".epub", ".xlsx")
SUFFIXES = TEXT_SUFFIXES + CONVERTED_SUFFIXES


@dataclass(frozen=True, slots=True)
class Document:
    """The text of one file, and where its pages start in it.

    `file` is relative to the folder of documents, with forward slashes; `text` has "\\n" line ends, as Python's text
    mode reads them; `pages` are offsets into `text`, one per page, empty where the format has no pages; `hash` is the
    SHA-256 of the file's bytes.
    """

    file: str
    text: str
    pages: tuple[int, ...] = ()
    hash: str = ""


def read_documents(path: Path) -> Work[list[Document]]:
    """Read every document below a folder (or one file), in the order of their names.

    Markdown and text are read as they are; html, docx, epub and xlsx become Markdown; pdf becomes text with its pages
    known, at most MAX_PAGES of them.
    A file that cannot be used is named in a warning and passed over. Hidden files are ignored; linked folders are
    not entered.

    Raises DataError where nothing at all can be read, or where all texts together exceed MAX_TOTAL_TEXT characters.
    """
    if not path.exists():
        raise DataError(
            f"The documents {path} do not exist.",
            "The ground rung reads them.",
            "correct `data.documents` in job.toml, or take it out.",
        )
    files, others = _files(path)
    yield from _passed_over(others)
    documents: list[Document] = []
    total = 0
    for number, (name, file) in enumerate(files):
        yield Progress("reading documents", number, len(files), "documents")
        try:
            document = yield from read_document(name, file)
        except Unreadable as reason:
            yield Note(f"{name} is passed over: {reason}", "warning")
            continue
        documents.append(document)
        total += len(document.text)
        if total > MAX_TOTAL_TEXT:
            raise DataError(
                f"The documents in {path} are too much text: the limit was reached at {name}.",
                f"Together they may have {MAX_TOTAL_TEXT:,} characters.",
                "keep the documents that the questions are about, and move the others away.",
            )
    yield Progress("reading documents", len(files), len(files), "documents")
    if not documents:
        raise DataError(
            f"No document in {path} could be read.",
            f"{len(files)} files end in {', '.join(SUFFIXES)}" + ("; none of them gave text." if files else "."),
            "put documents of these kinds there; the warnings above say what is wrong with each file.",
        )
    return documents


def _files(path: Path) -> tuple[list[tuple[str, Path]], list[tuple[str, str]]]:
    """The files to read as (name, path), and the others as (name, why not)."""
    if path.is_file():
        return [(path.name, path)], []
    files: list[tuple[str, Path]] = []
    others: list[tuple[str, str]] = []
    for folder, subfolders, names in os.walk(path):  # links to folders are not followed, so there are no loops
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for linked in (name for name in subfolders if Path(folder, name).is_symlink()):
            others.append((Path(folder, linked).relative_to(path).as_posix(), "a link to a folder"))
        for name in names:
            file = Path(folder, name)
            if name.startswith("."):
                continue
            relative = file.relative_to(path).as_posix()
            if file.suffix.lower() not in SUFFIXES:
                others.append((relative, f"of kind {file.suffix.lower() or '(no ending)'}"))
            elif not file.is_file():  # a broken or circular link, a pipe: opening it could wait for ever
                others.append((relative, "not a plain file"))
            else:
                files.append((relative, file))
    return sorted(files), sorted(others)


def _passed_over(others: list[tuple[str, str]]) -> list[Note]:
    """One warning per reason, not one per file: a folder of pictures is one remark."""
    counts = Counter(why for _, why in others)
    notes = []
    for why, count in sorted(counts.items()):
        first = next(name for name, reason in others if reason == why)
        which = first if count == 1 else f"{count} files, {first} the first,"
        notes.append(Note(f"{which} passed over: {why}; read are {', '.join(SUFFIXES)}.", "warning"))
    return notes


def read_document(name: str, file: Path, suffix: str = "") -> Work[Document]:
    """Read one file, as of the kind that its ending (or `suffix`) says; raises Unreadable where it gives no text."""
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise Unreadable(f"it is larger than {MAX_FILE_BYTES / 1e6:.0f} MB; divide it into several files.")
        content = file.read_bytes()
    except OSError as error:
        raise Unreadable(f"the system says: {error.strerror}.") from error
    if not content.strip():
        raise Unreadable("it is empty.")
    suffix = suffix or file.suffix.lower()
    pages: tuple[int, ...] = ()
    if suffix == ".pdf":
        text, pages = yield from _pdf(name, content)
    elif suffix in (".docx", ".epub", ".xlsx"):
        from gradschool.data.convert import docx_text, epub_text, xlsx_text

        text = {".docx": docx_text, ".epub": epub_text, ".xlsx": xlsx_text}[suffix](content)
    else:
        text, wrong = decode(content)
        if wrong:
            yield Note(f"{name} {wrong}. Save it as UTF-8 if characters look wrong.", "warning")
        if suffix in (".html", ".htm"):
            from gradschool.data.convert import html_text

            text = html_text(text)
    if not text.strip():
        hint = " (a scan? run text recognition over it first)" if suffix == ".pdf" else ""
        raise Unreadable(f"it holds no text{hint}.")
    check_length(len(text))
    return Document(name, text, pages, hashlib.sha256(content).hexdigest())


def _pdf(name: str, content: bytes) -> Work[tuple[str, tuple[int, ...]]]:
    from gradschool.data.convert import pdf_pages

    parts: list[str] = []
    for number, page in enumerate(pdf_pages(content)):
        if number >= MAX_PAGES:
            yield Note(f"{name} has more than {MAX_PAGES:,} pages; the rest is not read. Divide it.", "warning")
            break
        parts.append(page)
        if number % 20 == 19:
            yield Progress(f"reading {name}", number + 1, 0, "pages")
    return _join(parts)


def _join(parts: list[str]) -> tuple[str, tuple[int, ...]]:
    starts, length = [], 0
    for part in parts:
        starts.append(length)
        length += len(part) + 2
    return "\n\n".join(parts), tuple(starts)

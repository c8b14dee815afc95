"""Read a folder of documents as plain text, and report which files are skipped and why."""

import hashlib
import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from gradschool.data.converter import LIMITS, Limits, converted
from gradschool.data.encoding import Unreadable, check_length, decode
from gradschool.data.normalize import compose
from gradschool.errors import DataError
from gradschool.files import read_file
from gradschool.records import Note, Progress, Work

MAX_FILE_BYTES = 50_000_000
MAX_PAGES = 2_000  # of one pdf: a page takes some hundredths of a second to lay out
MAX_TOTAL_TEXT = 500_000_000  # characters of all documents; they are in memory while passages are made
TEXT_SUFFIXES = (".md", ".markdown", ".txt")
CONVERTED_SUFFIXES = (".html", ".htm", ".pdf", ".docx", ".epub", ".xlsx")
SUFFIXES = TEXT_SUFFIXES + CONVERTED_SUFFIXES
SOFT_HYPHEN_AT_END = re.compile("\u00ad[ \t]*\n")  # of a broken word: a visible hyphen says the same


@dataclass(frozen=True, slots=True)
class Document:
    """The text of one file and the offsets of its pages.

    `file` is relative to the folder of documents, with forward slashes; `text` has "\\n" line ends, as in Python's text
    mode, and is in one Unicode form (see `compose`); `pages` has the start of each page in `text`, and is empty if the
    format has no pages; `hash` is the SHA-256 of the file's bytes.
    """

    file: str
    text: str
    pages: tuple[int, ...] = ()
    hash: str = ""


def read_documents(path: Path, limits: Limits = LIMITS) -> Work[list[Document]]:
    """Read all documents in a folder and its subfolders (or one file), sorted by name.

    Markdown and plain text stay as they are; html, docx, epub and xlsx become Markdown; pdf becomes text with page
    offsets, for at most MAX_PAGES pages. Each is converted within `limits`. A file that cannot be read is skipped with
    a warning. Hidden files and symbolic links to folders are ignored.

    Raises DataError if no document can be read, or if all texts together exceed MAX_TOTAL_TEXT characters.
    """
    if not path.exists():
        raise DataError(
            f"The documents {path} do not exist.",
            "The ground rung reads them.",
            "correct `data.documents` in job.toml, or remove it.",
        )
    files, others = _files(path)
    yield from _skipped(others)
    documents: list[Document] = []
    total = 0
    for number, (name, file) in enumerate(files):
        yield Progress("reading documents", number, len(files), "documents")
        try:
            document = yield from read_document(name, file, limits=limits)
        except Unreadable as reason:
            yield Note(f"{name} is skipped: {reason}", "warning")
            continue
        documents.append(document)
        total += len(document.text)
        if total > MAX_TOTAL_TEXT:
            raise DataError(
                f"The documents in {path} have too much text: the limit was reached at {name}.",
                f"The limit for all documents together is {MAX_TOTAL_TEXT:,} characters.",
                "keep only the documents that the questions are about.",
            )
    yield Progress("reading documents", len(files), len(files), "documents")
    if not documents:
        raise _no_documents(path, len(files))
    return documents


def _no_documents(path: Path, files: int) -> DataError:
    return DataError(
        f"No document in {path} could be read.",
        f"{files} files end in {', '.join(SUFFIXES)}" + ("; none of them has text." if files else "."),
        "add documents of these kinds; the warnings above say what is wrong with each file.",
    )


def _files(path: Path) -> tuple[list[tuple[str, Path]], list[tuple[str, str]]]:
    """The files to read as (name, path), and the others as (name, reason)."""
    if path.is_file():
        return [(path.name, path)], []
    files: list[tuple[str, Path]] = []
    others: list[tuple[str, str]] = []
    for folder, subfolders, names in os.walk(path):  # does not follow links, so there are no cycles
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
            elif not file.is_file():  # a broken link or a pipe, which could block forever
                others.append((relative, "not a plain file"))
            else:
                files.append((relative, file))
    return sorted(files), sorted(others)


def _skipped(others: list[tuple[str, str]]) -> list[Note]:
    """One warning per reason, not per file: a folder of pictures is one warning."""
    counts = Counter(why for _, why in others)
    notes = []
    for why, count in sorted(counts.items()):
        first = next(name for name, reason in others if reason == why)
        which = f"{first} is" if count == 1 else f"{count} files (first: {first}) are"
        notes.append(Note(f"{which} skipped: {why}; supported are {', '.join(SUFFIXES)}.", "warning"))
    return notes


def read_document(name: str, file: Path, suffix: str = "", limits: Limits = LIMITS) -> Work[Document]:
    """Read one file as the format of its suffix (or of `suffix`); raises Unreadable if it has no text."""
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise Unreadable(f"it is larger than {MAX_FILE_BYTES / 1e6:.0f} MB; divide it into several files.")
        content = read_file(file)
    except OSError as error:
        raise Unreadable(f"the system says: {error.strerror}.") from error
    if not content.strip():
        raise Unreadable("it is empty.")
    suffix = suffix or file.suffix.lower()
    pages: tuple[int, ...] = ()
    if suffix == ".pdf":
        text, pages = yield from _pdf(name, content, limits)
    elif suffix in (".docx", ".epub", ".xlsx"):
        text = "".join(converted(suffix, content, limits))
    else:
        text, wrong = decode(content)
        if wrong:
            yield Note(f"{name} {wrong}. Save it as UTF-8 if characters look wrong.", "warning")
        if suffix in (".html", ".htm"):
            text = "".join(converted(suffix, text.encode(), limits))
    if not text.strip():
        hint = " (a scan? run OCR first)" if suffix == ".pdf" else ""
        raise Unreadable(f"it has no text{hint}.")
    check_length(len(text))
    return Document(name, text if pages else _one_form(text), pages, hashlib.sha256(content).hexdigest())


def _one_form(text: str) -> str:
    return compose(SOFT_HYPHEN_AT_END.sub("-\n", text))


def _pdf(name: str, content: bytes, limits: Limits) -> Work[tuple[str, tuple[int, ...]]]:
    parts: list[str] = []
    for number, page in enumerate(converted(".pdf", content, limits)):
        if number >= MAX_PAGES:
            yield Note(
                f"{name} has more than {MAX_PAGES:,} pages; the rest is ignored. Divide the file to read it all.",
                "warning",
            )
            break
        parts.append(_one_form(page))
        if number % 20 == 19:
            yield Progress(f"reading {name}", number + 1, 0, "pages")
    return _join(parts)


def _join(parts: list[str]) -> tuple[str, tuple[int, ...]]:
    starts, length = [], 0
    for part in parts:
        starts.append(length)
        length += len(part) + 2
    return "\n\n".join(parts), tuple(starts)

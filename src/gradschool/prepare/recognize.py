"""Detect the kind of each source file (mailbox, mail, table, document) by its content, and look into archives."""

import csv
import os
import re
import stat
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from gradschool.data.documents import TEXT_SUFFIXES
from gradschool.data.encoding import Unreadable, encoding_of
from gradschool.data.numbered import is_named, is_numbered
from gradschool.errors import DataError
from gradschool.files import is_inside, read_file
from gradschool.prepare.archives import OFFICE, is_archive, unpack
from gradschool.prepare.transcripts.captions import NO_SPEAKERS, has_speakers, is_captions
from gradschool.prepare.transcripts.read import is_transcript
from gradschool.records import Note, Progress, Work

Kind = Literal["mbox", "mail", "Outlook mail", "rows", "workbook", "transcript", "document"]
Found = Kind | Literal["archive"]
HEAD = 1 << 16  # bytes from which the kind is detected
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
FROM_LINE = re.compile(rb"(>?From [^\r\n]*\r?\n)(?=[!-9;-~]+[ \t]*:)")
MAIL_HEADERS = (
    *(b"from", b"to", b"cc", b"subject", b"date", b"message-id", b"mime-version", b"received", b"return-path"),
    *(b"delivered-to", b"reply-to", b"content-type", b"in-reply-to", b"references", b"x-gmail-labels"),
)
HEADER = re.compile(rb"([!-9;-~]+)[ \t]*:")
HTML = re.compile(r"\s*(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
ROWS = re.compile(r'\s*(\{\s*"|\[\s*[{\[]|\{\s*\})')
TABLE_LINES, MAX_HEADER_WORDS = 30, 5
TRANSCRIPT_LINES = 200  # from which a conversation is recognized


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A source file: its name for the user, its path and its detected kind."""

    name: str
    path: Path
    kind: Kind


def recognize(sources: Iterable[Path], unpack_into: Path) -> Work[list[SourceFile]]:
    """Detect the kind of all files in the sources; folders are searched recursively, sorted by name.

    Archives are unpacked into a new folder in `unpack_into`, and read like folders; those inside archives are not.
    Notes report the kinds found, warnings the files that cannot be used. Hidden files and symbolic links to folders
    are ignored. Raises DataError if a source does not exist or no file can be used.
    """
    sources = tuple(sources)
    demand_sources(sources)
    found: list[SourceFile] = []
    skipped: list[tuple[str, str]] = []
    for source in sources:
        files = _files(source, source.resolve().name, skipped) if source.is_dir() else [(source.name, source)]
        for name, path in files:
            if archive := _add(name, path, found, skipped):
                yield Progress(f"unpacking {name}", 0, 0)
                _add_archive(name, archive, unpack_into, found, skipped)
    for kind, count in Counter(file.kind for file in found).items():
        first = next(file.name for file in found if file.kind == kind)
        yield Note(f"{first if count == 1 else f'{count} files (first: {first})'}: {DESCRIPTIONS[kind]}.")
    for why, count in Counter(why for _, why in skipped).items():
        first = next(name for name, reason in skipped if reason == why)
        yield Note(
            f"{f'{first} is' if count == 1 else f'{count} files (first: {first}) are'} skipped: {why}.", "warning"
        )
    if not found:
        raise DataError(
            "None of the sources can be used.",
            "Supported are mbox, Maildir, eml, msg; md, txt, html, docx, pdf, epub; vtt, srt; CSV, XLSX, JSON and JSON "
            "lines; and archives of these (zip, tar, gz).",
            "give files of these kinds; the warnings above give the reason for each file.",
        )
    return found


def demand_sources(sources: Iterable[Path]) -> None:
    """Raise DataError for a source that does not exist."""
    for source in sources:
        if not source.exists():
            raise DataError(f"{source} does not exist.", "It is given as a source.", "check the path.")


DESCRIPTIONS: dict[Kind, str] = {
    "mbox": "a mailbox (mbox)",
    "mail": "a mail as a file (eml or Maildir)",
    "Outlook mail": "a mail saved by Outlook (msg)",
    "rows": "a table or JSON",
    "workbook": "a workbook (xlsx)",
    "transcript": "a conversation transcript",
    "document": "a document",
}


def _add(name: str, path: Path, found: list[SourceFile], skipped: list[tuple[str, str]]) -> Path | None:
    """Add a file that can be read, or the reason why not; an archive is returned instead."""
    name = name.encode("utf-8", "replace").decode()  # names of files may be any bytes
    try:
        kind = kind_of(path)
    except Unreadable as reason:
        skipped.append((name, str(reason)))
        return None
    if kind == "archive":
        return path
    found.append(SourceFile(name, path, kind))
    return None


def _add_archive(
    name: str, path: Path, unpack_into: Path, found: list[SourceFile], skipped: list[tuple[str, str]]
) -> None:
    """Unpack an archive and add its files."""
    try:
        unpacked = unpack(path, Path(tempfile.mkdtemp(dir=unpack_into)))
    except Unreadable as reason:
        skipped.append((name, str(reason)))
        return
    skipped += [(f"{name}/{inner}".encode("utf-8", "replace").decode(), why) for inner, why in unpacked.left_out]
    for inner, file in _files(unpacked.folder, name, skipped):
        if _add(inner, file, found, skipped):
            skipped.append((inner, "an archive inside an archive; unpack it first"))


def _files(source: Path, base: str, skipped: list[tuple[str, str]]) -> Iterator[tuple[str, Path]]:
    """The files of a folder, each with its name for the user, which begins with `base`."""
    for folder, subfolders, names in os.walk(source):  # does not follow links, so there are no cycles
        subfolders[:] = sorted(name for name in subfolders if _is_searched(folder, name))
        for linked in [name for name in subfolders if Path(folder, name).is_symlink()]:
            skipped.append((f"{base}/{Path(folder, linked).relative_to(source).as_posix()}", "a link to a folder"))
        for name in sorted(names):
            if not name.startswith(".") and not _maildir_index(folder, name):
                path = Path(folder, name)
                shown = f"{base}/{path.relative_to(source).as_posix()}"
                if _leaves(path, source):
                    skipped.append((shown, "a link to a file elsewhere; give that file as a source, if it is yours"))
                else:
                    yield shown, path


def _leaves(path: Path, source: Path) -> bool:
    """Whether a link leads out of a folder: whoever made the folder could choose any file of whoever prepares it."""
    try:
        return path.is_symlink() and path.exists() and not is_inside(path, source)
    except OSError:  # a link to itself, which is reported when it is read
        return False


def _is_searched(folder: str, name: str) -> bool:
    """Whether to search a subfolder: hidden ones are skipped, except subfolders of a Maildir."""
    return not name.startswith(".") or (Path(folder, name) / "cur").is_dir()


def _maildir_index(folder: str, name: str) -> bool:
    """Whether a file is a mail server's index in a Maildir."""
    return (Path(folder) / "cur").is_dir() and name.startswith(("dovecot", "maildir", "courier", "subscriptions"))


def kind_of(path: Path) -> Found:
    """Detect the kind of a file or archive; raises Unreadable with the reason, as a phrase, if it cannot be used."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # reading a pipe could block forever
            raise Unreadable("not a plain file")
        head = read_file(path, HEAD)
    except OSError as error:
        raise Unreadable(f"the system says: {error.strerror}") from error
    if not head.strip():
        raise Unreadable("empty")
    if head.startswith(OLE):
        return _ole(path)
    if is_archive(head):
        return _zip(path) if head.startswith(b"PK") else "archive"
    if head.startswith(b"%PDF"):
        return "document"
    if FROM_LINE.match(head.lstrip(b"\r\n")):
        return "mbox"
    if _is_mail(head):
        return "mail"
    return _text(head, path.suffix.lower())


def _ole(path: Path) -> Kind:
    import olefile

    try:
        with olefile.OleFileIO(str(path)) as container:
            names = {"/".join(name) for name in container.listdir()}
    except Exception as error:  # the parser may raise anything for a damaged file
        raise Unreadable(f"a damaged Outlook or Office file ({type(error).__name__})") from error
    if "__properties_version1.0" in names:
        return "Outlook mail"
    if "EncryptedPackage" in names:
        raise Unreadable("protected by a password")
    raise Unreadable("an old Office file; save it as docx or xlsx")


def _zip(path: Path) -> Found:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            locked = any(entry.flag_bits & 1 for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise Unreadable("a damaged archive") from error
    if locked:
        raise Unreadable("protected by a password")
    if "word/document.xml" in names:
        return "document"
    if "xl/workbook.xml" in names:
        return "workbook"
    if "META-INF/container.xml" in names:
        return "document"
    if names & OFFICE:
        raise Unreadable("an office file of a kind that is not supported; save it as docx, xlsx or pdf")
    return "archive"


def _is_mail(head: bytes) -> bool:
    """Whether a file begins with mail headers; Apple's emlx has a line with a number before them."""
    number, _, rest = head.partition(b"\n")
    lines = (rest if number.strip().isdigit() else head).splitlines()
    known = 0
    for line in lines:
        if not line.strip():
            break
        if line[:1] in (b" ", b"\t"):
            continue
        header = HEADER.match(line)
        if not header:
            return False
        known += header[1].lower() in MAIL_HEADERS
    return known >= 2


def _text(head: bytes, suffix: str) -> Kind:
    try:
        text = head.decode(encoding_of(head), "replace")
    except Unreadable as reason:
        raise Unreadable("a binary file of a kind that is not supported") from reason
    if HTML.match(text):
        return "document"
    if ROWS.match(text):
        return "rows"
    lines = text.splitlines()
    complete = lines if len(head) < HEAD else lines[:-1]  # the last line may be incomplete
    if is_numbered(complete) or is_named(complete) or suffix in (".jsonl", ".ndjson", ".json", ".csv", ".tsv"):
        return "rows"
    if is_captions(complete):
        if not has_speakers(complete):
            raise Unreadable(NO_SPEAKERS)
        return "transcript"
    if is_transcript(complete[:TRANSCRIPT_LINES]):
        return "transcript"
    return "rows" if suffix not in TEXT_SUFFIXES and _is_table(complete[:TABLE_LINES]) else "document"


def _is_table(lines: list[str]) -> bool:
    """Whether lines are a table: a header of short names, and rows of as many cells."""
    for delimiter in ",\t;|":
        try:
            rows = [row for row in csv.reader(lines, delimiter=delimiter, strict=True) if row]
        except csv.Error:
            continue
        if len(rows) < 2 or len(rows[0]) < 2 or len({len(row) for row in rows}) > 1:
            continue
        header = [cell.strip() for cell in rows[0]]
        if all(header) and len(set(header)) == len(header) and all(len(c.split()) <= MAX_HEADER_WORDS for c in header):
            return True
    return False

"""Convert html, docx, epub, xlsx and pdf to text with markitdown, openpyxl and pdfminer; imported only on demand.

These parsers may raise anything for a damaged file; every failure becomes Unreadable with a reason.
"""

import io
import logging
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, time
from typing import Any

import mammoth
import openpyxl
from markitdown import StreamInfo
from markitdown.converter_utils.docx.pre_process import pre_process_docx
from markitdown.converters import EpubConverter, HtmlConverter
from pdfminer.high_level import extract_pages
from pdfminer.layout import LAParams
from pdfminer.pdfdocument import PDFEncryptionError, PDFPasswordIncorrect

from gradschool.data.encoding import Unreadable, check_length
from gradschool.data.html_pages import prepared
from gradschool.data.pdf import page_text

MAX_UNPACKED_BYTES = 200_000_000  # guards against zip bombs
MAX_ROWS = 1_048_576  # of one sheet; the limit of the format
STREAM = re.compile(rb"FlateDecode[^\0]{0,400}?stream\r?\n", re.DOTALL)  # a compressed stream of a pdf
METADATA = re.compile(r"\A(?:\*\*\w+:\*\* .*\n?)+")  # markitdown puts title, authors and so on first
DOCX_STYLES = "p.Title => h1:fresh\np[style-name='Title'] => h1:fresh"  # by the id of the style, and by its name
OLE_MAGIC = b"\xd0\xcf\x11\xe0"  # old Word files, and encrypted docx


def html_text(html: str) -> str:
    """Convert a web page to Markdown, without scripts and styles; its title is a heading if it has no other one."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # for deeply nested pages markitdown falls back to plain text and warns
            return _clean(HtmlConverter().convert_string(prepared(html)).markdown)
    except Exception as error:
        raise Unreadable(f"its html cannot be read ({_reason(error)}).") from error


def docx_text(content: bytes) -> str:
    """Convert a Word document to Markdown, with headings, lists and tables."""
    _check_archive(content, "docx", "an old .doc file")
    try:
        page = mammoth.convert_to_html(pre_process_docx(io.BytesIO(content)), style_map=DOCX_STYLES)
    except Exception as error:
        raise Unreadable(f"its docx cannot be read ({_reason(error)}).") from error
    return html_text(page.value)


def epub_text(content: bytes) -> str:
    """Convert a book to Markdown, with its chapters in order."""
    _check_archive(content, "epub", "not a book")
    try:
        converter = EpubConverter()  # type: ignore[no-untyped-call]
        text = converter.convert(io.BytesIO(content), StreamInfo(extension=".epub")).markdown
    except Exception as error:
        raise Unreadable(f"its epub cannot be read ({_reason(error)}).") from error
    return _clean(METADATA.sub("", text).lstrip())


def xlsx_sheets(content: bytes) -> Iterator[tuple[str, Iterator[tuple[str, ...]]]]:
    """The sheets of a workbook: title and rows of cells as text; formulas as their results, dates in ISO 8601."""
    _check_archive(content, "xlsx", "an old .xls file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl warns about styles and validations that it ignores
            book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheets = book.worksheets
    except Exception as error:
        raise Unreadable(f"its xlsx cannot be read ({_reason(error)}).") from error
    for sheet in sheets:
        yield sheet.title, _rows(sheet)


def _rows(sheet: Any) -> Iterator[tuple[str, ...]]:
    try:
        for row in sheet.iter_rows(values_only=True, max_row=MAX_ROWS):
            yield tuple("" if cell is None else _clean(_cell(cell)) for cell in row)
    except Exception as error:
        raise Unreadable(f"its sheet {sheet.title!r} cannot be read ({_reason(error)}).") from error


def _cell(cell: object) -> str:
    return cell.isoformat() if isinstance(cell, date | time) else str(cell)


def xlsx_text(content: bytes) -> str:
    """Convert a workbook to Markdown: a heading and a table per sheet."""
    parts = []
    length = 0
    for title, rows in xlsx_sheets(content):
        lines = []
        for row in rows:
            if any(map(str.strip, row)):
                lines.append("| " + " | ".join(cell.replace("\n", " ").strip() for cell in row) + " |")
                length += len(lines[-1])
            check_length(length)
        if lines:
            parts.append(f"## {title}\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def _check_archive(content: bytes, kind: str, otherwise: str) -> None:
    """Raise Unreadable if the content is not an archive, is encrypted, or unpacks to too many bytes."""
    if content.startswith(OLE_MAGIC):
        raise Unreadable(f"it is protected by a password, or {otherwise}; save it as a plain .{kind}.")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise Unreadable(f"it is damaged, or not a .{kind} file.") from error
    if any(entry.flag_bits & 1 for entry in entries):
        raise Unreadable("it is protected by a password; save a copy without one.")
    if sum(entry.file_size for entry in entries) > MAX_UNPACKED_BYTES:
        raise Unreadable(f"it unpacks to more than {MAX_UNPACKED_BYTES / 1e6:.0f} MB.")


def pdf_pages(content: bytes) -> Iterator[str]:
    """The text of each page of a pdf: its text boxes in reading order, separated by empty lines; tables as rows."""
    logging.getLogger("pdfminer").setLevel(logging.ERROR)  # it warns about every unusual colour space
    length = 0
    _check_streams(content)
    try:
        for page in extract_pages(io.BytesIO(content), laparams=LAParams()):
            text = _clean(page_text(page))
            length += len(text)
            check_length(length)
            yield text
    except (PDFPasswordIncorrect, PDFEncryptionError) as error:
        raise Unreadable("it is protected by a password; save a copy without one.") from error
    except Unreadable:
        raise
    except Exception as error:
        raise Unreadable(f"its pdf cannot be read ({_reason(error)}).") from error


def _check_streams(content: bytes) -> None:
    """Raise Unreadable if the compressed streams of a pdf unpack to too many bytes."""
    left = MAX_UNPACKED_BYTES
    for found in STREAM.finditer(content):
        unpacker = zlib.decompressobj()
        end = content.find(b"endstream", found.end())
        try:
            left -= len(unpacker.decompress(content[found.end() : end if end > 0 else None], left))
        except zlib.error:
            continue  # damaged: pdfminer will report it
        if left <= 0:
            raise Unreadable(f"it unpacks to more than {MAX_UNPACKED_BYTES / 1e6:.0f} MB.")


def _clean(text: str) -> str:
    """Normalize line ends, and remove zero bytes and lone surrogates, which files and indexes cannot store."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n").replace("\0", "")
    return text.encode("utf-8", "replace").decode("utf-8")


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200].splitlines()[0]

"""html, docx and pdf into text, by markitdown and the pdfminer it brings; imported only when such a file is met.

Parsers of other people's files raise anything; here every failure becomes Unreadable with a reason.
"""

import io
import logging
import warnings
import zipfile
from collections.abc import Iterator

from markitdown import StreamInfo
from markitdown.converters import DocxConverter, HtmlConverter
from pdfminer.high_level import extract_pages
from pdfminer.layout import LAParams, LTTextContainer
from pdfminer.pdfdocument import PDFEncryptionError, PDFPasswordIncorrect

from gradschool.ground.documents import MAX_TEXT, Unreadable

MAX_UNPACKED_BYTES = 200_000_000  # a docx is a zip file: a small one can unpack to a disk full
OLE_MAGIC = b"\xd0\xcf\x11\xe0"  # old Word files, and encrypted docx


def html_text(html: str) -> str:
    """A web page as Markdown; scripts and styles are left out."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # very deep pages: markitdown falls back to plain text and says so
            return _clean(HtmlConverter().convert_string(html).markdown)
    except Exception as error:
        raise Unreadable(f"its html cannot be read ({_reason(error)}).") from error


def docx_text(content: bytes) -> str:
    """A Word document as Markdown, with its headings, lists and tables."""
    if content.startswith(OLE_MAGIC):
        raise Unreadable("it is protected by a password, or an old .doc file; save it as a plain .docx.")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except zipfile.BadZipFile as error:
        raise Unreadable("it is damaged, or no .docx file.") from error
    if unpacked > MAX_UNPACKED_BYTES:
        raise Unreadable(f"it unpacks to more than {MAX_UNPACKED_BYTES / 1e6:.0f} MB.")
    try:
        converter = DocxConverter()  # type: ignore[no-untyped-call]
        return _clean(converter.convert(io.BytesIO(content), StreamInfo(extension=".docx")).markdown)
    except Exception as error:
        raise Unreadable(f"its docx cannot be read ({_reason(error)}).") from error


def pdf_pages(content: bytes) -> Iterator[str]:
    """The text of each page of a pdf, its boxes in reading order with an empty line between them."""
    logging.getLogger("pdfminer").setLevel(logging.ERROR)  # it remarks on every odd colour space
    length = 0
    try:
        for page in extract_pages(io.BytesIO(content), laparams=LAParams()):
            boxes = (box.get_text() for box in page if isinstance(box, LTTextContainer))
            text = _clean("\n\n".join(box.strip("\n") for box in boxes if box.strip()))
            length += len(text)
            if length > MAX_TEXT:
                raise Unreadable(f"its text is longer than {MAX_TEXT:,} characters; divide it into several files.")
            yield text
    except (PDFPasswordIncorrect, PDFEncryptionError) as error:
        raise Unreadable("it is protected by a password; save a copy without one.") from error
    except Unreadable:
        raise
    except Exception as error:
        raise Unreadable(f"its pdf cannot be read ({_reason(error)}).") from error


def _clean(text: str) -> str:
    """Line ends as everywhere, no zero bytes, no halves of characters: all that later files and indexes can hold."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n").replace("\0", "")
    return text.encode("utf-8", "replace").decode("utf-8")


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200].splitlines()[0]

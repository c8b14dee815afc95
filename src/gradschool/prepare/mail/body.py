"""The text of a mail as lines: which part is the text, its charset, and what is an attachment."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage, Message

from gradschool.data.encoding import Unreadable, repair
from gradschool.prepare.mail.html_lines import html_lines
from gradschool.prepare.mail.lines import Line, plain_lines
from gradschool.prepare.mail.mime import HEADER_ERRORS, decoded, header, undecoded

MAX_PARTS = 200  # parts of a mail; the rest is ignored
MAX_TEXT = 2_000_000  # characters of a mail's text


@dataclass(frozen=True, slots=True)
class Body:
    """The text of a mail as lines, with notes about its encoding."""

    lines: list[Line]
    notes: tuple[str, ...] = ()
    attachments: tuple[str, ...] = field(default=())


def body_of(message: Message) -> Body:
    """The lines of a mail's text; HTML is preferred, because its markup identifies quotes.

    Raises Unreadable if there is no text or it is encrypted.
    """
    plain: list[tuple[Message, str]] = []
    html: list[tuple[Message, str]] = []
    notes: list[str] = []
    attachments: list[str] = []
    for number, part in enumerate(_parts(message)):
        if number >= MAX_PARTS:
            notes.append(f"it has more than {MAX_PARTS} parts; the rest is ignored")
            break
        kind = part.get_content_type()
        if kind in ("multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"):
            raise Unreadable("it is encrypted")
        if kind == "text/calendar":
            raise Unreadable("it is an invitation, or an answer to one")
        if _is_attachment(part):
            attachments.append(_filename(part))
        elif kind == "text/plain":
            plain.append((part, _text(part, notes)))
        elif kind == "text/html":
            html.append((part, _text(part, notes)))
    if any(text.strip() for _, text in html):
        # In a mail of several parts, a mailing list may have added its footer as a part of its own.
        extra = [] if message.get_content_type() == "multipart/alternative" else _extra_plain(message, plain)
        return Body([line for _, text in html for line in html_lines(text)] + extra, tuple(notes), tuple(attachments))
    if any(text.strip() for _, text in plain):
        lines: list[Line] = []
        for part, text in plain:
            flowed = str(part.get_param("format", "")).lower() == "flowed"
            joined = str(part.get_param("delsp", "")).lower() == "yes"
            lines += plain_lines(text, flowed=flowed, delete_space=joined)
        return Body(lines, tuple(notes), tuple(attachments))
    raise Unreadable("it has no text" + (", only attachments" if attachments else ""))


def _extra_plain(message: Message, plain: list[tuple[Message, str]]) -> list[Line]:
    """Lines of plain text parts that are not alternatives to the HTML."""
    alternatives = {
        id(inner) for part in _parts(message) if part.get_content_type() == "multipart/alternative"
        for inner in _parts(part)
    }  # fmt: skip
    return [line for part, text in plain if id(part) not in alternatives for line in plain_lines(text)]


def _parts(message: Message) -> Iterator[Message]:
    """All parts, outermost first, without those of attached mails."""
    waiting = [message]
    seen = 0
    while waiting and seen <= MAX_PARTS + 1:
        part = waiting.pop(0)
        seen += 1
        yield part
        inner = part.get_payload() if part.is_multipart() else None
        if isinstance(inner, list) and part.get_content_maintype() == "multipart":
            waiting[:0] = [one for one in inner if isinstance(one, Message)]


def _is_attachment(part: Message) -> bool:
    if part.get_content_maintype() == "multipart":
        return False
    disposition = header(part, "content-disposition").lower()
    return disposition.startswith("attachment") or (
        part.get_content_type() not in ("text/plain", "text/html")
        or (bool(_filename(part)) and "inline" in disposition)
    )


def _filename(part: Message) -> str:
    try:
        return repair(part.get_filename() or "")[0]
    except HEADER_ERRORS:
        return ""


def _text(part: Message, notes: list[str]) -> str:
    """Decode the text of a part; an unknown or wrong charset is corrected and reported."""
    try:
        content = part.get_payload(decode=True)
        if isinstance(part, EmailMessage) and content is None:
            return ""
    except HEADER_ERRORS:
        content = undecoded(part)
        notes.append("its transfer encoding is invalid and was ignored")
    if not isinstance(content, bytes):
        return ""
    try:
        charset = (part.get_content_charset() or "").lower()
    except HEADER_ERRORS:
        charset = ""
    return _decode(content, charset, notes)[:MAX_TEXT].replace("\0", "")


def _decode(content: bytes, charset: str, notes: list[str]) -> str:
    # Valid UTF-8 beyond ASCII is UTF-8, even if the header names a Western 8-bit charset.
    small = charset in ("", "us-ascii", "ascii", "iso-8859-1", "latin-1", "iso-8859-15", "windows-1252", "cp1252")
    attempt = "utf-8" if small and not content.isascii() else (charset or "utf-8")
    if (text := decoded(content, attempt)) is not None:
        if attempt == "utf-8" and charset not in ("", "utf-8", "us-ascii"):
            notes.append(f"its header says {charset[:30]}, but it is UTF-8")
        return text
    if charset not in ("", "utf-8", "us-ascii", "ascii") and (text := decoded(content, charset)) is not None:
        return text
    text, wrong = repair(content.decode("utf-8", "surrogateescape"))
    if not wrong or charset not in ("", "us-ascii", "ascii"):
        read_as = "Windows-1252" if wrong else "UTF-8"
        notes.append(f"its charset {charset[:30]!r} is unknown or wrong; read as {read_as}")
    return text

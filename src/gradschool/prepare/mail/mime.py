"""One mail's bytes into what is needed of it: who wrote to whom and when, and the lines of its text."""

import email.utils
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header
from email.headerregistry import HeaderRegistry
from email.message import EmailMessage, Message
from functools import lru_cache

from gradschool.data.encoding import Unreadable, repair
from gradschool.prepare.mail.html_lines import html_lines
from gradschool.prepare.mail.lines import Line, plain_lines
from gradschool.prepare.mail.patterns import words

MAX_PARTS = 200  # parts of a mail that are looked at; nested forwards stay within it
MAX_TEXT = 2_000_000  # characters of a mail's text
ID = re.compile(r"<([^<>\s]{1,250})>")
ADDRESS = re.compile(r"[^\s<>,;:\"'()\[\]]+@[^\s<>,;:\"'()\[\]]+")
# What the standard library's parser raises over headers that no standard allows.
HEADER_ERRORS = (
    ValueError,
    IndexError,
    AttributeError,
    KeyError,
    TypeError,
    LookupError,
    RecursionError,
    AssertionError,
)
# A part is asked for its type a dozen times, and each time its header would be parsed anew.
POLICY = policy.default.clone(header_factory=lru_cache(maxsize=1_000)(HeaderRegistry()))
Person = tuple[str, str]  # name and address, as written; the address in lower case


@dataclass(frozen=True, slots=True)
class Head:
    """The headers of a mail, as far as they are needed; what is missing is empty.

    `date` is seconds since 1970, `noise` why this is nobody's own letter (an automatic reply, an invitation).
    """

    id: str = ""
    answers: tuple[str, ...] = ()  # ids of older mails, the one answered last
    sender: Person = ("", "")
    recipients: tuple[Person, ...] = ()
    date: float | None = None
    subject: str = ""
    noise: str = ""
    bulk: bool = False
    thread: str = ""

    @property
    def day(self) -> str:
        """The moment in ISO 8601, in UTC; empty where there is none."""
        return datetime.fromtimestamp(self.date, UTC).isoformat() if self.date is not None else ""


@dataclass(frozen=True, slots=True)
class Body:
    """The text of a mail as lines, and what was remarkable about its making."""

    lines: list[Line]
    remarks: tuple[str, ...] = ()
    attachments: tuple[str, ...] = field(default=())


def parse(content: bytes) -> Message:
    """Read a mail; raises Unreadable where it is nested too deeply to be read."""
    try:
        return message_from_bytes(content, policy=POLICY)
    except (*HEADER_ERRORS, UnicodeError) as error:
        raise Unreadable(f"its parts cannot be told apart ({type(error).__name__})") from error


def header(message: Message, name: str) -> str:
    """A header's text on one line; empty where it is missing or beyond reading."""
    raw = next((value for key, value in message.raw_items() if key.lower() == name), "")
    text = str(raw)
    if not text.isascii() or "=?" in text:  # only what is encoded is worth a parser's time
        try:
            text = str(message.get(name) or "")
        except HEADER_ERRORS:
            text = _raw_header(message, name)
    return " ".join(repair(text.replace("\0", ""))[0].split())


def _raw_header(message: Message, name: str) -> str:
    raw = next((value for key, value in message.raw_items() if key.lower() == name), "")
    try:
        parts = decode_header(str(raw))
        return "".join(
            part.decode(charset or "latin-1", "replace") if isinstance(part, bytes) else part for part, charset in parts
        )
    except HEADER_ERRORS:
        return str(raw)


def head_of(message: Message) -> Head:
    """What the headers of a mail say."""
    subject = header(message, "subject")
    ids = ID.findall(header(message, "message-id"))
    answered = ID.findall(header(message, "in-reply-to"))[:1]
    older = [one for one in ID.findall(header(message, "references")) if one not in answered]
    senders = _people(message, "from") or _people(message, "sender")
    return Head(
        id=ids[0] if ids else "",
        answers=(*older, *answered),
        sender=senders[0] if senders else ("", ""),
        recipients=tuple(person for name in ("to", "cc", "delivered-to") for person in _people(message, name)),
        date=_date(message),
        subject=subject,
        noise=_noise(message, subject),
        bulk=bool(message.get_all("list-unsubscribe")) or header(message, "precedence").lower() in ("bulk", "junk"),
        thread=header(message, "x-gm-thrid"),
    )


def _people(message: Message, name: str) -> list[Person]:
    found: list[tuple[str, str]] = []
    plain = header(message, name)
    raw = [str(value) for key, value in message.raw_items() if key.lower() == name]
    if any("=?" in value for value in raw):
        # Only the parser keeps a comma inside an encoded name apart from one between two people.
        try:
            values = message.get_all(name, [])
            found = [(one.display_name, one.addr_spec) for value in values for one in getattr(value, "addresses", ())]
        except HEADER_ERRORS:
            found = []
    if not any("@" in address for _, address in found):
        found = email.utils.getaddresses([" ".join(value.split()) for value in raw] if plain.isascii() else [plain])
    people = []
    for shown, address in found:
        inner = ADDRESS.search(address) or ADDRESS.search(shown)
        if inner:
            people.append((" ".join(repair(shown)[0].strip(" \"'").split()), repair(inner[0])[0].lower()))
    return people


def _date(message: Message) -> float | None:
    for value in (header(message, "date"), header(message, "received").rpartition(";")[2]):
        try:
            moment = email.utils.parsedate_to_datetime(value)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            seconds = moment.timestamp()
        except (*HEADER_ERRORS, OverflowError, OSError):
            continue
        if 0 < seconds < 4_000_000_000:  # from 1970 to 2096: what else stands there is a broken clock
            return seconds
    return None


def _noise(message: Message, subject: str) -> str:
    """Why a mail is nobody's own letter, or nothing."""
    known = words()
    automatic = header(message, "auto-submitted").lower()
    precedence = header(message, "precedence").lower()
    labels = {label.strip().lower() for label in header(message, "x-gmail-labels").split(",")}
    if labels & DRAFTS or header(message, "x-mozilla-draft-info"):
        return "a draft that was never sent"
    if labels & REFUSE:
        return "thrown away, or marked as spam"
    if (
        (automatic and not automatic.startswith("no"))
        or precedence in ("auto_reply", "auto-reply")
        or header(message, "x-autoreply")
        or header(message, "x-autorespond")
        or header(message, "return-path") == "<>"
        or known.automatic.match(subject)
    ):
        return "an automatic reply"
    if known.calendar.match(subject) or header(message, "content-class").endswith(":calendarmessage"):
        return "an invitation, or an answer to one"
    if message.get_content_type() == "multipart/report":
        return "a report about a delivery"
    return ""


DRAFTS = {"drafts", "draft", "entwürfe", "brouillons", "borradores", "bozze", "concepten"}
REFUSE = {"spam", "trash", "papierkorb", "corbeille", "papelera", "cestino", "prullenbak"}


def body_of(message: Message) -> Body:
    """The lines of a mail's own text; the HTML form is preferred, because it says itself what is quoted.

    Raises Unreadable where there is no text, or where it is encrypted.
    """
    plain: list[tuple[Message, str]] = []
    html: list[tuple[Message, str]] = []
    remarks: list[str] = []
    attachments: list[str] = []
    for number, part in enumerate(_parts(message)):
        if number >= MAX_PARTS:
            remarks.append(f"it has more than {MAX_PARTS} parts; the rest is not looked at")
            break
        kind = part.get_content_type()
        if kind in ("multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"):
            raise Unreadable("it is encrypted")
        if kind == "text/calendar":
            raise Unreadable("it is an invitation, or an answer to one")
        if _is_attachment(part):
            attachments.append(_filename(part))
        elif kind == "text/plain":
            plain.append((part, _text(part, remarks)))
        elif kind == "text/html":
            html.append((part, _text(part, remarks)))
    if any(text.strip() for _, text in html):
        # Where a mail has a text of several parts, a footer that a list adds stands in a part of its own.
        extra = [] if message.get_content_type() == "multipart/alternative" else _beside(message, plain)
        return Body([line for _, text in html for line in html_lines(text)] + extra, tuple(remarks), tuple(attachments))
    if any(text.strip() for _, text in plain):
        lines: list[Line] = []
        for part, text in plain:
            flowed = str(part.get_param("format", "")).lower() == "flowed"
            joined = str(part.get_param("delsp", "")).lower() == "yes"
            lines += plain_lines(text, flowed=flowed, delete_space=joined)
        return Body(lines, tuple(remarks), tuple(attachments))
    raise Unreadable("it holds no text" + (", only attachments" if attachments else ""))


def _beside(message: Message, plain: list[tuple[Message, str]]) -> list[Line]:
    """Plain text that stands beside the HTML rather than for it."""
    alternatives = {
        id(inner) for part in _parts(message) if part.get_content_type() == "multipart/alternative"
        for inner in _parts(part)
    }  # fmt: skip
    return [line for part, text in plain if id(part) not in alternatives for line in plain_lines(text)]


def _parts(message: Message) -> Iterator[Message]:
    """All parts, outermost first, but not those of mails that are attached whole."""
    waiting = [message]
    seen = 0
    while waiting and seen <= MAX_PARTS + 1:
        part = waiting.pop(0)
        seen += 1
        yield part
        inner = part.get_payload()
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


def _text(part: Message, remarks: list[str]) -> str:
    """A part's text; a charset that is unknown or wrong is replaced by what the bytes are, and told."""
    try:
        content = part.get_payload(decode=True)
        if isinstance(part, EmailMessage) and content is None:
            return ""
    except HEADER_ERRORS:
        content = str(part.get_payload()).encode("utf-8", "surrogateescape")
        remarks.append("its transfer encoding is broken; read as it stands")
    if not isinstance(content, bytes):
        return ""
    try:
        charset = (part.get_content_charset() or "").lower()
    except HEADER_ERRORS:
        charset = ""
    return _decode(content, charset, remarks)[:MAX_TEXT].replace("\0", "")


def _decode(content: bytes, charset: str, remarks: list[str]) -> str:
    # Bytes beyond ASCII that are whole UTF-8 are UTF-8, whatever one of the small Western charsets claims.
    small = charset in ("", "us-ascii", "ascii", "iso-8859-1", "latin-1", "iso-8859-15", "windows-1252", "cp1252")
    for attempt in ("utf-8",) if small and not content.isascii() else (charset or "utf-8",):
        try:
            text = content.decode(attempt)
        except (LookupError, UnicodeError):
            continue
        if attempt == "utf-8" and charset not in ("", "utf-8", "us-ascii"):
            remarks.append(f"its charset says {charset[:30]}, but it is UTF-8")
        return text
    if charset and charset not in ("utf-8", "us-ascii", "ascii"):
        try:
            return content.decode(charset)
        except (LookupError, UnicodeError):
            pass
    text, wrong = repair(content.decode("utf-8", "surrogateescape"))
    if not wrong or charset not in ("", "us-ascii", "ascii"):
        read_as = "Windows-1252" if wrong else "UTF-8"
        remarks.append(f"its charset {charset[:30]!r} is unknown or wrong; read as {read_as}")
    return text

"""The headers of a mail: who wrote to whom and when, which mails it answers, and whether a program sent it."""

import email.utils
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message

from gradschool.data.encoding import repair
from gradschool.prepare.mail.mime import HEADER_ERRORS, header
from gradschool.prepare.mail.patterns import patterns

ID = re.compile(r"<([^<>\s]{1,250})>")
ADDRESS = re.compile(r"[^\s<>,;:\"'()\[\]]+@[^\s<>,;:\"'()\[\]]+")
DRAFTS = {"drafts", "draft", "entwürfe", "brouillons", "borradores", "bozze", "concepten"}
DISCARDED = {"spam", "trash", "papierkorb", "corbeille", "papelera", "cestino", "prullenbak"}
Person = tuple[str, str]  # name, and address in lower case


@dataclass(frozen=True, slots=True)
class Head:
    """The relevant headers of a mail; missing ones are empty.

    `date` is in seconds since 1970; `noise` is the reason if it is not a personal mail (an automatic reply, an
    invitation).
    """

    id: str = ""
    answers: tuple[str, ...] = ()  # ids of older mails; the answered one is last
    sender: Person = ("", "")
    recipients: tuple[Person, ...] = ()
    date: float | None = None
    subject: str = ""
    noise: str = ""
    bulk: bool = False
    thread: str = ""

    @property
    def day(self) -> str:
        """The date in ISO 8601, in UTC; empty if there is none."""
        return datetime.fromtimestamp(self.date, UTC).isoformat() if self.date is not None else ""


def head_of(message: Message) -> Head:
    """Read the headers of a mail."""
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
        # Only the parser distinguishes a comma in an encoded name from a separator.
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
        if 0 < seconds < 4_000_000_000:  # from 1970 to 2096; anything else is a wrong clock
            return seconds
    return None


def _noise(message: Message, subject: str) -> str:
    """Why a mail is not personal; empty if it is."""
    known = patterns()
    automatic = header(message, "auto-submitted").lower()
    precedence = header(message, "precedence").lower()
    labels = {label.strip().lower() for label in header(message, "x-gmail-labels").split(",")}
    if labels & DRAFTS or header(message, "x-mozilla-draft-info"):
        return "a draft that was never sent"
    if labels & DISCARDED:
        return "deleted, or marked as spam"
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
        return "a delivery report"
    return ""

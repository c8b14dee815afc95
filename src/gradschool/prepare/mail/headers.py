"""The headers of a mail: who wrote to whom and when, which mails it answers, and whether a program sent it."""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime

from gradschool.data.encoding import repair
from gradschool.prepare.mail.labels import label_noise
from gradschool.prepare.mail.lists import list_addresses, looks_like_list
from gradschool.prepare.mail.mime import HEADER_ERRORS, addresses, header
from gradschool.prepare.mail.patterns import patterns

ID = re.compile(r"<([^<>\s]{1,250})>")
ADDRESS = re.compile(r"(?<![^\s<>,;:\"'()\[\]])[^\s<>,;:\"'()\[\]]+@[^\s<>,;:\"'()\[\]]+")
VIA = re.compile(
    r"(?:['\"]|(?<![\s'\"]))\s+(?:via|on behalf of|im Auftrag von|de la part de)\s.*$", re.IGNORECASE
)  # a list or a program
RECIPIENTS = ("to", "cc", "bcc", "delivered-to")
OTHERS = (
    "x-original-from",
    "reply-to",
    "mail-reply-to",
    "sender",
    "x-original-to",
    "resent-from",
    "resent-to",
    "resent-cc",
)
Person = tuple[str, str]  # name, and address in lower case


@dataclass(frozen=True, slots=True)
class Head:
    """The relevant headers of a mail; missing ones are empty.

    `others` are the people of further headers (Reply-To, Sender), the writer of a mail that a list sent on first.
    `lists` are addresses of mailing lists. `date` is in seconds since 1970; `noise` is the reason if it is not a
    personal mail (an automatic reply, an invitation).
    """

    id: str = ""
    answers: tuple[str, ...] = ()  # ids of older mails; the answered one is last
    sender: Person = ("", "")
    recipients: tuple[Person, ...] = ()
    others: tuple[Person, ...] = ()
    lists: frozenset[str] = frozenset()
    date: float | None = None
    subject: str = ""
    noise: str = ""
    bulk: bool = False
    thread: str = ""

    @property
    def day(self) -> str:
        """The date in ISO 8601, in UTC; empty if there is none."""
        return datetime.fromtimestamp(self.date, UTC).isoformat() if self.date is not None else ""

    @property
    def people(self) -> tuple[Person, ...]:
        """Everybody whom a header names."""
        return (self.sender, *self.recipients, *self.others)

    def without_lists(self, known: Collection[str]) -> "Head":
        """The headers with people only: the known lists are in `lists`, and who wrote through one is the sender."""
        lists = frozenset(address for _, address in self.people if address in known or looks_like_list(address))
        if not lists:
            return self
        people = tuple(person for person in self.others if person[1] not in lists)
        sender = self.sender
        if sender[1] in lists:
            sender = (sender[0], people[0][1] if people else "")
        recipients = tuple(person for person in self.recipients if person[1] not in lists)
        return replace(self, sender=sender, recipients=recipients, others=people, lists=self.lists | lists)


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
        recipients=tuple(person for name in RECIPIENTS for person in _people(message, name)),
        others=tuple(dict.fromkeys(person for name in OTHERS for person in _people(message, name))),
        lists=list_addresses(message),
        date=_date(message),
        subject=subject,
        noise=_noise(message, subject),
        bulk=bool(message.get_all("list-unsubscribe")) or header(message, "precedence").lower() in ("bulk", "junk"),
        thread=header(message, "x-gm-thrid"),
    )


def _people(message: Message, name: str) -> list[Person]:
    found: list[tuple[str, str]] = []
    raw = [str(value) for key, value in message.raw_items() if key.lower() == name]
    if not raw:
        return []
    plain = header(message, name)
    if any("=?" in value for value in raw):
        # Only the parser distinguishes a comma in an encoded name from a separator.
        try:
            values = message.get_all(name, [])
            found = [(one.display_name, one.addr_spec) for value in values for one in getattr(value, "addresses", ())]
        except HEADER_ERRORS:
            found = []
    if not any("@" in address for _, address in found):
        found = addresses([" ".join(value.split()) for value in raw] if plain.isascii() else [plain])
    if not found and plain:
        found = [("", address) for address in ADDRESS.findall(plain)]
    people = []
    for shown, address in found:
        inner = ADDRESS.search(address) or ADDRESS.search(shown)
        if inner:
            name = VIA.sub("", " ".join(repair(shown)[0].split()))
            people.append((name.strip(" \"'"), repair(inner[0])[0].lower()))
    return people


def _date(message: Message) -> float | None:
    for value in (header(message, "date"), header(message, "received").rpartition(";")[2]):
        try:
            moment = parsedate_to_datetime(value)
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
    if unsent := label_noise(message):
        return unsent
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

"""Read Outlook msg files as mails, from the properties of their compound file, with olefile.

Source: [MS-OXMSG] and, for the property numbers, [MS-OXPROPS].
"""

import re
from datetime import UTC, datetime, timedelta
from email import message_from_string, policy
from email.message import EmailMessage, Message
from email.utils import format_datetime, formataddr
from pathlib import Path
from typing import Any

import olefile

from gradschool.data.encoding import Unreadable, repair

SUBJECT, BODY, HTML, HEADERS = "0037", "1000", "1013", "007D"
SENDER_NAME, SENDER_ADDRESS, SENDER_SMTP, DISPLAY_TO = "0C1A", "0C1F", "5D01", "0E04"
MESSAGE_ID, ANSWERS, REFERENCES, CLASS = "1035", "1042", "1039", "001A"
SENT_AT, DELIVERED_AT = 0x0039, 0x0E06
RECIPIENT_NAME, RECIPIENT_SMTP, RECIPIENT_ADDRESS = "3001", "39FE", "3003"
MAX_STREAM = 16 << 20  # bytes of one property
MAX_RECIPIENTS = 200


def outlook_mail(path: Path) -> Message:
    """Read a msg file as a mail; raises Unreadable if it is damaged or has its text only as RTF."""
    try:
        with olefile.OleFileIO(str(path)) as container:
            return _mail(container)
    except Unreadable:
        raise
    except Exception as error:  # the parser may raise anything for a damaged file
        raise Unreadable(f"a damaged msg file ({type(error).__name__})") from error


def _mail(container: Any) -> Message:
    message = EmailMessage(policy=policy.default)
    # A received mail has its original headers; a sent one has none.
    given = message_from_string(_text(container, HEADERS), policy=policy.compat32)
    for name in ("Message-ID", "In-Reply-To", "References", "From", "To", "Cc", "Date", "Auto-Submitted", "Precedence"):
        if value := given.get(name):
            _put(message, name, str(value))
    sender = (_text(container, SENDER_NAME), _text(container, SENDER_SMTP) or _text(container, SENDER_ADDRESS))
    _put(message, "From", formataddr(sender) if "@" in sender[1] else "")
    _put(message, "To", ", ".join(_recipients(container)) or _text(container, DISPLAY_TO))
    _put(message, "Subject", _text(container, SUBJECT))
    _put(message, "Message-ID", _text(container, MESSAGE_ID))
    _put(message, "In-Reply-To", _text(container, ANSWERS))
    _put(message, "References", _text(container, REFERENCES))
    if moment := _moment(container):
        _put(message, "Date", format_datetime(moment))
    if _text(container, CLASS).startswith(("IPM.Schedule", "IPM.Appointment", "REPORT.")):
        _put(message, "Content-Class", "urn:content-classes:calendarmessage")
    html = _bytes(container, HTML) or _text(container, HTML).encode()
    plain = _text(container, BODY)
    if html.strip():
        message.set_content(repair(html.decode("utf-8", "surrogateescape"))[0], subtype="html")
    elif plain.strip():
        message.set_content(plain)
    elif container.exists("__substg1.0_10090102"):
        raise Unreadable("its text is only RTF; save it as eml")
    return message


def _put(message: EmailMessage, name: str, value: str) -> None:
    value = " ".join(repair(value)[0].split())
    if value and name not in message:
        try:
            message[name] = value
        except (ValueError, IndexError, AttributeError, TypeError):  # invalid headers
            return


def _recipients(container: Any) -> list[str]:
    folders = sorted({entry[0] for entry in container.listdir() if entry[0].startswith("__recip_version1.0")})
    people = []
    for folder in folders[:MAX_RECIPIENTS]:
        address = _text(container, RECIPIENT_SMTP, folder) or _text(container, RECIPIENT_ADDRESS, folder)
        if "@" in address:
            people.append(formataddr((_text(container, RECIPIENT_NAME, folder), address)))
    return people


def _bytes(container: Any, number: str, folder: str = "", form: str = "0102") -> bytes:
    name = f"{folder}/__substg1.0_{number}{form}".lstrip("/")
    if not container.exists(name):
        return b""
    with container.openstream(name) as stream:
        content = stream.read(MAX_STREAM)
    return content if isinstance(content, bytes) else b""


def _text(container: Any, number: str, folder: str = "") -> str:
    if content := _bytes(container, number, folder, "001F"):
        text = content.decode("utf-16-le", "replace")
    else:
        text = _bytes(container, number, folder, "001E").decode("cp1252", "replace")
    return re.sub(r"[\0\x01-\x08]", "", text)


def _moment(container: Any) -> datetime | None:
    """The time of sending, from the table of fixed-length properties; 100 ns units since 1601."""
    name = "__properties_version1.0"
    if not container.exists(name):
        return None
    with container.openstream(name) as stream:
        table = stream.read(MAX_STREAM)
    for property_ in (SENT_AT, DELIVERED_AT):
        for at in range(32, len(table) - 15, 16):
            kind, number = (
                int.from_bytes(table[at : at + 2], "little"),
                int.from_bytes(table[at + 2 : at + 4], "little"),
            )
            if number == property_ and kind == 0x0040:
                ticks = int.from_bytes(table[at + 8 : at + 16], "little")
                try:
                    return datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=ticks // 10)
                except OverflowError:
                    return None
    return None

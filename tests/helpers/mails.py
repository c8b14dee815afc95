"""Small mails and mailboxes made in the tests."""

from datetime import UTC, datetime
from email.utils import format_datetime

ANNA = "Anna Keller <anna@example.org>"
TOM = "Tom Reed <tom@example.net>"


def mail(
    text: str,
    sender: str = ANNA,
    to: str = TOM,
    subject: str = "the boat",
    id_: str = "",
    answers: str = "",
    day: int = 1,
    **more: str,
) -> bytes:
    """A plain mail; further headers by name with _ for -."""
    headers = {
        "From": sender,
        "To": to,
        "Subject": subject,
        "Date": format_datetime(datetime(2020, 1 + (day - 1) // 28, (day - 1) % 28 + 1, 9, tzinfo=UTC)),
        "Message-ID": f"<{id_}>" if id_ else "",
        "In-Reply-To": f"<{answers}>" if answers else "",
        "Content-Type": "text/plain; charset=utf-8",
    } | {name.replace("_", "-"): value for name, value in more.items()}
    return ("".join(f"{name}: {value}\n" for name, value in headers.items() if value) + f"\n{text}\n").encode()


def mbox(*mails: bytes) -> bytes:
    """A mailbox as programs write it: a From line before each mail, escaped ones inside, an empty line behind."""
    parts = []
    for content in mails:
        escaped = content.replace(b"\nFrom ", b"\n>From ")
        parts.append(
            b"From x@example.org Mon Jan  6 09:00:00 2020\n" + escaped + (b"" if escaped.endswith(b"\n") else b"\n")
        )
    return b"\n".join(parts) + b"\n"

"""One mail's bytes into what is needed of it: who wrote to whom and when, and the lines of its text."""

from email import message_from_bytes, policy
from email.header import decode_header
from email.headerregistry import HeaderRegistry
from email.message import Message
from functools import lru_cache

from gradschool.data.encoding import Unreadable, repair

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

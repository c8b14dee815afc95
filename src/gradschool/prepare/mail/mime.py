"""Parse the bytes of a mail, and read its headers whatever their defects."""

from email import message_from_bytes, policy
from email.header import decode_header
from email.headerregistry import HeaderRegistry
from email.message import Message
from functools import lru_cache

from gradschool.data.encoding import Unreadable, repair

# Exceptions of the standard library's parser for invalid headers.
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
# The cache matters: each access to the type of a part parses its header again.
POLICY = policy.default.clone(header_factory=lru_cache(maxsize=1_000)(HeaderRegistry()))


def parse(content: bytes) -> Message:
    """Parse a mail; raises Unreadable if it is malformed or nested too deeply."""
    try:
        return message_from_bytes(content, policy=POLICY)
    except (*HEADER_ERRORS, UnicodeError) as error:
        raise Unreadable(f"its structure cannot be parsed ({type(error).__name__})") from error


def header(message: Message, name: str) -> str:
    """The text of a header on one line; empty if it is missing."""
    raw = next((value for key, value in message.raw_items() if key.lower() == name), "")
    text = str(raw)
    if not text.isascii() or "=?" in text:  # parsing is slow, so only encoded headers are parsed
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

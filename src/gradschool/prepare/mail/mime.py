"""Parse the bytes of a mail, and read its headers whatever their defects."""

import codecs
import email.utils
import itertools
import re
from email import message_from_bytes
from email.header import decode_header
from email.headerregistry import HeaderRegistry
from email.message import Message
from email.policy import EmailPolicy
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
# Text encodings that mail programs write; Python has others, such as `undefined`, which are none or run forever.
CHARSETS = re.compile(
    r"ascii|utf-(?:7|8|16|32)(?:-[lb]e)?|utf-8-sig|iso8859-\d+|cp\d+|mac-\w+|koi8-[rtu]|gb\w+|hz|big5\w*|euc_\w+"
    r"|iso2022_\w+|shift_jis\w*|johab|tis-620|kz1048|ptcp154|hp-roman8"
)
MAX_HEADER = 50_000  # characters of one header; parsing takes much longer than linear time


class _Policy(EmailPolicy):
    """The library's policy, with headers of bounded length."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        """Name and value of a header, without what is too long."""
        name, value = super().header_source_parse(_bounded(sourcelines))
        return name, value[:MAX_HEADER]


def _bounded(lines: list[str]) -> list[str]:
    total = itertools.accumulate(map(len, lines))
    return [line[:MAX_HEADER] for line, end in zip(lines, total, strict=True) if end - len(line) < MAX_HEADER]


# The cache matters: each access to the type of a part parses its header again.
POLICY = _Policy(header_factory=lru_cache(maxsize=1_000)(HeaderRegistry()))


def parse(content: bytes) -> Message:
    """Parse a mail; raises Unreadable if it is malformed or nested too deeply."""
    try:
        return message_from_bytes(content, policy=POLICY)
    except (*HEADER_ERRORS, UnicodeError) as error:
        raise Unreadable(f"its structure cannot be parsed ({type(error).__name__})") from error


def header(message: Message, name: str) -> str:
    """The text of a header on one line; empty if it is missing."""
    raw = next((value for key, value in message.raw_items() if key.lower() == name), "")
    return _header_text(raw)


def headers(message: Message, name: str) -> list[str]:
    """The texts of all headers of a name, each on one line."""
    return [_header_text(value) for key, value in message.raw_items() if key.lower() == name]


def _header_text(raw: object) -> str:
    text = str(raw)
    if not text.isascii() or "=?" in text:  # parsing is slow, so only encoded headers are parsed
        try:
            text = str(POLICY.header_fetch_parse("subject", text))
        except HEADER_ERRORS:
            text = "\ufffd"
        if "\ufffd" in text:  # a character may be divided between two encoded words
            text = _decoded_words(str(raw))
    return " ".join(repair(text.replace("\0", ""))[0].split())


def _decoded_words(raw: str) -> str:
    try:
        parts = decode_header(raw)
        return "".join(
            (decoded(part, charset or "latin-1") or "") if isinstance(part, bytes) else part for part, charset in parts
        )
    except HEADER_ERRORS:
        return raw


def decoded(content: bytes, charset: str) -> str | None:
    """Bytes as text; None if they are not in that charset, or if there is none of that name."""
    try:
        known = CHARSETS.fullmatch(codecs.lookup(charset).name)
        return content.decode(charset) if known else None
    except (LookupError, ValueError):  # ValueError: a name with a null character
        return None


def undecoded(part: Message) -> bytes:
    """The content of a part as it is written, whatever its headers say about its encoding."""
    try:
        return str(part.get_payload()).encode("utf-8", "surrogateescape")
    except (*HEADER_ERRORS, UnicodeError):
        return b""


def addresses(values: list[str]) -> list[tuple[str, str]]:
    """The (name, address) pairs of raw headers; none if the parser gives up, as it does on deeply nested comments."""
    try:
        return email.utils.getaddresses(values)
    except HEADER_ERRORS:
        return []

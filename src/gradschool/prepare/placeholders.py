"""Placeholders for private values: the key of a value in review.jsonl, and a made-up value of the same kind."""

import hashlib
import re

from gradschool.data.private import PrivateKind

IP_NETWORKS = ("192.0.2", "198.51.100", "203.0.113")  # reserved for documentation, RFC 5737
HOSTS = 254  # of each
FORMS: dict[PrivateKind, str] = {
    "bank account": "XX00 0000 0000 {0:04} {1:04}",
    "card number": "0000 0000 {0:04} {1:04}",
    "national id": "ID-{0:04}{1:04}",
    "key or token": "KEY-{0:04}{1:04}",
}


def key_of(kind: PrivateKind, value: str) -> str:
    """The key of a private value in review.jsonl, the same for every spelling of it."""
    return "private-" + hashlib.sha256(f"{kind}\0{normalized(kind, value)}".encode()).hexdigest()[:12]


def normalized(kind: PrivateKind, value: str) -> str:
    """A private value without differences of spelling.

    >>> normalized("phone number", "(020) 7946-0112")
    '02079460112'
    """
    if kind in ("phone number", "card number"):
        return re.sub(r"[^\d+]", "", value)
    if kind in ("bank account", "national id"):
        return re.sub(r"[\s.-]", "", value).upper()
    return " ".join(value.casefold().split())


def made_up(kind: PrivateKind, number: int) -> str:
    """The placeholder with that number: from a range reserved for documentation, or of a form that is never valid.

    >>> made_up("phone number", 7)
    '+1 201 555 0107'
    """
    if kind == "phone number":
        return f"+1 {201 + number // 100} 555 0{100 + number % 100}"
    if kind == "IP address":
        reserved = number < len(IP_NETWORKS) * HOSTS
        return f"{IP_NETWORKS[number // HOSTS]}.{number % HOSTS + 1}" if reserved else f"2001:db8::{number:x}"
    if kind in FORMS:
        return FORMS[kind].format((number + 1) // 10_000, (number + 1) % 10_000)
    return f"{number + 1} Example Street"

"""Mailing lists: the addresses that are lists rather than people, from headers or by their form."""

import re
from email.message import Message

from gradschool.prepare.mail.mime import headers

HEADERS = ("list-post", "x-beenthere", "x-mailing-list", "mailing-list", "x-list-address")
DELIVERED = re.compile(r"mailing list\b", re.IGNORECASE)  # ezmlm's Delivered-To
ADDRESS = re.compile(r"(?<![^\s<>,;:\"'()\[\]/])[^\s<>,;:\"'()\[\]/]+@[^\s<>,;:\"'()\[\]/]+")
LIST_ID = re.compile(r"<([^<>\s@.]{1,80})\.([^<>\s@]{3,120})>\s*$")
# Lists by the form of their address: names of list servers, and parts of local names that people do not have.
SERVER = re.compile(
    r"(?:^|\.)(?:lists?|listserv|listen|listes|listas|liste|mailman|groups|mailinglists?|ml)\."
    r"|(?:google|yahoo|live)groups\.|(?:^|\.)(?:groups\.io|freelists\.org)$"
)
LOCAL = re.compile(
    r"(?:^list-|.{5}-l$|[-_.](?:list|liste|lista|users|dev|devel|announce|discuss|talk|general|members)$)"
    r"|^(?:all|everyone|everybody|staff|members|alle|tous|todos|tutti|allen|undisclosed[-.]recipients)$"
)


def list_addresses(message: Message) -> frozenset[str]:
    """The addresses that a mail's headers say are lists (RFC 2369 and 2919, and older headers)."""
    found = [text for name in HEADERS for text in headers(message, name)]
    found += [text for text in headers(message, "delivered-to") if DELIVERED.match(text)]
    addresses = {match.lower() for text in found for match in ADDRESS.findall(text.replace("mailto:", ""))}
    for text in headers(message, "list-id"):
        if name := LIST_ID.search(text):
            addresses.add(f"{name[1]}@{name[2]}".lower())
    return frozenset(addresses)


def looks_like_list(address: str) -> bool:
    """Whether an address has the form of a list's.

    >>> looks_like_list("sailors@lists.example.org"), looks_like_list("sam@example.org")
    (True, False)
    """
    local, _, domain = address.lower().rpartition("@")
    return bool(SERVER.search(domain) or LOCAL.search(local))

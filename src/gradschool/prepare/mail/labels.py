"""Mails that were never sent or are not mails, by the labels and status flags that mail programs write in headers."""

import re
import tomllib
import unicodedata
from email.message import Message
from functools import lru_cache
from pathlib import Path

from gradschool.prepare.mail.mime import headers

REASONS = {
    "drafts": "a draft that was never sent",
    "chat": "a chat message, no letter",
    "spam": "deleted, or marked as spam",
    "bin": "deleted, or marked as spam",
}
LABELS = ("x-gmail-labels", "x-gm-labels")
LABEL = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,"]+)')
SYSTEM = re.compile(r"\[(?:gmail|google mail)\]/|\\+")  # how IMAP writes system labels
JOINERS = re.compile(r"[\u200b-\u200f\u00ad\ufeff]")
IMAP_NAMES = {"draft": "drafts", "trash": "bin", "deleted": "bin", "junk": "spam"}  # after a backslash
EXPUNGED = 0x0008  # of X-Mozilla-Status


@lru_cache(maxsize=1)
def system_labels() -> dict[str, str]:
    """The kind of each system label, by its normalized name."""
    with (Path(__file__).parent / "labels.toml").open("rb") as file:
        read = tomllib.load(file)
    return IMAP_NAMES | {_normalized(name): kind for kind, names in read.items() for name in names}


def label_noise(message: Message) -> str:
    """Why the labels or flags of a mail say that it is not a letter; empty if they do not."""
    found = set()
    for text in (value for name in LABELS for value in headers(message, name)):
        for quoted, bare in LABEL.findall(text):
            found.add(system_labels().get(SYSTEM.sub("", _normalized(quoted or bare), count=1), ""))
    if _flagged_draft(message):
        found.add("drafts")
    if _flagged_deleted(message):
        found.add("bin")
    return next((reason for kind, reason in REASONS.items() if kind in found), "")


def _flagged_draft(message: Message) -> bool:
    """Whether Thunderbird, Apple Mail, mutt or pine says that a mail is a draft."""
    draft = any(headers(message, "x-mozilla-draft-info")) or "T" in "".join(headers(message, "x-status"))
    return draft or any("mail-draft" in value for value in headers(message, "x-uniform-type-identifier"))


def _flagged_deleted(message: Message) -> bool:
    try:
        mozilla = int("".join(headers(message, "x-mozilla-status")[:1]) or "0", 16)
    except ValueError:
        mozilla = 0
    return bool(mozilla & EXPUNGED) or "D" in "".join(headers(message, "x-status"))


def _normalized(name: str) -> str:
    text = JOINERS.sub("", unicodedata.normalize("NFC", name)).casefold().replace("’", "'")
    return " ".join(text.split())

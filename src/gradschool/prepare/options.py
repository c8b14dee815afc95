"""The options of a preparation."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from gradschool.data.private import PrivateKind
from gradschool.errors import UsageError, nearest
from gradschool.model.engine import Engine
from gradschool.settings import Data, Purpose

Mode = Literal["pseudonyms", "drop", "keep"]
SHORT: dict[str, PrivateKind] = {  # names of the kinds on the command line
    "key": "key or token",
    "email": "e-mail address",
    "account": "bank account",
    "card": "card number",
    "id": "national id",
    "ip": "IP address",
    "phone": "phone number",
    "address": "postal address",
    "name": "name",
}


@dataclass(frozen=True, slots=True)
class PrepareOptions:
    """The purpose, and what the user says about the sources; empty values are detected.

    `authors` are mail addresses of the author, `agents` names or roles of those who speak for the persona; `writer` is
    an engine that writes instructions for texts that are not replies; `others` are files and folders with texts of
    other authors.
    """

    purpose: Purpose
    authors: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    private: dict[PrivateKind, Mode] = field(default_factory=lambda: private_modes(""))
    columns: Data = field(default_factory=lambda: Data())
    text_column: str = ""
    date_column: str = ""
    guidelines: Path | None = None
    writer: Engine | None = None
    others: tuple[Path, ...] = ()
    pass_mark: float | None = None


def private_modes(text: str) -> dict[PrivateKind, Mode]:
    """Parse the treatment of each kind of private data: "keep", or "pseudonyms,key=drop,name=keep"."""
    modes: dict[PrivateKind, Mode] = dict.fromkeys(get_args(PrivateKind), "pseudonyms")
    for part in filter(None, (part.strip() for part in text.split(","))):
        kind, found, mode = part.partition("=")
        mode = mode if found else kind
        if mode not in get_args(Mode):
            raise UsageError(
                f"--private {text!r}: {mode!r} is not a treatment of private data.",
                "Private data is replaced by pseudonyms, or kept, or the examples with it are dropped.",
                nearest(mode, get_args(Mode)) + ".",
            )
        if found and kind not in SHORT:
            raise UsageError(
                f"--private {text!r}: {kind!r} is not a kind of private data.",
                f"Kinds are {', '.join(SHORT)}.",
                nearest(kind, SHORT) + ".",
            )
        for one in [SHORT[kind]] if found else list(modes):
            modes[one] = mode  # type: ignore[assignment]
    return modes

"""Names of files and folders that others wrote: those that no system can look up are refused before they are used."""

import os
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import AfterValidator

from gradschool.errors import UsageError

MAX_PATH, MAX_PART = 4_000, 255  # bytes, of a path and of each name in it
SERVER = ("http://", "https://")
SHOWN = 60  # characters on each side of one that is not in UTF-8


def checked(name: str) -> str:
    """The name itself; raises ValueError if it cannot name anything on a disk.

    The address of a server may be in place of a folder, and has no parts.
    """
    try:
        encoded = os.fsencode(name)
    except UnicodeEncodeError as error:
        raise ValueError("it holds half of a character (a lone surrogate), which no name of a file has") from error
    if b"\0" in encoded:
        raise ValueError("it holds a NUL character, which no name of a file has")
    longest = max(map(len, encoded.replace(b"\\", b"/").split(b"/")))
    if len(encoded) > MAX_PATH or (longest > MAX_PART and not name.startswith(SERVER)):
        raise ValueError(f"it is too long for the name of a file: {len(encoded)} bytes")
    return name


def demand_utf8(path: Path) -> None:
    """Raise UsageError for a path that is not in UTF-8: no file in JSON can hold it."""
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise not_utf8(error) from error


def not_utf8(error: UnicodeEncodeError) -> UsageError:
    """The error for a name of a file or folder that is not in UTF-8, as Python reads its bytes (PEP 383)."""
    shown = error.object[max(0, error.start - SHOWN) : error.end + SHOWN]
    return UsageError(
        "The name of a file or folder is not in UTF-8.",
        f"It is {shown!r}, and gradschool writes names into files in UTF-8.",
        "rename it, or work in another folder.",
    )


FileName: TypeAlias = Annotated[str, AfterValidator(checked)]

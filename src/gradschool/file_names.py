"""Names of files and folders that others wrote: those that no system can look up are refused before they are used."""

import os
from typing import Annotated, TypeAlias

from pydantic import AfterValidator

MAX_PATH, MAX_PART = 4_000, 255  # bytes, of a path and of each name in it
SERVER = ("http://", "https://")


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


FileName: TypeAlias = Annotated[str, AfterValidator(checked)]

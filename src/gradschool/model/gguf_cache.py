"""Where bases that were converted from GGUF are kept, each in a folder that is named by the SHA-256 of its file."""

import os
from collections.abc import Iterator
from pathlib import Path

from gradschool.errors import ResourceError
from gradschool.files import read_json

FILE = "gguf.json"  # in a converted folder: the file that it was made of


def cache_folder() -> Path:
    """The folder with the converted bases: in XDG_CACHE_HOME, by default ~/.cache."""
    root = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        return (root if root.is_absolute() else Path.home() / ".cache") / "gradschool" / "gguf"
    except RuntimeError as error:
        raise ResourceError(
            "There is no folder to keep a converted base in.",
            "The system names no home folder for you.",
            "set XDG_CACHE_HOME to a folder.",
        ) from error


def source_of(folder: Path) -> str:
    """The SHA-256 of the GGUF file that a folder was converted from; empty for others."""
    record = folder / FILE
    try:
        return str(read_json(record)["sha256"]) if record.is_file() else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def converted() -> Iterator[Path]:
    """The folders of all bases that were converted."""
    yield from sorted(record.parent for record in cache_folder().glob(f"*/{FILE}"))

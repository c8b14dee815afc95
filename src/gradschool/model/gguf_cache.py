"""Where bases that were converted from GGUF are kept, each in a folder that is named by the SHA-256 of its file."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import filelock

from gradschool.errors import ModelError, UsageError
from gradschool.files import cache_folder as of_cache
from gradschool.files import disk_errors, read_json

FILE = "gguf.json"  # in a converted folder: the file that it was made of
DIGEST = re.compile("[0-9a-f]{64}")
UNFINISHED = "unfinished.json"  # the same, in one whose conversion was interrupted or is at work


def cache_folder() -> Path:
    """The folder with the converted bases."""
    return of_cache("gguf")


def source_of(folder: Path) -> str:
    """The SHA-256 of the GGUF file that a folder was converted from; empty for others."""
    record = folder / FILE
    try:
        return str(read_json(record)["sha256"]) if record.is_file() else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def demand_unchanged(folder: Path, weights: str, files: str) -> None:
    """Raise ModelError if a converted base has other hashes than when it was converted; others have no record."""
    try:
        record = read_json(folder / FILE)
        name, found = f"{record['name']}@{folder.name[:8]}", {"weights": weights, "files": files}
        changed = [part for part, digest in found.items() if record.get(part, digest) != digest]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # of another folder, or of an earlier version
        return
    if changed:
        raise ModelError(
            f"The base in {folder} was changed after it was converted from a GGUF file.",
            f"The hash of its {' and '.join(changed)} differs.",
            f"delete it with `gradschool bases remove {name}`; it is then converted again.",
        )


def is_complete(folder: Path) -> bool:
    """Whether a folder holds all of a converted base, with a record that names the file of this folder."""
    return source_of(folder) == folder.name


def again(folder: Path) -> str:
    """What to do about a converted base that is damaged; empty for other folders."""
    source = source_of(folder)
    try:
        name = str(read_json(folder / FILE)["name"]) if source else ""
    except KeyError:
        return ""
    return f"delete it with `gradschool bases remove {name}@{source[:8]}`; it is then converted again." if name else ""


def converted() -> Iterator[Path]:
    """The folders of all bases that were converted."""
    yield from _with(FILE)


def unfinished() -> Iterator[Path]:
    """The folders of conversions that are at work, or that were interrupted and go on when their base is used."""
    yield from (folder for folder in _with(UNFINISHED) if not is_complete(folder))


def _with(record: str) -> Iterator[Path]:
    found = (path.parent for path in cache_folder().glob(f"*/{record}"))
    yield from sorted(folder for folder in found if DIGEST.fullmatch(folder.name) and not folder.is_symlink())


def lock_of(folder: Path) -> filelock.BaseFileLock:
    """The lock that a process holds while it converts a base into a folder."""
    return filelock.FileLock(folder.with_name(f".{folder.name}.lock"), mode=0o600)


def remove(folder: Path) -> None:
    """Delete a converted base; raises UsageError if it is being converted."""
    lock = lock_of(folder)
    try:
        with disk_errors(folder), lock.acquire(timeout=0):
            (folder / FILE).unlink(missing_ok=True)  # first, so that what remains after a kill is not taken for a base
            shutil.rmtree(folder)
    except filelock.Timeout as error:
        raise UsageError(
            f"{folder} is being converted by another process.", "", "wait for it, or stop it first."
        ) from error

"""Renames that outlast a power cut, and temporary files and folders that outlast no process: the next one removes them.

A temporary folder is locked by the process that fills it. The system releases the lock however the process ends, so
that one without a lock was left by a kill. Systems other than POSIX cannot lock folders; there, none is removed.
"""

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gradschool.errors import UsageError

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None  # type: ignore[assignment]  # asked for before each use

FILE_MODE, FOLDER_MODE = 0o600, 0o700  # what is made of the data of users is theirs alone
MARKED = re.compile(r"\.(.+)\.gradschool-[a-z0-9_]{8}")
LEFTOVER = re.compile(r"\.(.+)\.(?:gradschool-)?[a-z0-9_]{8}")  # also of earlier versions; in folders of ours only
REPLACED = "replaced"  # in place of the random part: a folder that is being replaced


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    if path.is_dir() and os.name != "posix":  # other systems cannot open folders
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(path: Path) -> None:
    """Make a folder and its parents unless they exist, each for the user alone; a power cut undoes none."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(mode=FOLDER_MODE, exist_ok=True)
        sync(path.parent)


def replace_file(new: Path, path: Path) -> None:
    """Put a file in the place of another one, so that a power cut leaves either and undoes nothing."""
    sync(new)
    new.replace(path)
    sync(path.parent)


def temporary_file(path: Path) -> Path:
    """Make an empty file with a temporary name next to `path`."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=_prefix(path))
    os.close(handle)
    return Path(name)


def _prefix(path: Path) -> str:
    return f".{path.name}.gradschool-"


@contextmanager
def temporary_folder(path: Path, parent: Path | None = None) -> Iterator[Path]:
    """A temporary folder for what will be `path`, in `parent` or next to it; removed at the end, if it is still there.

    Those that killed processes left for the same path are removed first. Raises UsageError if another process has one.
    """
    parent = parent or path.parent
    temporary, lock = _locked_folder(parent, path)
    try:
        for other in parent.iterdir():
            if other != temporary and (match := MARKED.fullmatch(other.name)) and match[1] == path.name:
                _clear_unlocked(other, path)
        yield temporary
    finally:
        if lock is not None:
            os.close(lock)
        shutil.rmtree(temporary, ignore_errors=True)


def _locked_folder(parent: Path, path: Path) -> tuple[Path, int | None]:
    """Make a temporary folder and lock it; another process may remove it before it is locked."""
    while True:
        temporary = Path(tempfile.mkdtemp(dir=parent, prefix=_prefix(path)))
        lock = _lock(temporary, wait=True)
        if temporary.exists():
            return temporary, lock


def _lock(folder: Path, *, wait: bool = False) -> int | None:
    """Lock a folder; None if this is not possible. Raises BlockingIOError if another process holds it."""
    if fcntl is None:
        return None
    handle = None
    try:
        handle = os.open(folder, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:  # it was removed meanwhile, or the file system has no locks
        if handle is not None:
            os.close(handle)
        if isinstance(error, BlockingIOError):
            raise
        return None
    return handle


def _clear_unlocked(leftover: Path, path: Path) -> None:
    """Remove a leftover unless a process holds it."""
    if leftover.is_symlink() or not leftover.is_dir():
        return
    try:
        lock = _lock(leftover)
    except BlockingIOError as error:
        raise UsageError(
            f"{path} is being written by another process.",
            f"It writes into {leftover}.",
            "wait for it, or stop it first.",
        ) from error
    if lock is not None:
        clear(leftover)
        os.close(lock)


def clear(leftover: Path) -> None:
    """Remove a temporary file or folder that a killed process left; a folder that it was replacing is put back."""
    match = LEFTOVER.fullmatch(leftover.name)
    original = leftover.with_name(match[1]) if match and leftover.name.endswith(REPLACED) else leftover
    if original != leftover and not original.exists():
        leftover.replace(original)
        sync(leftover.parent)
    elif leftover.is_dir() and not leftover.is_symlink():
        shutil.rmtree(leftover, ignore_errors=True)
    else:
        leftover.unlink(missing_ok=True)


def clear_all(folder: Path) -> None:
    """Remove all temporary files and folders in and below a folder; no other process may work in it."""
    for leftover in [path for path in folder.rglob(".*") if MARKED.fullmatch(path.name)]:
        clear(leftover)


def place_folder(new: Path, path: Path) -> None:
    """Put a folder, whose files are on the disk, where nothing is; raises UsageError if another process was faster."""
    try:
        new.rename(path)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            raise
        raise UsageError(
            f"{path} already exists: another process has written it meanwhile.",
            "Existing files are never replaced.",
            "name a new folder.",
        ) from error
    sync(path.parent)


def replace_folder(new: Path, path: Path) -> None:
    """Put a folder, whose files are on the disk, in the place of another one, if there is one.

    A process that is killed in between leaves the old folder under a temporary name, from which `clear` puts it back.
    """
    if path.exists():
        old = path.with_name(f"{_prefix(path)}{REPLACED}")
        path.replace(old)
        try:
            new.replace(path)
        except BaseException:
            old.replace(path)
            raise
        sync(path.parent)
        shutil.rmtree(old)
    else:
        new.replace(path)
        sync(path.parent)

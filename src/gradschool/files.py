"""Crash-safe files: atomic replacement of files and folders, append-only JSON lines, hashes."""

import errno
import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any, TypeVar

from pydantic import TypeAdapter

from gradschool.durable import (
    FILE_MODE,
    FOLDER_MODE,
    make_folder,
    place_folder,
    replace_file,
    replace_folder,
    sync,
    temporary_file,
    temporary_folder,
)
from gradschool.errors import DamagedError, GradschoolError, ResourceError, UsageError, reason_of
from gradschool.json_text import parse_json

T = TypeVar("T")
HASH_BLOCK = 1 << 20
NO_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)  # for the other end of a pipe; no text mode
MAX_FILE = 2_000_000_000  # bytes of a file that is read whole, or in lines; a sparse file may say that it has any
MAX_JSON = 500_000_000  # bytes of a JSON value, or of a line with one
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
REFUSED = frozenset(  # by the permissions, the form of a path, the disk, or a file system without locks
    {
        *(errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG),
        *(errno.ELOOP, errno.EIO, errno.ESTALE, errno.EFBIG, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK),
    }
)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn errors of a full, read-only or forbidden disk into a ResourceError with advice."""
    try:
        yield
    except GradschoolError:
        raise
    except Exception as error:
        number = _system_error(error)
        if number in FULL:
            free = shutil.disk_usage(next(p for p in (path, *path.resolve().parents) if p.exists())).free
            raise ResourceError(
                f"The disk is full: {path} could not be written.",
                f"{free / 1e6:.0f} MB are free there.",
                "free some space or choose another folder, then repeat the command (continue a climb with --resume).",
            ) from error
        if number is not None and number in REFUSED:
            raise ResourceError(
                f"{path} could not be written.",
                f"The system says: {os.strerror(number)}.",
                "raise the limit of file sizes (ulimit -f), or choose another disk."
                if number == errno.EFBIG
                else "choose a folder that you may write to.",
            ) from error
        raise


def _system_error(error: Exception) -> int | None:
    """The errno of an error; Rust libraries (safetensors, tokenizers) have it only in their message."""
    if isinstance(error, OSError):
        return error.errno
    found = re.search(r"\(os error (\d+)\)", str(error))
    return int(found.group(1)) if found else None


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """Write a file atomically: to a temporary file, which then replaces `path`. Readers see the old or the new file.

    Once it is replaced, a power cut does not undo it. It is for the user alone.
    """
    with new_path(path) as temporary, temporary.open("wb") as file:
        yield file


@contextmanager
def new_path(path: Path) -> Iterator[Path]:
    """The path of a temporary file that then replaces `path`, as in `new_file`: for libraries that open files."""
    with disk_errors(path):
        demand_replaceable(path)
        make_folder(path.parent)
        temporary = temporary_file(path)
        try:
            yield temporary
            temporary.chmod(FILE_MODE)
            replace_file(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def cache_folder(name: str) -> Path:
    """A folder for what can be computed again: in XDG_CACHE_HOME, by default ~/.cache."""
    root = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        return (root if root.is_absolute() else Path.home() / ".cache") / "gradschool" / name
    except RuntimeError as error:
        raise ResourceError(
            "There is no folder to keep what was computed in.",
            "The system names no home folder for you.",
            "set XDG_CACHE_HOME to a folder.",
        ) from error


def demand_replaceable(path: Path) -> None:
    """Raise UsageError for a pipe, a device or a socket: a file would take its place, also that of /dev/null."""
    if path.exists() and not (path.is_file() or path.is_dir()):
        why = "A file is to be written there, and it would take its place."
        raise UsageError(f"{path} is a pipe, a device or a socket.", why, "name a file.")


def demand_writable(path: Path) -> None:
    """Raise an error unless a file can be written at a path, its folders made; before the work whose result it gets."""
    demand_replaceable(path)
    if path.is_dir():
        raise UsageError(f"{path} is a folder.", "A file is to be written there.", "name a file, which may be in it.")
    place = next(place for place in path.absolute().parents if place.exists())
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        why = "You may not write to it." if place.is_dir() else "It is a file."
        raise ResourceError(f"{path} cannot be written into {place}.", why, "choose a folder that you may write to.")


def write_bytes(path: Path, content: bytes) -> None:
    """Replace a file atomically."""
    with new_file(path) as file:
        file.write(content)


def write_text(path: Path, text: str) -> None:
    """Replace a text file atomically, as UTF-8."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: object) -> None:
    """Replace a JSON file atomically; indented, keys in the order given."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def open_file(path: Path) -> IO[bytes]:
    """Open a file for reading; raises OSError also for a pipe or a device: to read it may never end, or never begin."""
    handle = os.open(path, os.O_RDONLY | NO_WAIT)
    try:
        if not stat.S_ISREG(mode := os.fstat(handle).st_mode):
            number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
            reason = os.strerror(number) if stat.S_ISDIR(mode) else "It is a pipe or a device, not a file"
            raise OSError(number, reason, str(path))
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_file(path: Path, most: int | None = None, limit: int = MAX_FILE) -> bytes:
    """The content of a file, or its first bytes; raises OSError as `open_file`, also if that is more than `limit`.

    It is what the file holds now: one that grows may have no end, nor do some files in which a system describes itself,
    whose size is 0.
    """
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        size = size if most is None else min(size, most)
        _demand_size(path, size, limit)
        return file.read(size)


def _demand_size(path: Path, size: int, limit: int) -> None:
    if size > limit:
        raise OSError(errno.EFBIG, f"It has {size / 1e6:,.0f} MB; at most {limit / 1e6:,.0f} MB are read", str(path))


def each_line(path: Path) -> Iterator[bytes]:
    """The lines of a file as it is now, one after the other, without their ends; those over `MAX_JSON` are left out.

    Raises OSError as `read_file`.
    """
    with open_file(path) as file:
        left = os.fstat(file.fileno()).st_size
        _demand_size(path, left, MAX_FILE)
        whole = True  # whether the next part begins a line
        while line := file.readline(min(MAX_JSON + 1, left)):
            left -= len(line)
            ends = line.endswith(b"\n")
            if whole and len(line) <= MAX_JSON:
                yield line.removesuffix(b"\n")
            whole = ends


def read_json(path: Path) -> Any:
    """Read a JSON file in UTF-8; raises ValueError as `parse_json`, also if it is too large, OSError as `open_file`."""
    try:
        content = read_file(path, limit=MAX_JSON)
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise ValueError(error.strerror) from error
        raise
    return parse_json(content.decode())


def write_lines(path: Path, rows: Iterable[object]) -> None:
    """Replace a JSON-lines file atomically."""
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def append_line(path: Path, row: object) -> None:
    """Append one JSON line in one write, so that a killed process loses at most this line.

    Two processes may append to one file: neither writes into the line of the other. If a crash left an incomplete line,
    a newline is added first, so that the new line stays readable.
    """
    line = json.dumps(row, ensure_ascii=False).encode() + b"\n"
    with disk_errors(path):
        make_folder(path.parent)
        with open(path, "ab+", buffering=0, opener=lambda name, flags: os.open(name, flags, FILE_MODE)) as file:
            if file.tell() > 0:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    line = b"\n" + line
            while line:  # once, unless the disk becomes full
                line = line[file.write(line) :]


def read_lines(path: Path) -> list[Any]:
    """Read the JSON lines of a file, without lines that a crash left incomplete; empty if there is no file."""
    return list(each_value(path))


def each_value(path: Path) -> Iterator[Any]:
    """As `read_lines`, one value after the other: what others wrote may be too much to hold."""
    for line in each_line(path) if path.exists() else ():
        try:
            yield parse_json(line)
        except ValueError:
            continue


def list_of(kind: type[T]) -> TypeAdapter[list[T]]:
    """What reads and writes lists of a type."""
    return adapter_of(list[kind])  # type: ignore[valid-type]


def adapter_of(kind: Any) -> TypeAdapter[Any]:
    """What reads and writes values of a type."""
    return _adapter(kind)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """Made once: that takes as long as reading thousands of rows."""
    return TypeAdapter(kind)


def read_rows(path: Path, kind: type[T], fix: str = "copy it again from its source, or climb again.") -> list[T]:
    """Read the JSON lines of a file as values of a type; raises DamagedError, with `fix`, for one that is not."""
    try:
        one: TypeAdapter[T] = adapter_of(kind)
        return [one.validate_python(value) for value in each_value(path)]  # one by one: the first wrong one ends it
    except (ValueError, OSError) as error:
        raise DamagedError(f"{path} cannot be read.", reason_of(error), fix) from error


@contextmanager
def new_folder(path: Path, *, replace: bool = True) -> Iterator[Path]:
    """Fill a temporary folder, which replaces `path` if the block succeeds; it is for the user alone.

    Raises UsageError if another process is doing the same, and, without `replace`, if one has done it meanwhile.
    """
    with disk_errors(path):
        make_folder(path.parent)
        with temporary_folder(path) as temporary:
            yield temporary
            _settle(temporary)
            (replace_folder if replace else place_folder)(temporary, path)


def _settle(folder: Path) -> None:
    """Set the permissions of all files and folders below a folder, and wait until they are on the disk."""
    for place, _, names in os.walk(folder):
        for name in names:
            file = Path(place, name)
            if not file.is_symlink():
                file.chmod(FILE_MODE)
                sync(file)
        Path(place).chmod(FOLDER_MODE)
        sync(Path(place))


def copy_folder(source: Path, target: Path) -> None:
    """Copy a folder that holds no links (see `refuse_links`); an error for a full disk is a ResourceError."""
    refuse_links(source)

    def copy(one: str, other: str) -> None:
        with disk_errors(Path(other)):
            shutil.copyfile(one, other)

    shutil.copytree(source, target, copy_function=copy)


def is_inside(path: Path, folder: Path) -> bool:
    """Whether a path is below a folder, with all links followed."""
    return path.resolve().is_relative_to(folder.resolve())


def refuse_links(folder: Path) -> None:
    """Raise DamagedError if anything below a folder is a link or a special file: only files and folders are expected.

    A link could name any file of whoever opens the folder, and a pipe would never end.
    """
    for place, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(place, name)
            if path.is_symlink() or not (path.is_dir() or path.is_file()):
                kind = f"a link to {path.readlink()}" if path.is_symlink() else "not a file"
                raise DamagedError(
                    f"{path} is {kind}.",
                    "Folders that gradschool writes hold files and folders only.",
                    "do not use it if it came from someone else; if the link is yours, put the file in its place.",
                )


def sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hex."""
    digest = hashlib.sha256()
    with open_file(path) as file:
        left = os.fstat(file.fileno()).st_size  # as in `read_file`
        while block := file.read(min(left, HASH_BLOCK)):
            digest.update(block)
            left -= len(block)
    return digest.hexdigest()


def sha256_of(value: object) -> str:
    """The SHA-256 of a value's canonical JSON, in hex; the same on every machine."""
    canonical = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def hash_of(path: Path) -> str:
    """One SHA-256 of a file or of all files below a folder; empty if there is neither."""
    return sha256_of(hash_tree(path)) if path.is_dir() else sha256(path) if path.is_file() else ""


def hash_tree(folder: Path) -> dict[str, str]:
    """The SHA-256 of all files below a folder, by their relative path with forward slashes."""
    return {path.relative_to(folder).as_posix(): sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()}

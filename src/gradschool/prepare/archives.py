"""Unpack archives (zip, tar, and single files in gz, bz2 or xz) for reading, within bounds and within one folder."""

import bz2
import gzip
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedIOBase
from pathlib import Path, PurePosixPath
from typing import IO, Final

from gradschool.data.encoding import Unreadable

MAX_FILES: Final = 100_000
MAX_BYTES: Final = 50 << 30  # of all files of an archive together
MAX_RATIO: Final = 300  # unpacked bytes per byte of the archive; texts compress to a fifth, chats to a twentieth
SMALL: Final = 64 << 20  # unpacked bytes up to which the ratio does not matter
BLOCK: Final = 1 << 20
TAR_AT, TAR = 257, b"ustar"
OPENERS: dict[bytes, Callable[[Path], BufferedIOBase]] = {
    b"\x1f\x8b": gzip.GzipFile,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
    **{b"BZh%d1AY&SY" % level: bz2.BZ2File for level in range(1, 10)},
}
OTHERS = {b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!\x1a\x07": "rar"}
OFFICE = {
    "mimetype",
    "[Content_Types].xml",
    "META-INF/MANIFEST.MF",
    "Index/Document.iwa",
}  # zip files that are one file
DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, ValueError)


@dataclass(frozen=True, slots=True)
class Member:
    """An entry of an archive: its path, and its content, or why it is not unpacked."""

    name: str
    file: IO[bytes] | BufferedIOBase | None
    why: str = ""


@dataclass(slots=True)
class Unpacked:
    """An unpacked archive: its folder, and the entries that were left out, each with the reason."""

    folder: Path
    left_out: list[tuple[str, str]] = field(default_factory=list)


def is_archive(head: bytes) -> bool:
    """Whether a file that begins like this may be an archive; raises Unreadable for kinds that cannot be unpacked."""
    for signature, kind in OTHERS.items():
        if head.startswith(signature):
            raise Unreadable(f"an archive of the kind {kind}; unpack it first")
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06", *OPENERS)) or head[TAR_AT : TAR_AT + len(TAR)] == TAR


def unpack(path: Path, folder: Path) -> Unpacked:
    """Unpack an archive into an empty folder; raises Unreadable and removes the folder if that is not possible."""
    unpacked = Unpacked(folder)
    try:
        with _reported():
            limit = _limit(path)
            left = min(limit, shutil.disk_usage(folder).free)
            count = 0
            for count, member in enumerate(_members(path), 1):
                if count > MAX_FILES:
                    raise Unreadable(f"an archive of more than {MAX_FILES:,} files; unpack it first")
                target = _target(folder, member.name)
                if why := member.why or ("its path leaves the archive" if target is None else ""):
                    unpacked.left_out.append((member.name, why))
                elif target and member.file:
                    left -= _copy(member, target, left, limit, unpacked)
            if not count:
                raise Unreadable("an empty archive")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return unpacked


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except (NotImplementedError, RuntimeError) as error:
        raise Unreadable("protected by a password, or packed by a method that is not supported") from error
    except DAMAGED as error:
        raise Unreadable("a damaged archive") from error
    except OSError as error:
        raise Unreadable(f"an archive that cannot be unpacked: {error.strerror or 'it is damaged'}") from error


def _limit(path: Path) -> int:
    return min(MAX_BYTES, max(SMALL, MAX_RATIO * path.stat().st_size))


def _members(path: Path) -> Iterator[Member]:
    if zipfile.is_zipfile(path):
        yield from _in_zip(path)
    elif tarfile.is_tarfile(path):
        yield from _in_tar(path)
    else:
        with path.open("rb") as file:
            head = file.read(max(map(len, OPENERS)))
        opener = next((one for signature, one in OPENERS.items() if head.startswith(signature)), None)
        if opener is None:
            raise Unreadable("a damaged archive")
        with opener(path) as content:
            yield Member(path.stem, content)


def _in_zip(path: Path) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if any(entry.flag_bits & 1 for entry in entries):
            raise Unreadable("protected by a password")
        for entry in entries:
            name = _spelled(entry)
            kind = entry.external_attr >> 16
            if entry.is_dir():
                continue
            if kind and stat.S_IFMT(kind) not in (0, stat.S_IFREG):
                yield Member(name, None, "a link or a device in an archive")
                continue
            with archive.open(entry) as content:
                yield Member(name, content)


def _spelled(entry: zipfile.ZipInfo) -> str:
    """The path of an entry; programs that do not declare UTF-8 often write it nevertheless."""
    if entry.flag_bits & 0x800:
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return entry.filename


def _in_tar(path: Path) -> Iterator[Member]:
    with tarfile.open(path) as archive:
        for entry in archive:
            if entry.isfile():
                yield Member(entry.name, archive.extractfile(entry))
            elif not entry.isdir():
                yield Member(entry.name, None, "a link or a device in an archive")


def _target(folder: Path, name: str) -> Path | None:
    """Where an entry is unpacked to; None if its path is absolute, names a drive, or leaves the folder."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or parts[0] == "/" or ".." in parts or (len(parts[0]) == 2 and parts[0][1] == ":"):
        return None
    return folder.joinpath(*parts)


def _copy(member: Member, target: Path, left: int, limit: int, unpacked: Unpacked) -> int:
    """Write an entry; returns its bytes. The sizes that an archive declares are not trusted."""
    assert member.file
    try:
        if target.exists():
            unpacked.left_out.append((member.name, "a second file of that name in its archive"))
            return 0
        target.parent.mkdir(parents=True, exist_ok=True)
        out = target.open("xb")
    except OSError as error:  # a file in the place of a folder, or a name that is too long
        unpacked.left_out.append((member.name, f"the system says: {error.strerror}"))
        return 0
    size = 0
    with out:
        while block := member.file.read(BLOCK):
            size += len(block)
            if size > left:
                raise Unreadable(
                    f"an archive that grows to more than {limit >> 20:,} MB or fills the disk; unpack it first"
                )
            out.write(block)
    return size

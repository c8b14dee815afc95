"""What a LanceDB table may be made of: a table can name other places, and LanceDB reads them with the user's keys.

A manifest of Lance may have `base_paths`: folders, or addresses such as `s3://bucket`, of which it takes files. They
are not on the list of fields below, and neither is anything that gradschool's tables never have.
Format: lance.org/format/table (manifest), protobuf.dev/programming-guides/encoding.
"""

import re
import struct
from collections.abc import Iterator
from pathlib import Path

from gradschool.files import read_file
from gradschool.ground.table import TABLE

# 1 fields, 2 fragments, 3 version, 4 auxiliary data, 5 metadata of the schema, 6 section of indexes, 7 timestamp,
# 8 tag, 9 and 10 feature flags, 11 last fragment, 12 transaction file, 13 writer, 14 next row id, 15 data format,
# 16 config, 19 metadata of the table, 21 section of the transaction. Not: 18 base_paths, 20 branch.
FIELDS = frozenset({*range(1, 17), 19, 21})
FILES = re.compile(
    rf"{TABLE}\.lance/(?:_versions/(?:[0-9]{{1,20}}\.manifest|latest_version_hint\.json)|_transactions/[\w.-]+"
    r"|data/[\w.-]+|_indices/[\w-]+/[\w.-]+)",
    re.ASCII,
)
MAX_MANIFEST = 64_000_000  # bytes
MAGIC = b"LANC"


def check_files(table: Path) -> None:
    """Raise ValueError, with the reason, if a table could make LanceDB read anything outside of its folder."""
    for file in sorted(path for path in table.rglob("*") if path.is_symlink() or not path.is_dir()):
        name = file.relative_to(table).as_posix()
        if not FILES.fullmatch(name):
            raise ValueError(f"{name} is no file of an index")
        if name.endswith(".manifest"):
            _check_manifest(name, read_file(file, MAX_MANIFEST))


def _check_manifest(name: str, content: bytes) -> None:
    # The end of the file is the place of the message, two numbers for the version of the format, and the magic.
    if len(content) < 20 or content[-4:] != MAGIC:
        raise ValueError(f"{name} is no manifest of Lance")
    (place,) = struct.unpack("<q", content[-16:-8])
    if not 0 <= place <= len(content) - 20:
        raise ValueError(f"{name} is cut off")
    (length,) = struct.unpack("<I", content[place : place + 4])
    message = content[place + 4 : place + 4 + length]
    if len(message) < length:
        raise ValueError(f"{name} is cut off")
    if other := sorted(set(_fields(name, message)) - FIELDS):
        raise ValueError(f"{name} names files of other places, or has what no index has (field {other[0]})")


def _fields(name: str, message: bytes) -> Iterator[int]:
    """The numbers of the fields of a protobuf message."""
    place = 0
    while place < len(message):
        key, place = _varint(name, message, place)
        yield key >> 3
        match key & 7:
            case 0:
                _, place = _varint(name, message, place)
            case 1:
                place += 8
            case 2:
                length, place = _varint(name, message, place)
                place += length
            case 5:
                place += 4
            case wire_type:
                raise ValueError(f"{name} has a field of type {wire_type}, which no manifest has")
    if place > len(message):
        raise ValueError(f"{name} is cut off")


def _varint(name: str, message: bytes, place: int) -> tuple[int, int]:
    """A number of variable length, and the place behind it."""
    number = 0
    for shift in range(0, 70, 7):
        if place >= len(message):
            raise ValueError(f"{name} is cut off")
        number |= (message[place] & 0x7F) << shift
        place += 1
        if message[place - 1] < 0x80:
            return number, place
    raise ValueError(f"{name} has a number that is too long")

"""A table of LanceDB may name files of other places, on the disk or on servers; only its own are read."""

import shutil
import struct
from pathlib import Path

import pytest

from finish import finish
from gradschool.errors import DamagedError
from gradschool.ground.index import Index, index_passages
from gradschool.ground.table_files import check_files
from gradschool.settings import Ground
from small_documents import passage


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("table") / "index"
    finish(index_passages([passage("a.md", "The ferry to Dover leaves at nine.")], folder, Ground()))
    return folder


@pytest.fixture
def table(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "index")) / "lance"


def add_field(manifest: Path, field: bytes) -> None:
    """Put an encoded field at the end of the message, where protobuf takes it as any other."""
    content = manifest.read_bytes()
    (place,) = struct.unpack("<q", content[-16:-8])
    (length,) = struct.unpack("<I", content[place : place + 4])
    message = content[place + 4 : place + 4 + length] + field
    manifest.write_bytes(
        content[:place] + struct.pack("<I", len(message)) + message + struct.pack("<q", place) + content[-8:]
    )


def text(number: int, value: bytes) -> bytes:
    """A field of protobuf with bytes; both numbers must be small."""
    key = number << 3 | 2
    return bytes([key & 0x7F | 0x80, key >> 7] if key > 0x7F else [key]) + bytes([len(value)]) + value


BASE = b"\x08\x01\x18\x01" + text(4, b"s3://bucket/x")  # id 1, the root of a table


@pytest.mark.parametrize("which", [0, -1], ids=["newest", "oldest"])
def test_a_table_that_names_another_place_is_refused_before_lancedb_opens_it(
    table: Path, which: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifests = sorted((table / "passages.lance/_versions").glob("*.manifest"))
    assert len(manifests) > 1
    check_files(table)
    add_field(manifests[which], text(8, b"tag"))
    check_files(table)  # a field as the table's own
    add_field(manifests[which], text(18, BASE))
    monkeypatch.setattr("lancedb.connect", lambda *_: pytest.fail("it is opened"))
    with pytest.raises(DamagedError, match="not a complete index") as caught:
        Index.open(table.parent).search("ferry", 1)
    assert "names files of other places" in caught.value.why


@pytest.mark.parametrize(
    "name",
    [
        "__manifest.lance/_versions/1.manifest",
        "other.lance/data/a.lance",
        "passages.lance/_refs/tags/a.json",
        "passages.lance/_versions/d1.manifest",
        "passages.lance/data/sub/a.lance",
        "passages.lance/_versions/1.manifest/x",
    ],
)
def test_only_the_files_of_an_index_may_be_there(table: Path, name: str) -> None:
    (table / name).parent.mkdir(parents=True, exist_ok=True)
    (table / name).write_bytes(b"x")
    with pytest.raises(ValueError, match="no file of an index"):
        check_files(table)


def test_a_link_to_a_folder_is_no_part_of_an_index(table: Path, tmp_path: Path) -> None:
    data = table / "passages.lance/data"
    data.rename(tmp_path / "elsewhere")
    data.symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    with pytest.raises(ValueError, match="data is no file of an index"):
        check_files(table)


BROKEN = {
    "empty": b"",
    "no magic": bytes(40),
    "place behind the end": bytes(20) + struct.pack("<q", 99) + b"\0\0\2\0LANC",
    "negative place": bytes(20) + struct.pack("<q", -1) + b"\0\0\2\0LANC",
    "length behind the end": struct.pack("<I", 2**32 - 1) + bytes(8) + struct.pack("<q", 0) + b"\0\0\2\0LANC",
    "endless number": struct.pack("<I", 12) + b"\xff" * 12 + struct.pack("<q", 0) + b"\0\0\2\0LANC",
    "text behind the end": struct.pack("<I", 2) + b"\x0a\x7f" + bytes(8) + struct.pack("<q", 0) + b"\0\0\2\0LANC",
    "a group": struct.pack("<I", 1) + b"\x0b" + bytes(12) + struct.pack("<q", 0) + b"\0\0\2\0LANC",
    "field 0": struct.pack("<I", 2) + b"\0\0" + bytes(12) + struct.pack("<q", 0) + b"\0\0\2\0LANC",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_manifest_is_refused(table: Path, kind: str) -> None:
    (table / "passages.lance/_versions/1.manifest").write_bytes(BROKEN[kind])
    with pytest.raises(ValueError, match=r"1\.manifest"):
        check_files(table)

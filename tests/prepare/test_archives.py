"""Archives are read like the folder inside: safely, within bounds, and without a trace afterwards."""

import bz2
import gzip
import io
import json
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gradschool.data.encoding import Unreadable
from gradschool.errors import DataError
from gradschool.prepare import archives
from gradschool.prepare.archives import unpack
from gradschool.records import Note
from mails import mail

Run = Callable[..., tuple[Any, list[Any]]]
ROWS = "".join(
    json.dumps({"prompt": f"What does part {n} cost at {n + 3} pieces?", "completion": f"It costs {n * 7} crowns."})
    + "\n"
    for n in range(14)
)
CHAT = "".join(
    f"0{1 + n % 9}/03/2024, 10:{n:02} - {who}: {text} {n}\n"
    for n in range(0, 40, 2)
    for who, text in (("Tallow Works", "We have it in the colour"), ("Ibby Nork", "Do you have the lamp"))
)


def zipped(files: dict[str, str | bytes], mode: int = 0) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = mode << 16
            archive.writestr(info, content)
    return out.getvalue()


def tarred(files: dict[str, str], mode: str = "w:gz") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content.encode())
            archive.addfile(entry, io.BytesIO(content.encode()))
    return out.getvalue()


def warnings(events: list[Any]) -> str:
    return "\n".join(event.text for event in events if isinstance(event, Note) and event.level == "warning")


@pytest.mark.parametrize(
    "name, content",
    [
        ("data.zip", zipped({"inner/rows.jsonl": ROWS})),
        ("data.tgz", tarred({"inner/rows.jsonl": ROWS})),
        ("data.tar", tarred({"./inner/rows.jsonl": ROWS}, "w")),
        ("data.tar.xz", tarred({"inner/rows.jsonl": ROWS}, "w:xz")),
        ("without a suffix", zipped({"inner\\rows.jsonl": ROWS, "__MACOSX/inner/._rows.jsonl": b"\0\5"})),
    ],
)
def test_archives_are_read_like_folders(run: Run, rows: Any, tmp_path: Path, name: str, content: bytes) -> None:
    prepared, events = run({name: content}, "skill")
    assert prepared.summary.kept == 14
    assert [line[:26] for line in warnings(events).splitlines()] == ["This test set cannot prove"]
    assert {row["source"].partition(":")[0] for row in rows("examples.jsonl")} == {f"{name}/inner/rows.jsonl"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["job", "sources"]  # nothing is left behind


@pytest.mark.parametrize("packed", [gzip.compress(ROWS.encode()), bz2.compress(ROWS.encode())], ids=["gz", "bz2"])
def test_a_single_compressed_file_is_read(run: Run, rows: Any, packed: bytes) -> None:
    assert run({"rows.jsonl.packed": packed}, "skill")[0].summary.kept == 14
    assert rows("examples.jsonl")[0]["source"] == "rows.jsonl.packed/rows.jsonl:1"


def test_a_chat_with_media_in_an_archive_in_a_folder(run: Run, rows: Any) -> None:
    packed = zipped({"_chat.txt": CHAT, "IMG-1.jpg": b"\xff\xd8\xff\xe0\0\x10", "IMG-2.jpg": b"\xff\xd8\xff\xe0\0\x11"})
    prepared, events = run({"exports/WhatsApp Chat.zip": packed}, "persona", agents=("Tallow Works",))
    assert prepared.summary.kept and "WhatsApp Chat.zip/_chat.txt" in rows("examples.jsonl")[0]["source"]
    assert "2 files (first: WhatsApp Chat.zip/IMG-1.jpg) are skipped: a binary file" in warnings(events)


def test_documents_of_an_archive_are_copied_into_the_job(run: Run, tmp_path: Path) -> None:
    help_page = "# Lamps\n\nA lamp has a shade. The shade is green.\n"
    run({"help.zip": zipped({"pages/lamps.md": help_page}), "rows.jsonl": ROWS}, "skill")
    assert (tmp_path / "job/documents/help.zip/pages/lamps.md").read_text() == help_page


def test_archives_inside_are_named(run: Run) -> None:
    inner = zipped({"x.jsonl": ROWS})
    prepared, events = run({"all.zip": zipped({"rows.jsonl": ROWS, "more/old.zip": inner})}, "skill")
    assert prepared.summary.kept == 14
    assert "all.zip/more/old.zip is skipped: an archive inside an archive" in warnings(events)


@pytest.mark.parametrize("name", ["../out.txt", "/tmp/out.txt", "a/../../out.txt", "..\\out.txt", "C:\\out.txt"])
def test_no_path_leaves_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.zip").write_bytes(zipped({name: "x", "good.txt": "y"}))
    (tmp_path / "a.tar").write_bytes(tarred({name: "x", "good.txt": "y"}, "w"))
    for kind in ("zip", "tar"):
        folder = tmp_path / "deep" / kind
        folder.mkdir(parents=True)
        unpacked = unpack(tmp_path / f"a.{kind}", folder)
        assert [path.name for path in folder.rglob("*")] == ["good.txt"]
        assert [why for _, why in unpacked.left_out] == ["its path leaves the archive"]
    assert not list(tmp_path.rglob("out.txt"))


def test_links_and_second_files_of_a_name_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "l.zip").write_bytes(zipped({"link": "/etc/passwd"}, stat.S_IFLNK | 0o777))
    with tarfile.open(tmp_path / "l.tar", "w") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        for content in (b"1", b"22"):
            entry = tarfile.TarInfo("twice.txt")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        entry = tarfile.TarInfo("twice.txt/below.txt")
        archive.addfile(entry, io.BytesIO(b""))
    for name, expected in (("l.zip", 1), ("l.tar", 3)):
        folder = tmp_path / f"of {name}"
        folder.mkdir()
        assert len(unpack(tmp_path / name, folder).left_out) == expected
        assert not any(path.is_symlink() for path in folder.rglob("*"))
    assert (tmp_path / "of l.tar/twice.txt").read_bytes() == b"1"


@pytest.mark.parametrize("kind", ["zip", "gz"])
def test_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(archives, "SMALL", 1 << 20)
    bomb = b"a" * (4 << 20)
    (tmp_path / "bomb").write_bytes(zipped({"a": bomb}) if kind == "zip" else gzip.compress(bomb))
    refused(tmp_path / "bomb", "grows to more than 1 MB")


@pytest.mark.parametrize("empty", [zipped({}), zipped({"folder/": ""}), tarred({})], ids=["zip", "folder", "tar"])
def test_empty_archives_are_refused(tmp_path: Path, empty: bytes) -> None:
    (tmp_path / "empty").write_bytes(empty)
    refused(tmp_path / "empty", "an empty archive")


def refused(path: Path, why: str) -> None:
    folder = path.parent / "unpacked"
    folder.mkdir()
    with pytest.raises(Unreadable, match=why):
        unpack(path, folder)
    assert not folder.exists()


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_FILES", 3)
    (tmp_path / "many").write_bytes(zipped({f"{n}.txt": "x" for n in range(5)}))
    refused(tmp_path / "many", "more than 3 files")


@pytest.mark.parametrize(
    "whole",
    [zipped({"r.txt": ROWS}), tarred({"r.txt": ROWS}), gzip.compress(ROWS.encode())],
    ids=["zip", "tar", "gz"],
)
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_damaged_archives_are_refused_with_a_sentence(tmp_path: Path, whole: bytes, part: float) -> None:
    (tmp_path / "cut").write_bytes(whole[: int(len(whole) * part)])
    refused(tmp_path / "cut", "damaged")
    changed = bytearray(whole)
    at = int(len(whole) * part)
    changed[at : at + 8] = b"\xaa" * 8
    (tmp_path / "changed").write_bytes(changed)
    (tmp_path / "unpacked").mkdir()
    try:
        unpack(tmp_path / "changed", tmp_path / "unpacked")
    except Unreadable:
        assert not (tmp_path / "unpacked").exists()


def test_one_bad_archive_does_not_stop_the_others(run: Run) -> None:
    prepared, events = run({"bad.zip": zipped({"r.jsonl": ROWS})[:200], "rows.jsonl": ROWS}, "skill")
    assert prepared.summary.kept == 14 and "bad.zip is skipped: a damaged archive" in warnings(events)
    with pytest.raises(DataError, match="None of the sources can be used"):
        run({"bad2.zip": zipped({"r.jsonl": ROWS})[:200]}, "skill")


def test_names_in_undeclared_utf8(tmp_path: Path) -> None:
    content = zipped({"Gespräch.txt": "x"})
    flags = bytearray(content)
    for signature, place in ((b"PK\x01\x02", 9), (b"PK\x03\x04", 7)):
        flags[flags.find(signature) + place] = 0
    (tmp_path / "a.zip").write_bytes(flags)
    (tmp_path / "to").mkdir()
    unpack(tmp_path / "a.zip", tmp_path / "to")
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["Gespräch.txt"]


def test_texts_of_others_in_an_archive(run: Run, tmp_path: Path) -> None:
    text = "The ferry leaves at noon, and the goats on the pier eat every hat that they can find there."
    letters = {
        f"{n}.md": f"# On {n} bees\n\nMy {n} bees and I greet you from the hill, with honey and bread. {n}\n"
        for n in range(9)
    }
    (tmp_path / "others.zip").write_bytes(zipped({"o/a.txt": text}))
    prepared, _ = run(letters, "style", others=(tmp_path / "others.zip",))
    assert prepared.summary.others["given"] == 1


def test_a_mail_in_an_archive(run: Run) -> None:
    box = b"".join(
        b"From a\n" + mail(f"My dear friend, the {n} boats are back and we eat fish.") + b"\n" for n in range(5)
    )
    assert run({"Takeout.zip": zipped({"Takeout/Mail/All.mbox": box})}, "style")[0].summary.read == 5


def test_a_name_that_no_file_can_have_leaves_out_its_entry_alone(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(
        zipped({"x" * 300 + ".txt": "long", "b" + "/d" * 2_500 + ".txt": "deep", "c.txt": "read"})
    )
    (tmp_path / "into").mkdir()
    unpacked = unpack(tmp_path / "a.zip", tmp_path / "into")
    assert [why for _, why in unpacked.left_out] == ["the system says: File name too long"] * 2
    assert (tmp_path / "into" / "c.txt").read_text() == "read"

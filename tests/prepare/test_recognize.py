"""The kind of a file follows from its content; unusable files are reported, and none blocks or loops."""

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finish import finish
from gradschool.data.encoding import Unreadable
from gradschool.errors import DataError
from gradschool.prepare.recognize import kind_of, recognize
from gradschool.records import Note
from mails import mail, mbox


def archive(*names: str, locked: bool = False) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name in names:
            file.writestr(name, "x")
    content = bytearray(out.getvalue())
    if locked:
        for signature, place in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
            at = content.find(signature)
            while at >= 0:
                content[at + place] |= 1
                at = content.find(signature, at + 1)
    return bytes(content)


@pytest.mark.parametrize(
    "name, content, kind",
    [
        ("box", mbox(mail("hello")), "mbox"),
        ("a.txt", mail("hello"), "mail"),
        ("1.emlx", b"120       \n" + mail("hello"), "mail"),
        ("rows.txt", b'{"prompt": "a", "completion": "b"}\n', "rows"),
        ("list", b'[{"a": 1}]', "rows"),
        ("t.csv", b"a;b\n1;2\n", "rows"),
        ("table", b"text,label\nhello there,greeting\nbye now,parting\n", "rows"),
        ("notes.md", b"# A title\n\nSome, text; with | signs.\n", "document"),
        ("page", b"<!DOCTYPE html><html><p>x</p></html>", "document"),
        ("a.bin", b"%PDF-1.4 x", "document"),
        ("d", archive("word/document.xml", "[Content_Types].xml"), "document"),
        ("b", archive("mimetype", "META-INF/container.xml"), "document"),
        ("w", archive("xl/workbook.xml"), "workbook"),
        ("chats", archive("a.txt"), "archive"),
        ("chat.txt", b"Agent: Hello\nAnna: My bike is broken\nAgent: Which one?\nAnna: The red one\n", "transcript"),
        ("chat", b"[12:01] Tom: hi\n[12:02] Ann: hi\n[12:02] Tom: so?\n[12:03] Ann: no\n", "transcript"),
        ("letter.txt", b"Dear all: come.\n\nI said: come. He said: no.\n", "document"),
    ],
)
def test_kinds(tmp_path: Path, name: str, content: bytes, kind: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert kind_of(tmp_path / name) == kind


@pytest.mark.parametrize(
    "content, why",
    [
        (b"", "empty"),
        (b" \n ", "empty"),
        (b"\x89PNG\r\n\x1a\n\0\0", "binary file"),
        (archive("mimetype", "content.xml"), "office file"),
        (b"Rar!\x1a\x07\x00 x", "kind rar"),
        (archive("word/document.xml", locked=True), "password"),
        (b"PK\x03\x04 broken", "damaged archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 broken", "damaged Outlook"),
    ],
)
def test_unusable_files_are_skipped_with_a_reason(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(Unreadable, match=why):
        kind_of(tmp_path / "x")


def test_folders_are_searched_and_links_and_pipes_are_reported(tmp_path: Path) -> None:
    box = tmp_path / "Maildir"
    for folder in ("cur", "new", "tmp", ".Sent/cur", ".hidden"):
        (box / folder).mkdir(parents=True)
    (box / "cur" / "1:2,S").write_bytes(mail("one"))
    (box / ".Sent" / "cur" / "2:2,S").write_bytes(mail("two"))
    (box / ".hidden" / "3").write_bytes(mail("three"))
    (box / "dovecot.index").write_bytes(b"\0\1")
    (box / "loop").symlink_to(box, target_is_directory=True)
    (box / "broken").symlink_to(tmp_path / "nowhere")
    os.mkfifo(box / "pipe")
    found, events = finish(recognize([box], tmp_path))
    assert [one.name for one in found] == ["Maildir/.Sent/cur/2:2,S", "Maildir/cur/1:2,S"] or [
        one.name for one in found
    ] == ["Maildir/cur/1:2,S", "Maildir/.Sent/cur/2:2,S"]
    told = " ".join(event.text for event in events if isinstance(event, Note) and event.level == "warning")
    assert "a link to a folder" in told and "pipe" in told and "broken" in told


def test_nothing_to_use_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"\x89PNG\0")
    with pytest.raises(DataError, match="None of the sources"):
        finish(recognize([tmp_path], tmp_path))
    with pytest.raises(DataError, match="does not exist"):
        finish(recognize([tmp_path / "no"], tmp_path))


STARTS = st.sampled_from(
    [
        *(b"", b"From a\nX: ", b"PK\x03\x04", b"%PDF", b"{", b"[", b"\xff\xfe", b"From: a\nTo: b\n"),
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    ]
)


@settings(max_examples=60, deadline=None)
@given(STARTS, st.binary(max_size=200), st.sampled_from(["", ".md", ".csv", ".jsonl"]))
def test_any_bytes_have_a_kind_or_a_reason(tmp_path_factory: Any, start: bytes, rest: bytes, suffix: str) -> None:
    path = tmp_path_factory.mktemp("any") / f"x{suffix}"
    path.write_bytes(start + rest)
    try:
        assert kind_of(path)
    except Unreadable as why:
        assert str(why)


def test_a_file_name_may_be_any_bytes(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.csv")).write_text("prompt,completion\na,b\nc,d\n")
    found, events = finish(recognize([tmp_path], tmp_path))
    assert [file.name for file in found] == [f"{tmp_path.name}/caf?.csv"] and found[0].path.is_file()
    "".join(map(str, events)).encode()


def test_a_link_in_a_folder_does_not_lead_to_the_files_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "private.txt").write_text("The key of the safe is 4711, and it must stay at home.")
    box = tmp_path / "box"
    (box / "cur").mkdir(parents=True)
    (box / "cur" / "1:2,S").write_bytes(mail("hello"))
    (box / "same").symlink_to(box / "cur" / "1:2,S")
    (box / "elsewhere").symlink_to(tmp_path / "private.txt")
    (box / "up").symlink_to("../private.txt")
    (box / "itself").symlink_to("itself")
    found, notes = finish(recognize([box], tmp_path))
    assert [file.name for file in found] == ["box/same", "box/cur/1:2,S"]
    assert any(
        "2 files (first: box/elsewhere) are skipped: a link to a file elsewhere" in getattr(note, "text", "")
        for note in notes
    )
    linked, _ = finish(recognize([box / "elsewhere"], tmp_path))  # what the user names is read
    assert [file.name for file in linked] == ["elsewhere"]

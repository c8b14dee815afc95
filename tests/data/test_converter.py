"""Attacks on the conversion of documents, each made here, with limits lowered so that they are cheap."""

import io
import os
import random
import time
import zipfile
import zlib
from pathlib import Path

import pytest

from finish import finish
from gradschool.data.converter import Limits, converted, sheets
from gradschool.data.documents import read_documents
from gradschool.data.encoding import Unreadable
from gradschool.data.parse import container, rows
from small_documents import docx, epub, pdf, warnings_of, xlsx

posix = pytest.mark.skipif(os.name != "posix", reason="the system has no such limit")
LOW = Limits(seconds=1, seconds_per_mb=0, memory=60_000_000)


def packed_twice(size: int) -> bytes:
    """A pdf whose page is compressed twice: some kilobytes that unpack to `size` bytes."""
    stream = zlib.compress(zlib.compress(b" " * size, 9), 9)
    before, _, after = pdf("x").partition(b"<< /Length")
    _, _, rest = after.partition(b"endstream")
    head = f"<< /Filter [/FlateDecode /FlateDecode] /Length {len(stream)} >>\nstream\n".encode()
    return before + head + stream + b"\nendstream" + rest


def with_body(body: bytes) -> bytes:
    """A Word document with something before its text."""
    source, out = zipfile.ZipFile(io.BytesIO(docx("a", "b"))), io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in source.namelist():
            archive.writestr(name, source.read(name).replace(b"<w:body>", b"<w:body>" + body))
    return out.getvalue()


def tables(depth: int) -> bytes:
    """Tables in each other."""
    return b"<w:tbl><w:tr><w:tc>" * depth + b"<w:p/></w:tc></w:tr></w:tbl>" * depth


def wide(columns: int) -> bytes:
    """A table with one cell that spans many columns."""
    span = f'<w:tcPr><w:gridSpan w:val="{columns}"/></w:tcPr>'.encode()
    return b"<w:tbl><w:tr><w:tc>" + span + b"<w:p/></w:tc></w:tr></w:tbl>"


@posix
def test_hostile_documents_end_in_a_warning_with_the_limit_and_the_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<a" * 120_000)
    (tmp_path / "b.pdf").write_bytes(packed_twice(120_000_000))
    assert (tmp_path / "b.pdf").stat().st_size < 10_000
    (tmp_path / "c.docx").write_bytes(docx("Holidays", "There are thirty days."))
    began = time.monotonic()
    found, events = finish(read_documents(tmp_path, LOW))
    assert [one.file for one in found] == ["c.docx"]
    slow, large = warnings_of(events)
    assert slow.startswith("a.html is skipped: converting it takes more than the limit of time (1 s")
    assert large.startswith("b.pdf is skipped: ") and "memory" in large
    assert time.monotonic() - began < 60


@posix
def test_a_converter_that_waits_too_long_is_ended() -> None:
    with pytest.raises(Unreadable, match=r"gave nothing for 0\.5 s"):
        list(converted(".html", b"<a" * 120_000, Limits(waiting=0.5)))
    assert "".join(converted(".html", b"<p>Good.</p>")) == "Good."


def test_a_pdf_may_be_left_after_a_page() -> None:
    pages = converted(".pdf", pdf("The first page.", "The second page."))
    assert next(pages).strip() == "The first page."
    pages.close()
    assert [page.strip() for page in converted(".pdf", pdf("Again."))] == ["Again."]


def test_two_documents_may_be_read_in_turns() -> None:
    first, second = converted(".pdf", pdf("One.", "Two.")), converted(".pdf", pdf("Three.", "Four."))
    pages = [page.strip() for pair in zip(first, second, strict=True) for page in pair]
    assert pages == ["One.", "Three.", "Two.", "Four."]


def test_a_workbook_is_read_sheet_by_sheet() -> None:
    book = xlsx(("prompt", "completion"), ("a", 1))
    read = [(title, [*cells]) for _, title, cells in sheets(book)]
    assert read == [("Sheet", [("prompt", "completion"), ("a", "1")])]


def test_the_limits_grow_with_the_file() -> None:
    assert Limits(seconds=20, seconds_per_mb=10).of(5_000) == 20
    assert Limits(seconds=20, seconds_per_mb=10).of(3_000_000) == 50


def test_a_quote_that_is_never_closed_loses_a_bounded_part_of_a_table(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    lines = [f"Where is parcel {number}?,It is in town {number}.\n" for number in range(60_000)]
    file.write_text("prompt,completion\n" + '"An open quote,x\n' + "".join(lines))
    began = time.process_time()
    held, delimiter = container(file, "rows.csv")
    read = list(rows(file, "rows.csv", held, delimiter))
    assert time.process_time() - began < 10
    troubles = [row.trouble for row in read if row.trouble]
    assert len(troubles) == 1 and "never closed" in troubles[0]
    assert len(read) > 30_000


@posix
@pytest.mark.parametrize("body", [tables(30), tables(400), wide(20_000_000)])
def test_tables_of_a_few_hundred_bytes_are_read_or_refused_in_time(body: bytes) -> None:
    content = with_body(body)
    assert len(content) < 5_000
    began = time.monotonic()
    try:
        assert len("".join(converted(".docx", content, LOW))) < 1_000_000
    except Unreadable as reason:
        assert str(reason)
    assert time.monotonic() - began < 20


def damaged(content: bytes, chance: random.Random) -> bytes:
    """A document with some bytes changed, removed or repeated."""
    made = bytearray(content)
    for _ in range(chance.choice((1, 3, 20))):
        at, size = chance.randrange(len(made)), chance.choice((1, 4, 60))
        change = chance.choice(("set", "remove", "repeat"))
        piece = made[at : at + size] * 40 if change == "repeat" else chance.randbytes(size) if change == "set" else b""
        made[at : at + size] = piece
        made = made or bytearray(b"x")
    return bytes(made)


def test_damaged_documents_give_text_or_a_reason() -> None:
    """The same inputs each time; GRADSCHOOL_FUZZ_INPUTS=100000 tries more of them."""
    page = b"<html><body><h1>Fees</h1><table><tr><td>5</td></tr></table><!-- note --></body></html>"
    whole = {
        ".pdf": pdf("The first page.", "The second page."),
        ".docx": docx("Holidays", "There are thirty days."),
        ".epub": epub("Chapter", "A book."),
        ".xlsx": xlsx(("prompt", "completion"), ("a", 1)),
        ".html": page,
    }
    chance = random.Random(0)
    for number in range(int(os.environ.get("GRADSCHOOL_FUZZ_INPUTS", "100"))):
        suffix, content = [*whole.items()][number % len(whole)]
        made = damaged(content, chance)
        if suffix == ".html":
            made = made.decode("utf-8", "replace").encode()
        try:
            assert all(isinstance(text, str) for text in converted(suffix, made))
        except Unreadable as reason:
            assert str(reason), (suffix, made)
            assert "crashed" not in str(reason), (suffix, made)

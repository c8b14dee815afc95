import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finish import finish
from gradschool.data import documents
from gradschool.data.documents import read_documents
from gradschool.data.encoding import Unreadable, decode
from gradschool.errors import DataError
from gradschool.records import Progress
from small_documents import docx, epub, pdf, warnings_of, xlsx

SLOW = [HealthCheck.too_slow]  # a busy machine is no failure


def test_text_is_read_as_it_is_in_the_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_bytes(b"zwei\r\ndrei\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.md").write_text("# Eins\n", encoding="utf-8")
    found, events = finish(read_documents(tmp_path))
    assert [(d.file, d.text, d.pages) for d in found] == [("b.txt", "zwei\ndrei\n", ()), ("sub/a.md", "# Eins\n", ())]
    assert len({d.hash for d in found}) == 2
    assert events[-1] == Progress("reading documents", 2, 2, "documents")
    assert warnings_of(events) == []


def test_a_single_file_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("Hello.")
    assert [d.file for d in finish(read_documents(tmp_path / "a.md"))[0]] == ["a.md"]


def test_html_becomes_markdown_without_scripts(tmp_path: Path) -> None:
    page = "<html><script>alert(1)</script><body><h1>Fees</h1><p>A café costs 5&nbsp;€.</p></body></html>"
    (tmp_path / "a.html").write_text(page, encoding="utf-8")
    (text,) = (d.text for d in finish(read_documents(tmp_path))[0])
    assert text.startswith("# Fees")
    assert "café" in text and "alert" not in text


def test_docx_becomes_markdown(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(docx("Holidays", "There are thirty days."))
    (text,) = (d.text for d in finish(read_documents(tmp_path))[0])
    assert text.splitlines()[0] == "# Holidays"
    assert "There are thirty days." in text


def test_pdf_keeps_its_pages(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf("The first page.", "The second page."))
    (document,) = finish(read_documents(tmp_path))[0]
    assert len(document.pages) == 2
    first, second = document.pages
    assert document.text[first:second].strip() == "The first page."
    assert document.text[second:].strip() == "The second page."


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.txt", b"", "empty"),
        ("a.md", b" \n\n", "empty"),
        ("a.txt", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not text"),
        ("a.txt", bytes(range(1, 32)) * 9, "not text"),
        ("a.pdf", b"%PDF-1.4 nothing", "pdf"),
        ("a.pdf", pdf("secret", encrypted=True), "password"),
        ("a.pdf", pdf(""), "no text"),
        ("a.docx", b"PK\x03\x04 broken", "damaged"),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "password"),
        ("a.epub", b"PK\x03\x04 broken", "damaged"),
        ("a.epub", docx("a", "b"), "epub cannot be read"),
        ("a.xlsx", docx("a", "b"), "xlsx"),
        ("a.html", b"<html><body><script>x</script></body></html>", "no text"),
        ("a.png", b"whatever", "of kind .png"),
    ],
)
def test_unreadable_files_are_skipped_with_a_warning(tmp_path: Path, name: str, content: bytes, why: str) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "good.md").write_text("Good.")
    found, events = finish(read_documents(tmp_path))
    assert [d.file for d in found] == ["good.md"]
    (warning,) = warnings_of(events)
    assert warning.startswith(name) and why in warning


def test_a_forbidden_file_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "good.md").write_text("Good.")
    (tmp_path / "secret.md").write_text("Secret.")
    read = documents.read_file

    def guarded(path: Path) -> bytes:  # root may read every file, so chmod would prove nothing there
        if path.name == "secret.md":
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(documents, "read_file", guarded)
    found, events = finish(read_documents(tmp_path))
    assert [d.file for d in found] == ["good.md"]
    assert warnings_of(events) == ["secret.md is skipped: the system says: Permission denied."]


def test_links_pipes_and_hidden_files(tmp_path: Path) -> None:
    (tmp_path / "good.md").write_text("Good.")
    (tmp_path / ".hidden.md").write_text("Hidden.")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x.md").write_text("Hidden.")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "self.md").symlink_to(tmp_path / "self.md")
    os.mkfifo(tmp_path / "pipe.txt")  # opening it would wait for ever
    found, events = finish(read_documents(tmp_path))
    assert [d.file for d in found] == ["good.md"]
    assert len(warnings_of(events)) == 2
    assert any("loop" in text and "link" in text for text in warnings_of(events))
    assert any("pipe.txt" in text and "not a plain file" in text for text in warnings_of(events))


def test_sizes_are_bounded_and_the_error_states_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "good.md").write_text("Good.")
    (tmp_path / "large.md").write_text("x" * 5_000)
    monkeypatch.setattr(documents, "MAX_FILE_BYTES", 4_000)
    found, events = finish(read_documents(tmp_path))
    assert [d.file for d in found] == ["good.md"]
    assert "large.md" in warnings_of(events)[0]
    monkeypatch.setattr(documents, "MAX_FILE_BYTES", 50_000_000)
    monkeypatch.setattr(documents, "MAX_TOTAL_TEXT", 4_000)
    with pytest.raises(DataError, match="4,000 characters"):
        finish(read_documents(tmp_path))


def test_an_archive_that_unpacks_to_too_much_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    from gradschool.data import convert

    monkeypatch.setattr(convert, "MAX_UNPACKED_BYTES", 100)
    for read, content in (
        (convert.docx_text, docx("a", "b")),
        (convert.epub_text, epub("a")),
        (convert.xlsx_text, xlsx(("a", "b"))),
    ):
        with pytest.raises(Unreadable, match="unpacks"):
            read(content)


def test_an_epub_is_read_in_the_order_of_its_chapters(tmp_path: Path) -> None:
    (tmp_path / "hives.epub").write_bytes(epub("It was swarming.", "It was quiet."))
    [document], _ = finish(read_documents(tmp_path))
    places = [document.text.index(part) for part in ("# Chapter 1", "It was quiet.", "# Chapter 0", "It was swarming.")]
    assert places == sorted(places)


def test_a_workbook_is_read_row_by_row(tmp_path: Path) -> None:
    (tmp_path / "hives.xlsx").write_bytes(xlsx(("hive", "frames"), ("Tay", 11), ("Forth", 9)))
    [document], _ = finish(read_documents(tmp_path))
    assert [line for line in document.text.splitlines() if "Tay" in line] == ["| Tay | 11 |"]


def test_pages_beyond_the_limit_are_ignored_with_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_PAGES", 2)
    (tmp_path / "long.pdf").write_bytes(pdf("One page.", "Two pages.", "Three pages."))
    [document], events = finish(read_documents(tmp_path))
    assert "Two pages." in document.text and "Three" not in document.text
    assert "long.pdf has more than 2 pages" in warnings_of(events)[0]


def test_nothing_to_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="do not exist"):
        finish(read_documents(tmp_path / "none"))
    with pytest.raises(DataError, match="could be read"):
        finish(read_documents(tmp_path))
    (tmp_path / "a.pdf").write_bytes(b"nonsense")
    with pytest.raises(DataError, match="none of them has text"):
        finish(read_documents(tmp_path))


def test_encodings() -> None:
    assert decode("\ufeffgrün".encode()) == ("grün", "")
    assert decode("grün".encode("utf-16")) == ("grün", "")
    text, wrong = decode("grün – „ja“".encode("cp1252"))
    assert text == "grün – „ja“" and "Windows-1252" in wrong


def test_a_guessed_encoding_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("grün".encode("latin-1"))
    found, events = finish(read_documents(tmp_path))
    assert found[0].text == "grün"
    assert "Windows-1252" in warnings_of(events)[0]


@given(st.binary(max_size=300))
@settings(max_examples=60, deadline=None, suppress_health_check=SLOW)
def test_any_bytes_are_text_or_rejected(content: bytes) -> None:
    try:
        text, _ = decode(content)
    except Unreadable:
        return
    assert "\r" not in text
    text.encode()


@given(st.text(alphabet=st.characters(blacklist_characters="\0", blacklist_categories=["Cs", "Cc"])))
@settings(max_examples=50, deadline=None, suppress_health_check=SLOW)
def test_utf8_is_never_guessed(text: str) -> None:
    assert decode(text.encode()) == (text.removeprefix("\ufeff"), "")


@given(st.binary(max_size=200), st.sampled_from(["pdf", "docx", "epub", "xlsx", "html"]))
@settings(max_examples=30, deadline=None, suppress_health_check=SLOW)
def test_damaged_files_never_crash(tail: bytes, kind: str) -> None:
    from gradschool.data.convert import docx_text, epub_text, html_text, pdf_pages, xlsx_text

    try:
        if kind == "pdf":
            assert all(isinstance(page, str) for page in pdf_pages(pdf("a")[:300] + tail))
        elif kind == "docx":
            assert isinstance(docx_text(docx("a", "b")[:200] + tail), str)
        elif kind == "epub":
            assert isinstance(epub_text(epub("a", "b")[:700] + tail), str)
        elif kind == "xlsx":
            assert isinstance(xlsx_text(xlsx(("a", "b"))[:2_000] + tail), str)
        else:
            html_text("<p>" + tail.decode("latin-1")).encode()
    except Unreadable as reason:
        assert str(reason).endswith(".")

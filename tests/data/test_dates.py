import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradschool.data.dates import document_date, iso_date
from small_documents import docx, epub, pdf


@pytest.mark.parametrize(
    "text",
    ["2024-05-03", "2024/5/3", "3.5.2024", "03.05.2024 10:00", "3. Mai 2024", "3 mai 2024", "3 de mayo de 2024",
     "May 3, 2024", "May 3rd 2024", "3 May 2024", "3rd of May 2024", "Friday, May 3, 2024",
     "Fri, 03 May 2024 10:00:00 +0200",
     "2024年5月3日", "3-May-2024", "3 maggio 2024", "3 mei 2024", "3 de maio de 2024", "20240503", "1714730400"],
)  # fmt: skip
def test_usual_dates(text: str) -> None:
    assert iso_date(text)[:10] == "2024-05-03"


@pytest.mark.parametrize("text", ["5/3/2024", "soon", "31.2.2024", "3 foo 2024", "", "2024", "1.2.3", "12:30", "٣"])
def test_what_is_no_date_or_may_be_two(text: str) -> None:
    assert iso_date(text) == ""


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="0123456789.-/: ,TZMay3rd年月日", max_size=24))
def test_any_text_is_a_date_or_none(text: str) -> None:
    assert iso_date(text) == "" or len(iso_date(text)) >= 19


DOCUMENTS = [
    ("a.md", "---\ntitle: A\ndate: 2019-04-02\n---\nText.", "2019-04-02"),
    ("a.md", "# Report\n\nOttertown, 2 April 2019\n\nText.", "2019-04-02"),
    ("a.md", "Stand: 2.4.2019\n\nText.", "2019-04-02"),
    ("a.md", "Dear Otter,\n\n2nd of April 2019\n", "2019-04-02"),
    ("2019-04-02-otters.md", "Otters swim.", "2019-04-02"),
    ("a.md", "On 2 April 2019 we met the otters, and nobody was sad about it.", ""),
    ("a.md", "Otters swim.", ""),
    ("a.md", "1\n2\n3\n4\n5\n6\n7\n8\n9\n2 April 2019", ""),
]


@pytest.mark.parametrize(("name", "text", "date"), DOCUMENTS)
def test_a_document_has_its_own_date_or_none(name: str, text: str, date: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    os.utime(tmp_path / name, (1e9, 1e9))
    assert document_date(tmp_path / name, text, ".txt") == date


@pytest.mark.parametrize(
    "head",
    ['<meta property="article:published_time" content="2019-04-02T10:00:00Z">', '<meta name=date content="2019-04-02">',
     '<script type="application/ld+json">{"datePublished": "2019-04-02"}</script>',
     '<time datetime="2019-04-02">x</time>'],
)  # fmt: skip
def test_a_web_page_has_the_date_of_its_data(head: str, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(f"<html><head>{head}</head><body>Otters</body></html>", encoding="utf-8")
    assert document_date(tmp_path / "a.html", "Otters", ".html") == "2019-04-02"


def test_other_formats_without_a_date_have_none(tmp_path: Path) -> None:
    for suffix, content in (
        (".docx", docx("A", "b")),
        (".epub", epub("a")),
        (".pdf", pdf("a")),
        (".docx", b"PK broken"),
    ):
        (tmp_path / f"a{suffix}").write_bytes(content)
        assert document_date(tmp_path / f"a{suffix}", "a", suffix) == ""
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.4 1 0 obj << /CreationDate (D:20190402101010+01'00') >>")
    assert document_date(tmp_path / "a.pdf", "a", ".pdf") == "2019-04-02"

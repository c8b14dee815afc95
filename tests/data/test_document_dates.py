import os
from pathlib import Path

import pytest

from gradschool.data.document_dates import document_date
from small_documents import docx, epub, pdf

DOCUMENTS = [
    ("a.md", "---\ntitle: A\ndate: 2019-04-02\n---\nText.", "2019-04-02"),
    ("a.md", "# Report\n\nOttertown, 2 April 2019\n\nText.", "2019-04-02"),
    ("a.md", "Stand: 2.4.2019\n\nText.", "2019-04-02"),
    ("a.md", "Dear Otter,\n\n2nd of April 2019\n", "2019-04-02"),
    ("2019-04-02-otters.md", "Otters swim.", "2019-04-02"),
    ("due-2019-04-02.md", "Otters swim.", ""),
    ("a.md", "---\ndue: 2019-05-01\nlast_updated: 2019-04-02\n---\nText.", "2019-04-02"),
    ("a.md", "---\nupdated: 2019-05-01\ndate: '2019-04-02'\n---\nText.", "2019-04-02"),
    ("a.md", "+++\nlastmod = 2019-04-02T10:00:00Z\n+++\nText.", "2019-04-02"),
    ("a.md", "---\nexpires: 2019-05-01\n---\nText.", ""),
    ("a.md", "Date: 2 April 2199\n\nText.", ""),
    ("a.md", "Valid until: 2 April 2019\n\nText.", ""),
    ("a.md", "Last updated: 2 April 2019\n\nText.", "2019-04-02"),
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

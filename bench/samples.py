"""Small valid files of every kind that comes from others, which the fuzzer damages. All names in them are invented."""

import io
import json
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openpyxl
import tomli_w

from gradschool.files import hash_tree, sha256_of
from gradschool.package.manifest import MANIFEST


@dataclass(frozen=True)
class Sample:
    """Files by their path, the path that is opened, and the files that are damaged: all, if none is named.

    `sealed` makes the hashes of a specialist fit its damaged files.
    """

    files: dict[str, bytes]
    opened: str = "."
    damaged: tuple[str, ...] = ()
    sealed: Callable[[dict[str, bytes]], dict[str, bytes]] | None = None

    def write(self, folder: Path) -> None:
        """Write the files into a folder."""
        for name, content in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)


def one_file(name: str, content: bytes | str) -> Sample:
    """A sample of a single file."""
    return Sample({name: content if isinstance(content, bytes) else content.encode()}, name)


def folder_of(folder: Path) -> Sample:
    """A sample of all files below a folder."""
    return Sample(
        {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    )


def json_lines(rows: Sequence[Any]) -> str:
    """Rows as JSON lines."""
    return "".join(json.dumps(row) + "\n" for row in rows)


def sealed(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files of a specialist with hashes and seal that fit them; as they are, if the manifest cannot be sealed."""
    try:
        manifest = tomllib.loads(files[MANIFEST].decode())
        with tempfile.TemporaryDirectory(prefix="fuzz-") as temporary:
            Sample({name: content for name, content in files.items() if name != MANIFEST}).write(Path(temporary))
            manifest["hashes"] = hash_tree(Path(temporary))
        manifest["seal"] = sha256_of({key: value for key, value in manifest.items() if key != "seal"})
        return {**files, MANIFEST: tomli_w.dumps(manifest).encode()}
    except (ValueError, TypeError, RecursionError, OSError):
        return files


PAIRS = [{"id": f"o{n}", "prompt": f"Send box {n} to Borth.", "completion": f"Borth {n % 3}"} for n in range(14)]
TABLE = "prompt,completion,date\n" + "".join(f'"Order {n}, please",Borth {n},2021-03-{n + 1:02}\n' for n in range(14))
TURNS = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where?"}]
ROWS: dict[str, list[Any]] = {
    "messages": [{"messages": [*TURNS, {"role": "assistant", "content": "There.", "weight": 1}]}] * 6,
    "sharegpt": [{"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Yes"}]}] * 6,
    "alpaca": [{"instruction": "Name it.", "input": "a box", "output": "box", "label": True}] * 6,
    "preference": [{"prompt": "Hi", "chosen": [*TURNS], "rejected": "No", "rating": 4}] * 6,
    "squad": [{"question": "Who?", "context": "Ann did.", "answers": {"text": ["Ann"], "answer_start": [0]}}] * 6,
    "choices": [{"question": "Which?", "choices": ["a", "b"], "answer": 1}] * 6,
}


def examples(_: Path) -> list[Sample]:
    """Files of examples in the usual forms."""
    rows = [one_file(f"{name}.jsonl", json_lines(some)) for name, some in ROWS.items()]
    return [
        *rows,
        one_file("pairs.json", json.dumps(PAIRS)),
        one_file("table.csv", TABLE),
        one_file("excel.csv", "sep=;\n" + TABLE.replace(",", ";")),
        one_file("table.tsv", TABLE.replace(",", "\t")),
        one_file("book.xlsx", workbook([["prompt", "completion"], *([f"box {n}", n * 0.5] for n in range(8))])),
        one_file("text.txt", "A question\nAn answer\n" * 8),
        one_file("table.parquet", b"PAR1" + bytes(range(200)) + b"PAR1"),
    ]


def workbook(rows: Sequence[Sequence[Any]]) -> bytes:
    """A workbook of one sheet."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for row in rows:
        sheet.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def archive(files: dict[str, str]) -> bytes:
    """A zip archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in files.items():
            made.writestr(name, text)
    return out.getvalue()


def tape(files: dict[str, str], mode: Any = "w") -> bytes:
    """A tar archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as made:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            made.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
DOCX = {
    "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" ContentType="application/'
    'vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType="application/'
    'vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r1" Type="{OFFICE}" '
    'Target="word/document.xml"/></Relationships>',
    "word/document.xml": f'<w:document xmlns:w="{WORD}"><w:body><w:p><w:r><w:t>Thirty days.</w:t></w:r></w:p>'
    "<w:tbl><w:tr><w:tc><w:p/></w:tc></w:tr></w:tbl></w:body></w:document>",
}
EPUB = {
    "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="book.opf"/></rootfiles></container>',
    "book.opf": '<package xmlns="http://www.idpf.org/2007/opf"><metadata/><manifest><item id="c" href="c.xhtml"/>'
    '</manifest><spine><itemref idref="c"/></spine></package>',
    "c.xhtml": "<html><body><h1>Hives</h1><p>Bees live here.</p></body></html>",
}
MARKDOWN = "# Fees\n\n| item | price |\n| --- | --- |\n| box | 5 |\n\n> quote\n\n```py\nx = 1\n```\n\nText [1](a.md).\n"
HTML = (
    "<html><head><title>x</title></head><body><h1>Fees</h1><table><tr><td>5</td></tr></table><!-- n --></body></html>"
)


def pdf(text: str) -> bytes:
    """A page with one line of text."""
    stream = f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET"
    objects = (
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 5 0 R "
        "/Resources << /Font << /F1 3 0 R >> >> >>",
        f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
    )
    made, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(made))
        made += f"{number} 0 obj\n{body}\nendobj\n".encode()
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    end = f"trailer << /Size 6 /Root 1 0 R >>\nstartxref\n{len(made)}\n%%EOF\n"
    return made + f"xref\n0 6\n0000000000 65535 f \n{table}{end}".encode()


def documents(_: Path) -> list[Sample]:
    """Documents of every kind."""
    return [
        one_file("a.md", MARKDOWN * 3),
        one_file("a.txt", "Opening hours: nine to five.\n\nA broken-\nword.\n" * 5),
        one_file("a.html", HTML),
        one_file("a.pdf", pdf("The first page.")),
        one_file("a.docx", archive(DOCX)),
        one_file("a.epub", archive(EPUB)),
        one_file("a.xlsx", workbook([["item", "price"], ["box", 5], ["lid", None]])),
    ]

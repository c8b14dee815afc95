"""Mails written for this project with a label for each line: own text, or a kind of noise.

## id description        one mail
From: …                         its headers; `Expect: noise` where the headers alone say it is nobody's letter
---
o an own line                   a attribution, q quoted, f forwarded, s signature, d disclaimer, l list footer,
                                m footer of a program, x the text of a noise mail
h <div>…                        instead of these: HTML, and the sender's own words in lines with =
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "mails"
RECORD = re.compile(r"^## (\S+) (.*)\n", re.MULTILINE)
PARTS = ("development", "held-out")


@dataclass(frozen=True, slots=True)
class Labelled:
    """One mail: its bytes, and for each line of its text whether it is the sender's own.

    Of an HTML mail `lines` are the own lines alone.
    """

    id: str
    about: str
    content: bytes
    lines: tuple[tuple[str, str], ...]
    html: bool
    noise: bool

    @property
    def own(self) -> str:
        """The sender's own lines."""
        return "\n".join(text for tag, text in self.lines if tag in "o=").strip()


def labelled(part: str) -> Iterator[Labelled]:
    """All mails of "development" or "held-out", in all languages."""
    for path in sorted(FOLDER.glob(f"*-{part}.txt")):
        _, *fields = RECORD.split(path.read_text(encoding="utf-8"))
        for id_, about, text in zip(fields[::3], fields[1::3], fields[2::3], strict=True):
            yield _one(id_, about, text)


def _one(id_: str, about: str, text: str) -> Labelled:
    head, _, body = text.partition("\n---\n")
    headers = [line for line in head.splitlines() if line.strip()]
    noise = "Expect: noise" in headers
    headers = [line for line in headers if not line.startswith("Expect:")]
    tagged = [(line[:1], line[2:]) for line in body.rstrip("\n").split("\n") if line[:1].strip()]
    assert all(tag in "oaqfsdlmxh=" for tag, _ in tagged), f"{id_}: a line without a label"
    html = any(tag == "h" for tag, _ in tagged)
    written = "\n".join(text for tag, text in tagged if tag != "=")
    if not any(line.lower().startswith("content-type") for line in headers):
        headers.append("Content-Type: text/plain; charset=utf-8")
    elif html:
        headers = [f"{line}; charset=utf-8" if line.lower() == "content-type: text/html" else line for line in headers]
    lines = tuple((tag, text) for tag, text in tagged if tag != "h")
    return Labelled(id_, about, ("\n".join([*headers, "", written]) + "\n").encode(), lines, html, noise)

"""The date that a document gives itself: in its front matter, its data, a line at its top, or the name of its file."""

import re
import zipfile
import zlib
from pathlib import Path

from gradschool.data.dates import NAMED, day_of, iso_date

HEAD = 1 << 16  # bytes of a web page in which its date is looked for
LINES = 8  # at the top of a text, in which a letter or report has its date
YEARS = range(1000, 2200)
DATELINE = re.compile(rf"(?:[^\W\d_][^\n\d]{{0,40}}?[,:]?\s)?(?:{NAMED.pattern})\s*\.?")
FRONT_MATTER = re.compile(
    r"\A\s*(?:---|\+\+\+)\n(?:(?!---|\+\+\+).*\n){0,60}?(?:date|published|created|issued)\s*[:=]\s*[\"']?([^\"'\n]+)",
    re.IGNORECASE,
)
WEB = re.compile(
    r"<meta[^<>]{0,300}?(?:name|property|itemprop)\s*=\s*[\"']?(?:article:published_time|date|pubdate|publish-?date|"
    r"datePublished|dc(?:terms)?\.(?:date|created|issued)(?:\.\w+)?)\b[^<>]{0,300}?content\s*=\s*[\"']([^\"']+)"
    r"|\"datePublished\"\s*:\s*\"([^\"]+)|<time[^<>]{0,300}?datetime\s*=\s*[\"']([^\"']+)",
    re.IGNORECASE,
)
IN_NAME = re.compile(r"(?<!\d)(\d{4}[-_.]\d{2}[-_.]\d{2})(?!\d)")
PROPERTY = re.compile(r"<(?:dcterms:created|dc:date)\b[^<>]*+>\s*+([^<]+)")
PDF_CREATED = re.compile(rb"/CreationDate\s*\(D:(\d{4})(\d{2})(\d{2})")


def document_date(path: Path, text: str, suffix: str) -> str:
    """The date that a document gives itself, in ISO 8601; empty if it gives none. The file's own times say nothing.

    It is in the front matter, in the data of a web page or book, in a line at the top of the text, in the name of the
    file, or in the properties of a Word document or pdf. `suffix` is the format, as of `read_document`.
    """
    stated = [found[1] for found in [FRONT_MATTER.match(text)] if found]
    properties = ""
    if suffix in (".html", ".htm"):
        with path.open("rb") as file:
            page = WEB.search(file.read(HEAD).decode("utf-8", "replace"))
        stated += [next(filter(None, page.groups()))] if page else []
    elif suffix in (".docx", ".epub"):
        properties = _in_archive(path)
        stated += [properties] if suffix == ".epub" else []
    elif suffix == ".pdf":
        created = PDF_CREATED.search(path.read_bytes())
        properties = "-".join(part.decode() for part in created.groups()) if created else ""
    named = [found[1].replace("_", "-") for found in [IN_NAME.search(path.name)] if found]
    dates = (_plausible(one) for one in [*stated, _dateline(text), *named, properties])
    return next(filter(None, dates), "")


def _plausible(text: str) -> str:
    date = iso_date(text)
    return date[:10] if date and int(date[:4]) in YEARS else ""


def _dateline(text: str) -> str:
    lines = [line.strip(" \t*_#>|") for line in text.split("\n", 40)[:40] if line.strip()][:LINES]
    found = next((match for line in lines if len(line) <= 80 and (match := DATELINE.fullmatch(line))), None)
    return day_of(found) if found else ""


def _in_archive(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith((".opf", "docProps/core.xml")):
                    with archive.open(name) as file:
                        found = PROPERTY.search(file.read(HEAD).decode("utf-8", "replace"))
                    return found[1].strip() if found else ""
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError, RuntimeError):
        return ""
    return ""

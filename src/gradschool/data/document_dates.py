"""The date that a document gives itself: in its front matter, its data, a line at its top, or the name of its file."""

import re
import zipfile
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gradschool.data.date_lines import NO_PLACE, date_line
from gradschool.data.dates import iso_date
from gradschool.files import read_file

HEAD = 1 << 16  # bytes of a web page in which its date is looked for
FIRST_YEAR = 1000
FRONT_MATTER = re.compile(r"\A\s*(---|\+\+\+)\n((?:(?!---|\+\+\+).*\n){0,60})")
KEY = re.compile(r"^([A-Za-z][\w -]{0,30}?)\s*[:=]\s*[\"']?([^\"'\n]+)", re.MULTILINE)
KEYS = (  # of front matter, the first that has a date counts
    *(
        "date",
        "published",
        "publishdate",
        "datepublished",
        "publishedat",
        "pubdate",
        "created",
        "createdat",
        "datecreated",
    ),
    *("issued", "written", "updated", "lastupdated", "updatedat", "lastmod", "lastmodified", "modified", "revised"),
    *("datum", "fecha", "data"),
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
    stated = _front_matter(text)
    properties = ""
    if suffix in (".html", ".htm"):
        with path.open("rb") as file:
            page = WEB.search(file.read(HEAD).decode("utf-8", "replace"))
        stated += [next(filter(None, page.groups()))] if page else []
    elif suffix in (".docx", ".epub"):
        properties = _in_archive(path)
        stated += [properties] if suffix == ".epub" else []
    elif suffix == ".pdf":
        created = PDF_CREATED.search(read_file(path))
        properties = "-".join(part.decode() for part in created.groups()) if created else ""
    found = IN_NAME.search(path.name)
    own = found and not NO_PLACE.search(re.sub(r"[\W_]+", " ", path.name[: found.start()]))
    named = [found[1].replace("_", "-")] if found and own else []
    dates = (_plausible(one) for one in [*stated, date_line(text), *named, properties])
    return next(filter(None, dates), "")


def _front_matter(text: str) -> list[str]:
    """The values of the keys of front matter that name a date of the document."""
    block = FRONT_MATTER.match(text)
    given = {re.sub(r"[\W_]", "", key).casefold(): value for key, value in KEY.findall(block[2] if block else "")}
    return [given[key].strip() for key in KEYS if key in given]


def _plausible(text: str) -> str:
    """A date in ISO 8601 if a document can have it; it is not written in the future."""
    date = iso_date(text)
    if not date or int(date[:4]) < FIRST_YEAR:
        return ""
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    return date[:10] if date[:10] <= tomorrow else ""


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

"""Dates as people write them, and the date that a document gives itself."""

import io
import re
import zipfile
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

MONTHS = (  # English, German, French, Spanish, Italian, Portuguese, Dutch; the first three letters decide, or four
    "jan ene gen", "feb fév fev", "mar mär maa maart", "apr avr abr", "may mai mag mei", "jun juin giu",
    "jul juil lug", "aug aoû aou ago", "sep set", "oct okt out ott", "nov", "dec dez déc dic",
)  # fmt: skip
HEAD = 1 << 16  # bytes of a web page in which its date is looked for
LINES = 8  # at the top of a text, in which a letter or report has its date
YEARS = range(1000, 2200)

_NAME = r"[^\W\d_]{3,10}\.?"
_TIME = r"(?:[T,]?\s*\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?\s*(?:[ap]\.?m\.?)?\s*(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})?)?"
DATE = re.compile(
    rf"(?:(?P<y1>\d{{4}})[-/.](?P<m1>\d{{1,2}})[-/.](?P<d1>\d{{1,2}})"
    rf"|(?P<y2>\d{{4}})\s*[年년]\s*(?P<m2>\d{{1,2}})\s*[月월]\s*(?P<d2>\d{{1,2}})\s*[日일]"
    rf"|(?P<d3>\d{{1,2}})\.\s?(?P<m3>\d{{1,2}})\.\s?(?P<y3>\d{{4}})"
    rf"|(?P<d4>\d{{1,2}})(?:st|nd|rd|th|er|º|\.)?[ -](?:of |de |d['’])?(?P<m4>{_NAME})(?: de|,)?[ -](?P<y4>\d{{4}})"
    rf"|(?P<m5>{_NAME}) (?P<d5>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<y5>\d{{4}})){_TIME}"
)
DATELINE = re.compile(rf"(?:[^\W\d_][^\n\d]{{0,40}}?[,:]?\s)?(?:{DATE.pattern})\s*\.?")
FRONT_MATTER = re.compile(
    r"\A\s*(?:---|\+\+\+)\n(?:(?!---|\+\+\+).*\n){0,60}?(?:date|published|created|issued)\s*[:=]\s*[\"']?([^\"'\n]+)",
    re.IGNORECASE,
)
WEB = re.compile(
    r"<meta[^>]*?(?:name|property|itemprop)\s*=\s*[\"']?(?:article:published_time|date|pubdate|publish-?date|"
    r"datePublished|dc(?:terms)?\.(?:date|created|issued)(?:\.\w+)?)\b[^>]*?content\s*=\s*[\"']([^\"']+)"
    r"|\"datePublished\"\s*:\s*\"([^\"]+)|<time[^>]*?datetime\s*=\s*[\"']([^\"']+)",
    re.IGNORECASE,
)
IN_NAME = re.compile(r"(?<!\d)(\d{4}[-_.]\d{2}[-_.]\d{2})(?!\d)")
PROPERTY = re.compile(r"<(?:dcterms:created|dc:date)\b[^>]*>\s*([^<]+)")
PDF_CREATED = re.compile(rb"/CreationDate\s*\(D:(\d{4})(\d{2})(\d{2})")


def iso_date(text: str) -> str:
    """Convert a date to ISO 8601; empty for anything else.

    Read are ISO 8601, seconds or milliseconds since 1970, the dates of mail, 3.5.2024, 2024/5/3, and dates with the
    name of the month in seven languages. A date such as 5/3/2024 is not read, because it may be May or March.
    """
    text = text.strip()
    if text.replace(".", "", 1).isdecimal() and len(text.partition(".")[0]) in (10, 13):
        seconds = float(text) / (1000 if len(text.partition(".")[0]) == 13 else 1)
        return datetime.fromtimestamp(seconds, UTC).isoformat()
    try:
        return datetime.fromisoformat(text).isoformat() if text else ""
    except ValueError:
        pass
    if re.match(r"(?:\w{3},\s*)?\d{1,2} \w{3} \d{4} \d", text):
        try:
            return parsedate_to_datetime(text).isoformat()
        except ValueError:
            return ""
    found = DATE.fullmatch(re.sub(r"^[^\W\d_]{2,12}\.?,\s+", "", text))  # without the day of the week
    return _day(found) if found else ""


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
    return _day(found) if found else ""


def _day(found: re.Match[str]) -> str:
    """The date of a match of DATE, without its time; empty if there is no such day or month."""
    place = next(number for number in "12345" if found[f"y{number}"])
    month = found[f"m{place}"]
    number = int(month) if month.isdecimal() else _month(month.casefold())
    try:
        return datetime(int(found[f"y{place}"]), number, int(found[f"d{place}"])).isoformat()
    except ValueError:
        return ""


def _month(name: str) -> int:
    return next((n for n, names in enumerate(MONTHS, 1) if any(name.startswith(one) for one in names.split())), 0)


def _in_archive(path: Path) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
            for name in archive.namelist():
                if name.endswith((".opf", "docProps/core.xml")):
                    found = PROPERTY.search(archive.read(name).decode("utf-8", "replace"))
                    return found[1].strip() if found else ""
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError):
        return ""
    return ""

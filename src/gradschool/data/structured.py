"""Whether structured text stops before its end: fenced code blocks, JSON, markup, tables and lists."""

import json
import re
from collections.abc import Sequence

FENCE = re.compile(r"[\s>]*(?P<mark>`{3,}|~{3,})(?P<info>[^\n]*)")
FENCED = "```"  # what takes the place of a closed code block
JSON = re.compile(r'\{\s*(?:"|$)|\[\s*(?:[{\["\d-]|$)')
UNFINISHED = re.compile(r"[\w.+-]{0,20}\s*")  # of a number or of true, after the last thing that JSON understands
TAG = re.compile(r"<(?P<end>/?)(?P<name>[A-Za-z][\w:.-]*)(?:\s[^<>]*?|)(?P<empty>/?)>")
OPEN_TAG = re.compile(r"</?[A-Za-z][^<>]*$")
NOT_TAGS = (("<!--", "-->"), ("<![cdata[", "]]>"), ("<script", "</script>"), ("<style", "</style>"))
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
OPTIONAL = {  # HTML ends them
    *("p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option", "colgroup"),
    *("rt", "rp"),
}
WHOLE_PAGES = re.compile(r"<(?:!doctype|\?xml|html|body|div|table|ul|ol|dl|svg|form|section|article|nav)\b", re.I)
KEYED = re.compile(r"\s*(?:- )?[\w./'\"-]+(?: [\w./'\"-]+){0,3}:(?:\s\s*\S.*)?|\s*- \S.*|\s*#.*|---|\.\.\.")
ITEM = re.compile(
    r"\s*(?:[-*+•·▪◦‣○●–—]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)]|[ivxIVX]{1,5}[.)]|\[[ xX]?\]|☐|☑|✅|✓)\s+(?=\S)"
)
EMPTY_ITEM = re.compile(r"\s*(?:[-*+•]|\d{1,3}[.)])")
HEADING = re.compile(r" {0,3}#{1,6}\s+\S")
STOP = re.compile(r"[.!?。！？।…][)\]\"'”’»*_]*\s*$")
THOUSANDS = re.compile(r"(?<=\d),(?=\d{3})")
MIN_ALIKE = 0.8
MIN_WORDS = 3  # of a list item with its mark, from which it is a sentence


def open_fence(text: str) -> str:
    """Why the last code block of a text is open; empty if it is not."""
    inside, _, fences = _fences(text)
    return "opens a code block that it does not close" if inside and fences % 2 else ""


def without_fenced(text: str) -> str:
    """A text with a mark in the place of each closed code block."""
    return _fences(text)[1].strip()


def _fences(text: str) -> tuple[bool, str, int]:
    """Whether a text ends inside a code block, its lines outside of blocks, and the number of fences."""
    if "```" not in text and "~~~" not in text:
        return False, text, 0
    kept: list[str] = []
    mark, fences = "", 0
    for line in text.split("\n"):
        found = FENCE.match(line)
        info = found["info"].strip() if found else ""
        if not found or (found["mark"][0] == "`" and "`" in info):  # `code` within a line
            kept += [] if mark else [line]
            continue
        fences += 1
        if not mark:
            mark = found["mark"]
        elif found["mark"].startswith(mark) and not info:
            mark = ""
            kept += ["", FENCED, ""]
    return bool(mark), "\n".join(kept), fences


def is_json(text: str) -> bool:
    """Whether a text is JSON, or JSON lines."""
    return _json_end(text) == len(text) > 0


def open_json(text: str) -> str:
    """Why a text that begins as JSON stops within it; empty if the JSON is closed, or if the text is none."""
    return "is JSON that is not closed" if JSON.match(text) and _json_end(text) is None else ""


def _json_end(text: str) -> int | None:
    """Where the JSON at the beginning of a text ends; None if the text ends within it."""
    decoder = json.JSONDecoder(strict=False)
    at = 0
    while at < len(text) and text[at] in "{[":
        try:
            _, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            within = error.msg.startswith("Unterminated string") or UNFINISHED.fullmatch(text, error.pos)
            return None if within else at
        except (RecursionError, ValueError):  # nested too deeply, or a number of thousands of digits
            return at
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
    return at


def is_markup(text: str) -> bool:
    """Whether a text is HTML or XML, not prose with a tag in it."""
    if not text.startswith("<"):
        return False
    return bool(WHOLE_PAGES.match(text)) or any(found["end"] for found in TAG.finditer(text))


def open_markup(text: str) -> str:
    """Why HTML or XML stops before its end; empty if it does not. Tags that HTML leaves out are not missed."""
    bare = text
    for opening, ending in NOT_TAGS:
        bare = _without(bare, opening, ending)
    if OPEN_TAG.search(bare) or "<!--" in bare:
        return "is markup that ends inside a tag"
    names: list[str] = []
    for found in TAG.finditer(bare):
        name = found["name"].lower()
        if found["end"] and name in names:
            del names[len(names) - 1 - names[::-1].index(name) :]
        elif not found["end"] and not found["empty"] and name not in VOID:
            names.append(name)
    missing = next((name for name in names if name not in OPTIONAL), "")
    return f"is markup in which <{missing}> is not closed" if missing else ""


def _without(text: str, opening: str, ending: str) -> str:
    """A text without the parts between two marks; the last one stays if it has no end."""
    plain, kept, at = text.lower(), list[str](), 0
    plain = plain if len(plain) == len(text) else text  # some letters are two in lower case
    while (start := plain.find(opening, at)) >= 0 and (end := plain.find(ending, start)) >= 0:
        kept.append(text[at:start])
        at = end + len(ending)
    return "".join([*kept, text[at:]])


def is_keyed(lines: Sequence[str]) -> bool:
    """Whether lines are keys with values, as in YAML or in a form."""
    filled = [line for line in lines if line.strip()]
    alike = sum(bool(KEYED.fullmatch(line)) for line in filled)
    keys = sum(":" in line for line in filled)
    return len(filled) > 1 and alike >= MIN_ALIKE * len(filled) and 2 * keys > len(filled)


def separator(lines: Sequence[str]) -> str:
    """What separates the cells of a table, whose rows are these lines; empty if they are no table."""
    filled = [THOUSANDS.sub("", line.strip()) for line in lines if line.strip()]
    for mark in ("|", "\t", ";", ","):
        counts = [line.count(mark) for line in filled[:-1]]
        if len(filled) > 1 and counts and counts[0] and len(set(counts)) == 1:
            prose = mark in ",;" and (len(filled) < 3 or any(f"{mark} " in line for line in filled))
            if not prose and all(cell.strip() for cell in filled[0].strip("|").split(mark)):
                return mark
    return ""


def open_row(lines: Sequence[str], mark: str) -> str:
    """Why a table ends within its last row; empty if it does not."""
    filled = [line.strip() for line in lines if line.strip()]
    usual, last = filled[0], filled[-1]
    framed = mark == "|" and usual.endswith("|") and last.startswith("|") and not last.endswith("|")
    short = last.count(mark) < usual.count(mark) and (mark in last or len(filled) > 3) and mark != "|"
    return "is a table whose last row is not complete" if framed or short else ""


def open_list(lines: Sequence[str]) -> str:
    """Why a list ends within it: an item or a heading without text, or one that does not end as all others do."""
    filled = [line for line in lines if line.strip()]
    *before, last = filled or [""]
    if EMPTY_ITEM.fullmatch(last.rstrip()) and any(ITEM.match(line) for line in before):
        return "ends with a list item without text"
    headings = [number for number, line in enumerate(filled) if HEADING.match(line)]
    if len(filled) > 2 and headings[-1:] == [len(filled) - 1] and len(headings) > 1 and headings[-2] < len(filled) - 2:
        return "ends with a heading without text below it"
    if not ITEM.match(last) or STOP.search(last):
        return ""
    items = [line for line in before if ITEM.match(line)]
    ended = sum(bool(STOP.search(line)) for line in items)
    sentence = len(last.split()) > MIN_WORDS and len(items) > 1 and ended == len(items)
    return "ends within a list item: all others end a sentence" if sentence else ""

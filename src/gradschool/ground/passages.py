"""Split documents into passages short enough for a prompt, each with its exact location."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from gradschool.data.documents import Document
from gradschool.data.word_lengths import UNIT, count_words
from gradschool.records import Passage

SLACK = 1.25  # factor by which a passage may exceed its length to keep a paragraph together
MAX_SENTENCE = 2  # passage lengths; a longer sentence is split between words
MAX_ROW = 4  # passage lengths; a longer table row or list item is split between words
MAX_HEADING = 200  # characters of a heading, and of a path of headings

ATX_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]++([^\n]*+)")
UNDERLINE = re.compile(r" {0,3}(=+|-{3,})[ \t]*$")
FENCE = re.compile(r" {0,3}(```+|~~~+)")
TABLE_ROW = re.compile(r"[^|\n]*\|[^|\n]*\||[^\t\n]*\t[^\t\n]*\t")
WHOLE_LINE = re.compile(
    r"[ \t]{0,40}(?:[-*+•‣]|\d{1,3}[.)]|[a-zA-Z][.)]|\(\w{1,3}\))\s"  # list items
    rf"|{TABLE_ROW.pattern}"
    r"|\t| {4}"  # code
)
NO_CELL = re.compile(r"[\s|:-]*")  # a row without content: the rule below the head of a table, or an empty head
# Thai and Lao have spaces between sentences and phrases, and no sign at their ends.
SENTENCE_END = re.compile(
    r"[.!?…؟۔][\"'”’»)\]]*\s+(?=[\"'“‘«(\[]*[^\sa-z])|[。！？।॥။។][」』”’]*|(?<=[\u0e00-\u0eff])\s+(?=[\u0e00-\u0eff])"
)
NO_END = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|No|Nos|Art|Sec|vs|etc|e\.g|i\.e|cf|Fig|Inc|Ltd|Co|approx)|\b[A-Z]|^\s*\d+)\.\s+$"
)


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    end: int  # without the line end
    kind: str  # blank, heading, row (not split) or prose
    path: tuple[str, ...]  # the headings above it, including itself


@dataclass(frozen=True, slots=True)
class _Segment:
    start: int
    end: int
    words: int
    is_row: bool


def split_document(document: Document, words: int) -> list[Passage]:
    """Split a document into passages of about `words` words, at headings, pages, paragraphs or ends of sentences.

    Passages are in text order, do not overlap, and cover all text except white space:
    `document.text[passage.start:passage.end] == passage.text`. A list item or table row is split only if it is longer
    than MAX_ROW times `words`. `heading` has the headings above the passage, outermost first. A passage that begins
    inside a table has the first row of the table as its `table_head`.
    """
    heads = _table_heads(document.text)
    line_starts = [0, *(match.end() for match in re.finditer("\n", document.text))]
    passages: list[Passage] = []
    for path, section in _sections(document):
        for start, end in _pack(document.text, section, words):
            first_line = bisect_right(line_starts, start)
            passages.append(
                Passage(
                    id=f"{document.file}#{len(passages) + 1}",
                    text=document.text[start:end],
                    file=document.file,
                    start=start,
                    end=end,
                    first_line=first_line,
                    last_line=bisect_right(line_starts, end - 1),
                    heading=" > ".join(path)[:MAX_HEADING],
                    page=bisect_right(document.pages, start) or None,
                    table_head=heads.get(first_line, ""),
                )
            )
    return passages


def _table_heads(text: str) -> dict[int, str]:
    """The first row of its table for each further row with cells, by the number of its line."""
    heads: dict[int, str] = {}
    head = ""
    for number, line in enumerate(text.split("\n"), 1):
        if not TABLE_ROW.match(line):
            head = ""
        elif head:
            heads[number] = head
        elif not NO_CELL.fullmatch(line):
            head = line.strip()[:MAX_HEADING]
    return heads


def _lines(document: Document) -> Iterator[_Line]:
    """Every line with its kind and the headings above it; lines in a code fence are never headings."""
    text, path, fence = document.text, [""] * 7, ""
    spans = [match.span() for match in re.finditer(r"[^\n]*(?:\n|$)", text)]
    lines = [(start, end - text[start:end].endswith("\n")) for start, end in spans if start < len(text)]
    kind = "blank"
    for number, (start, end) in enumerate(lines):
        line = text[start:end]
        before, kind = kind, "prose"
        if not line.strip():
            kind = "blank"
        elif opened := FENCE.match(line):
            fence = "" if fence and line.strip().startswith(fence) else fence or opened.group(1)
            kind = "row"
        elif fence:
            kind = "row"
        elif UNDERLINE.match(line) and before == "heading":
            kind = "heading"
        elif title := _heading(text, lines, number):
            level, name = title
            path[level:] = [name, *[""] * (6 - level)]
            kind = "heading"
        elif WHOLE_LINE.match(line):
            kind = "row"
        yield _Line(start, end, kind, tuple(filter(None, path)))


def atx_heading(line: str) -> tuple[int, str] | None:
    """Level and name of a heading such as `## Name ##`."""
    match = ATX_HEADING.match(line)
    return (len(match[1]), match[2].rstrip(" \t").rstrip("#").strip()) if match else None


def _heading(text: str, lines: list[tuple[int, int]], number: int) -> tuple[int, str] | None:
    """Level and name if the line is a heading: `# Name`, or a single line underlined with === or ---."""
    start, end = lines[number]
    line = text[start:end]
    if end - start > MAX_HEADING:
        return None
    if heading := atx_heading(line):
        return heading
    before = text[slice(*lines[number - 1])] if number else ""
    after = UNDERLINE.match(text[slice(*lines[number + 1])]) if number + 1 < len(lines) else None
    if after and not before.strip() and not WHOLE_LINE.match(line) and not UNDERLINE.match(line):
        return (1 if after.group(1).startswith("=") else 2), line.strip()
    return None


def _sections(document: Document) -> Iterator[tuple[tuple[str, ...], list[_Line]]]:
    """Runs of lines with the same headings and page; a heading belongs to the text after it."""
    section: list[_Line] = []
    page = 0
    for line in _lines(document):
        here = bisect_right(document.pages, line.start)
        begins = line.kind == "heading" and any(other.kind in ("row", "prose") for other in section)
        if section and (begins or here != page):
            yield section[-1].path, section
            section = []
        if line.kind != "blank" or section:
            section.append(line)
        page = here
    if section:
        yield section[-1].path, section


def _paragraphs(text: str, section: list[_Line]) -> Iterator[list[_Segment]]:
    """The paragraphs of a section, each a list of segments between which it may be split."""
    run: list[_Line] = []

    def prose() -> list[_Segment]:
        return list(_sentences(text, run[0].start, run[-1].end)) if run else []

    segments: list[_Segment] = []
    for line in section:
        if line.kind == "prose":
            run.append(line)
            continue
        segments += prose()
        run = []
        if line.kind == "blank":
            if segments:
                yield segments
            segments = []
        else:
            segments.append(_segment(text, line.start, line.end, is_row=True))
    segments += prose()
    if segments:
        yield segments


def _sentences(text: str, start: int, end: int) -> Iterator[_Segment]:
    for match in SENTENCE_END.finditer(text, start, end):
        if not NO_END.search(text[max(start, match.start() - 12) : match.end()]):
            yield _segment(text, start, match.end())
            start = match.end()
    if text[start:end].strip():
        yield _segment(text, start, end)


def _segment(text: str, start: int, end: int, is_row: bool = False) -> _Segment:
    """A segment without surrounding white space."""
    inside = text[start:end]
    start += len(inside) - len(inside.lstrip())
    return _Segment(start, start + len(inside.strip()), count_words(inside), is_row)


def _pack(text: str, section: list[_Line], words: int) -> Iterator[tuple[int, int]]:
    """Spans of about `words` words: entire paragraphs if they fit, otherwise groups of sentences of similar length."""
    held: list[_Segment] = []

    def length() -> int:
        return sum(segment.words for segment in held)

    for paragraph in _paragraphs(text, section):
        size = sum(segment.words for segment in paragraph)
        if held and length() + size > words * SLACK and length() >= words / 2:
            yield held[0].start, held[-1].end
            held = []
        # A paragraph too long for one passage becomes several of similar length.
        parts = 1 if length() + size <= words * SLACK else -(-(length() + size) // words)
        target = (length() + size) / parts
        for segment in (part for long in paragraph for part in _shorten(text, long, words)):
            # Closer to the target without this segment than with it.
            if held and parts > 1 and length() + segment.words / 2 > target:
                yield held[0].start, held[-1].end
                held = []
            held.append(segment)
    if held:
        yield held[0].start, held[-1].end


def _shorten(text: str, segment: _Segment, words: int) -> Iterator[_Segment]:
    """The segment unchanged, or split between words if it is too long."""
    if segment.words <= words * (MAX_ROW if segment.is_row else MAX_SENTENCE):
        yield segment
        return
    starts = [match.start() for match in UNIT.finditer(text, segment.start, segment.end)][::words]
    for start, end in zip(starts, [*starts[1:], segment.end], strict=True):
        yield _segment(text, start, end)

"""The title of a text: in its front matter, in a line of its own at its top, or in the name of its file."""

import re
from itertools import islice
from typing import NamedTuple

from gradschool.data.date_lines import date_line
from gradschool.data.word_lengths import count_words
from gradschool.prepare.people import word_lists

HEADING = re.compile(r"^ {0,3}(#{1,6})\s++(\S(?:[^\n]*[^\s#])?)(?:[^\S\n]|#)*+$", re.MULTILINE)
RULES = {"---": ("---", "..."), "+++": ("+++",)}  # that begin front matter, and that end it
MAX_FRONT = 200  # lines of front matter
ENTRY = re.compile(r"\s|$|[#\-\[\]{}]|[\"']?[^\W\d_][\w .-]{0,40}[\"']?\s*[:=]")  # how a line of it begins
TITLE = re.compile(r"^[\"']?(?:title|titel|titre|t[ií]tulo|titolo|otsikko|rubrik)[\"']?\s*[:=]\s*(.*)$", re.M | re.I)
UNDERLINE = re.compile(r" {0,3}(?:=+|-{3,})[ \t]*")
MAX_CHARACTERS, MAX_WORDS = 100, 14  # of a title in a line of its own
NO_ENDS = tuple(".,;:!?…-–—。，、；：！？")  # no title ends with these, or it may be a sentence or a greeting
MORE_WORDS = 20  # of the text below a title


class Titled(NamedTuple):
    """A title, and the place where the text after it begins; without a title, where the text itself does."""

    title: str
    begin: int


def title_in(stem: str) -> str:
    """The title in the name of a file; empty if the name says nothing, as `essay1`, `2019-05-03` and `IMG_0042` do.

    >>> title_in("on_keeping-bees"), title_in("essay 12")
    ('on keeping bees', '')
    """
    words = stem.replace("_", " ").replace("-", " ").split()
    named = [word for word in words if any(map(str.isalpha, word))]
    return " ".join(words) if len(named) > 1 or (named == words and named[0].isalpha()) else ""


def front_matter(text: str) -> Titled:
    """The title that front matter names, and where the text below it begins; 0 if there is none.

    Lines between two rules are front matter only if all of them are entries: prose between two rules is text.
    """
    rule = text.partition("\n")[0]
    begin = at = len(rule) + 1
    for line in islice(text[begin:].splitlines(keepends=True), MAX_FRONT) if rule.rstrip() in RULES else ():
        if line.rstrip() in RULES[rule.rstrip()]:
            found = TITLE.search(text, begin, at)
            return Titled(found[1].strip().strip("\"'").strip() if found else "", at + len(line))
        if not ENTRY.match(line):
            break
        at += len(line)
    return Titled("", 0)


def titled(text: str) -> Titled:
    """The title in the first line of a text, which is underlined or has an empty line below it.

    The line says what the text is about: it is no sentence, no greeting, no date and no number of a chapter.
    """
    begin = len(text) - len(text.lstrip())
    first, _, rest = text[begin:].partition("\n")
    below, _, after = rest.partition("\n")
    if UNDERLINE.fullmatch(below) and first.strip():
        return Titled(first.strip(), len(text) - len(after))
    if below.strip() or not _is_title(first.strip()) or count_words(after[: 40 * MORE_WORDS]) < MORE_WORDS:
        return Titled("", begin)
    block = after.lstrip().partition("\n\n")[0]
    if _is_title(" ".join(block.split())):  # several short lines: verses, an address, a list
        return Titled("", begin)
    return Titled(first.strip(), len(text) - len(after))


def _is_title(line: str) -> bool:
    words = line.split()
    if not words or len(words) > MAX_WORDS or len(line) > MAX_CHARACTERS or line.endswith(NO_ENDS):
        return False
    if not line[0].isalnum() and line[0] not in "“\"'«„‘(¿¡":
        return False
    greeting = words[0].strip(",.").casefold() in {*word_lists()["greetings"], *word_lists()["before"]}
    return bool(title_in(line)) and not greeting and not date_line(line)

"""The form in which questions are compared: without markup, accents, and the numbers that are written around them."""

import html
import re
import unicodedata
from collections.abc import Sequence

from gradschool.data.near_answers import DIGIT
from gradschool.data.normalize import MARKS, normalize
from gradschool.records import Example

EDGE = 4  # words at the beginning and at the end of a message
MIN_WORDS = 3  # of a question between the numbers around it
AFTER = tuple(":.)]}>|")  # what ends a number before a question
SIGN = re.compile(r"[-–—:|>]+")  # the same, apart from it
DATE = re.compile(r"[\[(<]?\d+[-/.:]\d")  # a date, a time or an outline number without such a sign
BRACKET, SENTENCE_END = re.compile(r"[(\[{<#]"), re.compile(r"[.!?。！？…]['\"”’)\]]*$")  # before numbers after it
NAMES = (
    "a|abbr|article|b|big|blockquote|body|br|center|code|dd|del|div|dl|dt|em|figure|font|footer|form|h[1-6]|head|header"
    "|hr|html|i|img|ins|li|main|ol|p|pre|q|s|section|small|span|strike|strong|sub|sup|table|tbody|td|tfoot|th|thead|tr"
    "|tt|u|ul"
)
TAG = re.compile(rf"<(?:/?(?:{NAMES})\b[^<>]{{0,500}}|!--[^<>]{{0,500}}--)>", re.IGNORECASE)
# A text with a closing tag or a line break is a page; "what does <b> do" is a question about tags.
PAGE = re.compile(r"</[a-z]|<br\b", re.IGNORECASE)
# Letters that keyboards without them replace by others, as they do letters with accents: those with a stroke, joined
# ones, and Arabic ones that are written in several ways.
LETTERS = str.maketrans(
    {
        **dict(zip("đðøłħŧı", "ddolhti", strict=True)),
        "æ": "ae",
        "œ": "oe",
        **dict.fromkeys("يى", "ی"),
        "ك": "ک",
        **dict.fromkeys("ةہ", "ه"),
    }
)
THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
UNIT = re.compile(r"(?<=\d)(?=[^\W\d_])")  # "5mg" is "5 mg"
# Sentences of a message, as far as signs and lines end them.
SENTENCE = re.compile(r"(?<=[.!?。！？])\s*|\n+")


def plain(text: str) -> str:
    """A text without tags and entities of HTML."""
    if "&" in text:
        text = html.unescape(text)
    return TAG.sub(" ", text) if "<" in text and PAGE.search(text) else text


def comparable(text: str) -> str:
    """A normalized text without tags and entities of HTML, without accents, and with numbers in one form.

    >>> comparable("<p>Où est&nbsp;mon café de 1,500g&#8239;?</p>")
    'ou est mon cafe de 1500 g'
    """
    text = plain(text)
    if DIGIT.search(text):
        text = UNIT.sub(" ", THOUSANDS.sub("", text))
    normalized = normalize(text)
    if normalized.isascii():
        return normalized
    return unicodedata.normalize("NFC", MARKS.sub("", unicodedata.normalize("NFD", normalized))).translate(LETTERS)


def bare(text: str) -> str:
    """A message without the numbers of tickets, dates and times that are written around it.

    They are in its first words, before a colon or the like, or in its last words, in brackets or after a sentence. A
    message of which little would be left stays as it is.

    >>> bare("Ticket 4711: where is my parcel with 2 boxes? (3 May 2024)")
    'where is my parcel with 2 boxes?'
    >>> bare("What is lot 7?")
    'What is lot 7?'
    """
    if not DIGIT.search(text):
        return text
    words = text.split()
    count = len(words)
    numbers = [place for place, word in enumerate(words) if DIGIT.search(word)]
    first = max((place for place in numbers if place < EDGE and _ends(words, place)), default=-1)
    tail = (place for place in range(max(first + 1, count - EDGE), count) if _begins(words, place))
    last = min((place for place in tail if place <= numbers[-1]), default=count)
    if last - first <= MIN_WORDS or (first < 0 and last == count):
        return text
    return " ".join(words[first + 1 : last])


def _ends(words: Sequence[str], place: int) -> bool:
    """Whether what precedes a question may end with a word: it is a date, or has a sign after it."""
    if place + 1 == len(words):
        return False
    return bool(
        words[place].endswith(AFTER) or SIGN.fullmatch(words[place + 1]) or (place == 0 and DATE.match(words[0]))
    )


def _begins(words: Sequence[str], place: int) -> bool:
    """Whether what follows a question may begin with a word: it has a bracket, or the word before ends a sentence."""
    return bool(BRACKET.match(words[place]) or (place and SENTENCE_END.search(words[place - 1])))


def unnumbered(text: str) -> str:
    """A text without the words up to a number near its beginning, and without those from one near its end on.

    >>> unnumbered("Ticket 4711: where is my parcel? (3 May 2024)")
    'where is my parcel?'
    """
    words = text.split()
    first = max((place + 1 for place, word in enumerate(words[:EDGE]) if DIGIT.search(word)), default=0)
    start = max(first, len(words) - EDGE)
    last = next((place for place in range(start, len(words)) if DIGIT.search(words[place])), len(words))
    return " ".join(words[first:last])


def question_text(example: Example) -> str:
    """The question of an example without its system message, which all examples share; images are their hashes."""
    text = "\n".join(message.content for message in example.question if message.role != "system")
    return "\n".join((text, *(image.sha256 for image in example.images)))


def comparable_question(example: Example) -> str:
    """The question of an example, without its system message, in the form in which questions are compared."""
    return comparable(question_text(example))


def bare_question(example: Example, whole: str) -> str:
    """As `comparable_question`, which is `whole`, with each message `bare`.

    Not if the answer has a number: that may depend on those in the question. Nor if the question has images, of which
    the hash begins or ends with digits.
    """
    if not DIGIT.search(whole) or example.images or DIGIT.search(example.ideal):
        return whole
    messages = (message for message in example.question if message.role != "system")
    return comparable("\n".join(bare(plain(message.content)) for message in messages))

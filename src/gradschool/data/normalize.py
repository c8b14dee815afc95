"""Normalize texts for comparison: one Unicode form, without case, punctuation, spacing and lookalikes of letters."""

import re
import unicodedata
from functools import lru_cache

import regex

from gradschool.data.confusables import fold_lookalikes, join_words
from gradschool.records import Conversation, Example

# Characters that carry meaning stay: "5 - 3", "5 * 3" and "5 / 3" are three questions, and so are "1.5" and "15".
PUNCTUATION = regex.compile(r"(?V1)[\p{P}\p{Sc}\p{Cf}`´--[*/\\%&@\#\-]]|-(?!\d)")

# In scripts without spaces between words, each character counts as a word.
_SPACELESS = (
    r"\p{Han}\p{Hiragana}\p{Katakana}\u30fc\p{Bopomofo}\p{Yi}\p{Tangut}\p{Nushu}"
    r"\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tai_Le}\p{New_Tai_Lue}\p{Tai_Tham}\p{Tai_Viet}\p{Javanese}\p{Balinese}\p{Tibetan}"
)
SPACELESS = regex.compile(rf"[{_SPACELESS}]")
CHARACTER = regex.compile(rf"(?=[{_SPACELESS}])\X")  # with its marks, which are code points of their own in Thai
PUNCTUATED = regex.compile(rf"(?:(?<!\p{{P}})\p{{P}}++)?+{CHARACTER.pattern}\p{{P}}*+")
WORD = regex.compile(rf"(?V1)[{_SPACELESS}]|[^\s{_SPACELESS}]+")
# A fast path for ASCII, ten times as fast as the general one.
ASCII_PUNCTUATION = {code: " " for code in range(128) if chr(code) != "-" and PUNCTUATION.fullmatch(chr(code))}
HYPHEN = re.compile(r"-(?![0-9])")
# Asterisks around words, as in Markdown; "5 * 3", "2**3" and "a*b" stay.
EMPHASIS = re.compile(r"(?<![\w*])(?:\*(?=[^\W\d])|\*{2,}(?=\w))|(?:(?<=[^\W\d])\*(?!\*)|(?<=[^\s*])\*{2,})(?![\w*])")

# Invisible characters: soft hyphens, byte order marks, zero-width spaces, directional marks. Joiners (U+200C and
# U+200D) stay, because some scripts and emoji need them.
INVISIBLE = re.compile("[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
SPACE = re.compile("[\u0085\u00a0\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")  # looks like a space
# Accents that have no letter of their own, and signs of vowels that Arabic and Hebrew texts may leave out.
MARKS = re.compile("[\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u0640\u064b-\u065f\u0670]")
NOT_ASCII = re.compile(r"[^\x00-\x7f]")
QUOTES = str.maketrans({**dict.fromkeys("’‘ʼ‛", "'"), **dict.fromkeys("“”„‟", '"')})
OTHER_DIGIT = re.compile(r"(?![0-9])\d")
# Compatible forms that are not folded, because they would change a number (10² is not 102) or add a space (´).
MEANING = ("<super>", "<sub>", "<fraction>", "<circle>")


def compose(text: str) -> str:
    """A text in one Unicode form (NFC), with plain spaces and line ends and without invisible signs.

    Two texts that look the same are equal after it, and it changes nothing that can be seen.
    """
    if text.isascii():
        return text.replace("\r\n", "\n")
    plain = SPACE.sub(" ", INVISIBLE.sub("", text)).replace("\r\n", "\n")
    return unicodedata.normalize("NFC", plain)


def as_typed(text: str) -> str:
    """A text in one Unicode form, with the quotes and apostrophes of a keyboard."""
    return compose(text).translate(QUOTES)


def fold_width(text: str) -> str:
    """As `compose`, and half-width, full-width and presentation forms, ligatures, unit signs and digits as usual ones.

    Unlike Unicode's NFKC it keeps superscripts, fractions and circled numbers, because 10² is not 102.

    >>> fold_width("ＡＢＣ　１２：３０, ﾃﾞｰﾀ, 5㎏, 10²")
    'ABC 12:30, データ, 5kg, 10²'
    """
    text = compose(text)
    if text.isascii() or (unicodedata.is_normalized("NFKC", text) and not OTHER_DIGIT.search(text)):
        return text
    return unicodedata.normalize("NFC", NOT_ASCII.sub(lambda found: _folded(found[0]), text))


@lru_cache(maxsize=4096)
def _folded(character: str) -> str:
    if (digit := unicodedata.decimal(character, None)) is not None:
        return str(digit)
    if unicodedata.decomposition(character).startswith(MEANING):
        return character
    folded = unicodedata.normalize("NFKC", character)
    return character if folded.startswith(" ") else folded


def normalize(text: str) -> str:
    """A text in lower case; punctuation, asterisks around words and runs of spaces are one space.

    A letter of another script that looks like one of its word's own is that letter. Text that is only punctuation
    stays.

    >>> normalize("Where's my card?!")
    'where s my card'
    """
    if text.isascii():
        lower = text.lower()
        plain = (EMPHASIS.sub(" ", lower) if "*" in lower else lower).translate(ASCII_PUNCTUATION)
        if "-" in plain:
            plain = HYPHEN.sub(" ", plain)
        return " ".join(plain.split()) or lower.strip()
    divided = join_words(text).replace("\u200b", " ")  # a zero-width space divides words in scripts without spaces
    lower = fold_lookalikes(fold_width(divided)).casefold()
    plain = PUNCTUATION.sub(" ", EMPHASIS.sub(" ", lower) if "*" in lower else lower)
    return " ".join(plain.split()) or lower.strip()


def words(text: str) -> list[str]:
    """The normalized words of a text."""
    return normalized_words(normalize(text))


def normalized_words(normalized: str) -> list[str]:
    """The words of a text that is already normalized."""
    if normalized.isascii() or not SPACELESS.search(normalized):
        return normalized.split()
    return WORD.findall(normalized)


def word_count(text: str) -> int:
    """How many words a text has: between spaces, and each character but punctuation in scripts without spaces."""
    return len(text.split() if text.isascii() else PUNCTUATED.sub(" x ", text).split())


def normalized_question(example: Example) -> str:
    """The normalized question of an example with its roles; equal for examples that ask the same."""
    return normalized_messages(example.question)


def normalized_messages(messages: Conversation) -> str:
    """Messages with their roles as one normalized text, in which images are their hashes."""
    return "\n".join(
        " ".join((f"{message.role}: {normalize(message.content)}", *(image.sha256 for image in message.images)))
        for message in messages
    )

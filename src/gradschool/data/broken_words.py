"""Join words that are broken at the end of a line, by a hyphen or in a script without spaces."""

import regex

from gradschool.data.normalize import SPACELESS

# "Haupt- und Nebenkosten" is not a broken word.
_AND = r"(?!(?:und|oder|bzw|sowie|bis|and|or|to|et|ou|y|o|e|en|of|och|eller|og)\b)"
_HYPHENATED = regex.compile(rf"(\p{{L}}{{2,}})[-\u2010\u2011]\n[ \t]*{_AND}(\p{{Ll}}\p{{L}}+)")
_COMPOUND = regex.compile(r"(?<=[\p{L}\d])([-\u2010\u2011])\n[ \t]*(?=[\p{Lu}\d])")  # E-Mail, COVID-19
_WRAPPED = regex.compile(rf"(?<={SPACELESS.pattern})\n[ \t]*(?={SPACELESS.pattern})")


def join_broken_words(text: str, *, both: bool = False) -> str:
    """A text in which words broken at line ends are whole again; one that it also writes with a hyphen keeps it.

    With `both`, the two parts follow a joined word, because "well-known" cannot be distinguished from a broken word.

    >>> join_broken_words("Die Rück-\\ngabe, per E-\\nMail")
    'Die Rückgabe, per E-Mail'
    """
    if "\n" not in text:
        return text
    low = text.casefold()

    def joined(found: "regex.Match[str]") -> str:
        first, second = found.groups()
        if f"{first}-{second}".casefold() in low:
            return f"{first}-{second}"
        return f"{first}{second} {first} {second}" if both else f"{first}{second}"

    return _WRAPPED.sub("", _COMPOUND.sub(r"\1", _HYPHENATED.sub(joined, text)))

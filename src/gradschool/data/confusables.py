"""Fold letters of another script that look like those of a word's own, for comparing: a Cyrillic а in a Latin word.

Two texts that look the same are then equal. The letters are those of Unicode Technical Standard 39. Words that are
written in one script stay as they are, because "рот" is a word in Russian and "pot" is one in English; only a text with
words in Latin letters around it shows that such a word is disguised.
"""

import tomllib
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

import regex

CASED = r"\p{Latin}\p{Cyrillic}\p{Greek}\p{Armenian}"
# Signs without a width, in text of scripts that need none: joiners, zero-width spaces, variation selectors.
PLAIN = rf"[{CASED}\p{{P}}\x20-\x7e]"
WITHIN = regex.compile(rf"(?<={PLAIN})\p{{Default_Ignorable_Code_Point}}+(?={PLAIN})")
LATIN = regex.compile(r"\p{Latin}")
NOT_LATIN = regex.compile(r"[^\p{Latin}\p{M}]")
WORD = regex.compile(r"[\p{L}\p{M}]+")


@lru_cache(maxsize=1)
def _tables() -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """The Latin letter that each letter looks like; and for each other script, the letter that a Latin one looks like.

    Scripts are those with small letters, since others have no text that looks like words.
    """
    known = tomllib.loads(files("gradschool.data").joinpath("confusables.toml").read_text(encoding="utf-8"))
    to_latin = {other: latin for latin, others in known.items() for other in others}
    to_other: dict[str, dict[str, str]] = {}
    for latin, others in known.items():
        for other in others:
            if script := _script(other):
                to_other.setdefault(script, {}).setdefault(latin, other)
    return to_latin, to_other


@lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    """The script of a letter that has words with Latin lookalikes; empty for others."""
    return next((name for name in ("Cyrillic", "Greek", "Armenian") if regex.match(rf"\p{{{name}}}", letter)), "")


def join_words(text: str) -> str:
    """A text without invisible signs between its characters, in scripts that need none."""
    return text if text.isascii() else WITHIN.sub("", text)


def fold_lookalikes(text: str) -> str:
    """A text in which no word mixes scripts only by letters that look alike.

    >>> fold_lookalikes("Where is my \N{CYRILLIC SMALL LETTER ES}ard?") == "Where is my card?"
    True
    """
    if text.isascii() or not LATIN.search(text):
        return text
    to_latin, to_other = _tables()
    if to_latin.keys().isdisjoint(text):
        return text
    letters = Counter(text)
    scripts = Counter[str]()
    for letter, count in letters.items():
        scripts[_script(letter)] += count
    script = max(sorted(scripts.keys() - {""}), key=scripts.__getitem__, default="")
    to_own = to_other.get(script, {})
    # Letters that exist in one of the two scripts only show which one the text is written in.
    latin = sum(count for letter, count in letters.items() if LATIN.match(letter) and letter not in to_own)
    own = sum(count for letter, count in letters.items() if _script(letter) and letter not in to_latin)
    known: dict[str, str] = {}

    def fold(found: regex.Match[str]) -> str:
        word = found[0]
        if word not in known:
            known[word] = _folded(word, to_latin, to_own, latin >= own)
        return known[word]

    return str(WORD.sub(fold, text))


def _folded(word: str, to_latin: Mapping[str, str], to_own: Mapping[str, str], is_latin: bool) -> str:
    """A word in one script, if it can be: in Latin letters if both are possible and the text is in these."""
    into_latin = all(letter in to_latin for letter in NOT_LATIN.findall(word))
    into_own = all(letter in to_own for letter in LATIN.findall(word))
    if into_latin and (is_latin or not into_own):
        return "".join(to_latin.get(letter, letter) for letter in word)
    return "".join(to_own.get(letter, letter) for letter in word) if into_own else word

"""Words of a text that may carry its content, by which an answer and the passage that supports it are compared.

These are numbers, and words of four letters and more. In scripts without spaces between words, and in Korean, whose
words end in particles, they are the pairs of neighbouring characters. A word has several pairs, so that each counts as
a part of one.
"""

from collections.abc import Iterable

import regex

from gradschool.data.broken_words import join_broken_words
from gradschool.data.normalize import compose
from gradschool.data.word_lengths import FOUR, PER_FOUR, PER_PAIR
from gradschool.ground.bigrams import CHARACTERS, bigrams

MIN_LETTERS = 4
WORD = regex.compile(r"\w+")  # of `regex`, since vowels of Hindi and others are marks, which are no letters for `re`
GRAMMAR = regex.compile(r"[\p{Hiragana}\u30fc]+")  # endings and particles of Japanese


def content_words(text: str) -> set[str]:
    """The words, each once."""
    text = join_broken_words(compose(text)).casefold()
    if text.isascii():
        return _long(WORD.findall(text))
    pairs = {pair for pair in bigrams(text, single=False).split() if not GRAMMAR.fullmatch(pair)}
    return pairs | _long(WORD.findall(CHARACTERS.sub(" ", text)))


def weight(words: Iterable[str]) -> float:
    """How many words these are, if a pair of characters is a part of one."""
    return sum(_share(word) for word in words)


def _long(words: Iterable[str]) -> set[str]:
    return {word for word in words if len(word) >= MIN_LETTERS or word.isdigit()}


def _share(word: str) -> float:
    if not CHARACTERS.match(word):
        return 1
    return 1 / (PER_FOUR if FOUR.match(word) else PER_PAIR)

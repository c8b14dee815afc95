"""Texts that imitate an author without being the author's writing; the metric `style` learns to reject them.

`disordered_texts` destroy the order of words: they keep the vocabulary of the author. `texts_of_others` are
generic letters, and texts of others between the greeting and the closing of the author. The same texts give the same
forgeries.
"""

import random
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import regex

from gradschool.data.comparable import SENTENCE_END
from gradschool.data.normalize import SPACELESS, word_count

PLAIN = 60  # generic letters
KINDS = 2  # of disorder for each text, besides replaced words and fragments
REPLACED_EVERY = (3, 12)  # the range of distances between two replaced words
FRAGMENT, FRAGMENTED = (3, 12), 3  # words of a fragment; texts that fragments are from
SWAPPED = 5  # words that two exchanged ones are apart at most
FRAME_WORDS = 9  # of a line that may be a greeting or a closing
UNIT = regex.compile(rf"\s+|{SPACELESS.pattern}|(?:(?!{SPACELESS.pattern})\S)+")
Forge = Callable[[list[str], random.Random], list[str]]


@dataclass(frozen=True, slots=True)
class Forgery:
    """A text in disorder, and the positions of the texts that its runs of words are from."""

    text: str
    sources: tuple[int, ...]


def disordered_texts(texts: Sequence[str], seed: int = 0) -> list[Forgery]:
    """Each text in several kinds of disorder; those that equal their text are left out.

    Words are shuffled in the whole text or within sentences, neighbours are exchanged, words are replaced by others of
    the author or all by one, or left out, and fragments of a few texts are strung together.
    """
    chance = random.Random(seed)
    split = [[unit for unit in UNIT.findall(text) if not unit.isspace()] for text in texts]
    replaced = partial(_replaced, [word for words in split for word in words])
    fragments = partial(_fragments, split)
    kinds: tuple[Forge, ...] = (_shuffled, _shuffled_in_sentences, _exchanged, _stuffed, _thinned, _swapped)
    found = []
    for number, text in enumerate(texts):
        sources = (number, *chance.choices(range(len(texts)), k=FRAGMENTED - 1))
        fragments = partial(_fragments, [split[source] for source in sources])
        chosen: list[Forge] = [replaced, replaced, *chance.sample(kinds, KINDS)]  # replaced words are the least visible
        forged = [Forgery(_in_words(text, kind, chance), (number,)) for kind in chosen]
        forged.append(Forgery(_in_words(text, fragments, chance), sources))
        found += [one for one in forged if one.text.split() != text.split() and one.text.strip()]
    return found


def texts_of_others(own: Sequence[str], others: Sequence[str], words: float, seed: int = 0) -> list[str]:
    """Texts of about so many words that the author did not write.

    They are plain letters, in several languages; texts of others and plain letters between the author's own greeting
    and closing; and the author's texts with all letters exchanged, so that no word is left.
    """
    chance = random.Random(seed)
    plain = plain_letters(words, seed)
    frames = [frame for text in own if any(frame := _frame(text))]
    bodies = [*others, *(body for letter in plain if (body := _frameless(letter)))]
    framed = []
    if frames:
        for body in chance.sample(bodies, min(len(bodies), PLAIN)):
            begin, end = chance.choice(frames)
            framed.append("\n\n".join(filter(None, (begin, _frameless(body), end))))
    unknown = [_enciphered(text, chance) for text in chance.sample(list(own), min(len(own), PLAIN // 4))]
    return [*plain, *framed, *unknown]


def plain_letters(words: float, seed: int = 0) -> list[str]:
    """Generic letters, of about so many words, in several languages."""
    chance = random.Random(seed)
    return [_plain_letter(letters, words, chance) for letters, count in _shares() for _ in range(count)]


def _in_words(text: str, kind: Forge, chance: random.Random) -> str:
    """A text with its words changed by `kind`; its white space stays in place in half of all cases."""
    units = UNIT.findall(text)
    words = kind([unit for unit in units if not unit.isspace()], chance)
    if len(words) != sum(not unit.isspace() for unit in units) or chance.random() < 0.5:
        return _joined(words)
    following = iter(words)
    return "".join(unit if unit.isspace() else next(following) for unit in units)


def _shuffled(words: list[str], chance: random.Random) -> list[str]:
    return chance.sample(words, len(words))


def _shuffled_in_sentences(words: list[str], chance: random.Random) -> list[str]:
    found: list[str] = []
    sentence: list[str] = []
    for word in words:
        sentence.append(word)
        if SENTENCE_END.search(word):
            found += _shuffled(sentence, chance)
            sentence = []
    return found + _shuffled(sentence, chance)


def _exchanged(words: list[str], chance: random.Random) -> list[str]:
    """Every pair of neighbours is exchanged."""
    pairs = [words[at : at + 2][::-1] for at in range(0, len(words), 2)]
    return [word for pair in pairs for word in pair]


def _swapped(words: list[str], chance: random.Random) -> list[str]:
    """Some words are exchanged with a following one."""
    found = list(words)
    for place in range(0, len(words) - SWAPPED, chance.randint(*REPLACED_EVERY)):
        other = place + chance.randint(1, SWAPPED)
        found[place], found[other] = found[other], found[place]
    return found


def _replaced(pool: Sequence[str], words: list[str], chance: random.Random) -> list[str]:
    every = chance.randint(*REPLACED_EVERY)
    begin = chance.randrange(every)
    return [chance.choice(pool) if at % every == begin else word for at, word in enumerate(words)]


def _stuffed(words: list[str], chance: random.Random) -> list[str]:
    return _replaced([chance.choice(words)] if words else [], words, chance)


def _thinned(words: list[str], chance: random.Random) -> list[str]:
    every = chance.randint(*REPLACED_EVERY)
    begin = chance.randrange(every)
    return [word for at, word in enumerate(words) if at % every != begin]


def _fragments(texts: Sequence[Sequence[str]], words: list[str], chance: random.Random) -> list[str]:
    """Runs of words from random places of random texts, about as many as `words`."""
    size = chance.randint(*FRAGMENT)
    found: list[str] = []
    for _ in range(max(len(words) // size, 1)):
        text = chance.choice(texts)
        begin = chance.randrange(max(len(text) - size, 0) + 1)
        found += text[begin : begin + size]
    return found


def _joined(words: Sequence[str]) -> str:
    """Words as one line; those of scripts without spaces have none between them."""
    return ("" if any(map(SPACELESS.search, words)) else " ").join(words)


@cache
def _letters() -> list[dict[str, Any]]:
    with (Path(__file__).parent / "plain_letters.toml").open("rb") as file:
        return list(tomllib.load(file)["letters"])


def _shares() -> list[tuple[dict[str, Any], int]]:
    """Each set of letters, and how many of PLAIN it gives: in proportion to its sentences."""
    total = sum(len(letters["sentences"]) for letters in _letters())
    return [(letters, round(PLAIN * len(letters["sentences"]) / total)) for letters in _letters()]


def _plain_letter(letters: dict[str, Any], words: float, chance: random.Random) -> str:
    sentences: list[str] = []
    for sentence in chance.sample(letters["sentences"], len(letters["sentences"])):
        sentences.append(sentence)
        if sum(map(word_count, sentences)) >= words:
            break
    parts = (chance.choice(letters["greetings"]), " ".join(sentences), chance.choice(letters["closings"]))
    return "\n\n".join(filter(None, parts))


def _frame(text: str) -> tuple[str, str]:
    """The greeting and the closing of a text: the short lines at its beginning and end; empty if there are none."""
    lines = text.strip().split("\n")
    if all(word_count(line) <= FRAME_WORDS for line in lines):
        return "", ""
    begin = next(at for at, line in enumerate(lines) if word_count(line) > FRAME_WORDS)
    end = next(at for at, line in enumerate(reversed(lines)) if word_count(line) > FRAME_WORDS)
    return "\n".join(lines[:begin]).strip(), "\n".join(lines[len(lines) - end :]).strip()


def _frameless(text: str) -> str:
    begin, end = _frame(text)
    return text.strip().removeprefix(begin).removesuffix(end).strip()


def _enciphered(text: str, chance: random.Random) -> str:
    """A text with each letter exchanged for another one of the text, so that no word of it is left."""
    letters = sorted({sign for sign in text if sign.isalpha()})
    table = dict(zip(letters, chance.sample(letters, len(letters)), strict=True))
    return "".join(table.get(sign, sign) for sign in text)

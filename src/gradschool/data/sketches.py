"""Recognize questions without keeping them: a sketch of 17 bytes is alike for texts that are alike.

A sketch has one bit for each of 128 MinHash functions over the character 5-grams of a question (b-bit minwise hashing,
Li and König 2010), and one byte of a hash of its answer. The fraction of equal bits estimates the Jaccard similarity of
two questions: it is one half without common grams, and 1 for equal texts. Numbers are part of every gram, so questions
with different numbers have unlike sketches. Of a question without wording of its own, such as "Go on.", the sketch is
that of the answer. A text cannot be computed from its sketch, but a guess of it can be confirmed.
"""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gradschool.data.char_grams import char_grams
from gradschool.data.near_answers import DIGIT
from gradschool.data.near_duplicates import question_text
from gradschool.data.normalize import normalize
from gradschool.data.shingles import BLOCK, MULTIPLIER, Grams, Hashes
from gradschool.data.short_texts import MIN_GRAMS, common_grams, numbers_key
from gradschool.records import Example, Message

BITS = 128
BYTES = BITS // 8 + 1  # of a sketch; the last is that of the answer
SAME_ANSWER, OTHER_ANSWER = 102, 112  # equal bits from which two questions are nearly the same: a Jaccard of .59, .75
SENTENCE = re.compile(r"(?<=[.!?。！？])\s*|\n+")
EDGE = 4  # words at the beginning and at the end of a question
MIN_SENTENCE, MAX_SENTENCES = 20, 50  # characters of a sentence that is compared, and sentences of a question
CHUNK = 1 << 22  # pairs compared at a time

Sketches: TypeAlias = npt.NDArray[np.uint8]  # of shape (examples, BYTES)


@dataclass(frozen=True, slots=True)
class Match:
    """The known example that is most like a given one, and whether their questions are equal."""

    number: int
    equal: bool


def sketches(examples: Sequence[Example], common: Hashes) -> Sketches:
    """A sketch of each example; grams in `common` do not count."""
    rows = [np.zeros((0, BYTES), dtype=np.uint8)]
    for start in range(0, len(examples), BLOCK):
        block = examples[start : start + BLOCK]
        bits = np.packbits(_bits(_distinctive(block, common)), axis=1)
        answers = np.frombuffer(b"".join(_answer_byte(example) for example in block), dtype=np.uint8)
        rows.append(np.column_stack((bits, answers)))
    return np.concatenate(rows)


def sketches_of(digits: str) -> Sketches:
    """Sketches from their hexadecimal digits, one after the other; raises ValueError for other text."""
    return np.frombuffer(bytes.fromhex(digits), dtype=np.uint8).reshape(-1, BYTES)


def _answer_byte(example: Example) -> bytes:
    return blake2b(normalize(example.ideal).encode("utf-8", "surrogatepass"), digest_size=1).digest()


def common_wording(examples: Sequence[Example]) -> Hashes:
    """The grams that more than a quarter of the questions have."""
    return common_grams([normalize(question_text(example)) for example in examples])


def _distinctive(examples: Sequence[Example], common: Hashes) -> Grams:
    """The grams that count, each mixed with the numbers of its text; those of the answer if the question has none."""
    texts = [normalize(question_text(example)) for example in examples]
    grams = char_grams(texts)
    alike = np.bincount(grams.owners[~np.isin(grams.flat, common)], minlength=len(texts)) == 0
    if alike.any():
        answers = [normalize(example.ideal) for example in examples]
        texts = [answer if of_answer else text for answer, text, of_answer in zip(answers, texts, alike, strict=True)]
        grams = char_grams(texts)
    kept = grams.where(~np.isin(grams.flat, common) | alike[grams.owners])
    numbers = np.array([numbers_key(text) for text in texts], dtype=np.uint64)
    return Grams(kept.flat ^ numbers[kept.owners], kept.offsets)


def _bits(grams: Grams) -> npt.NDArray[np.uint8]:
    """One bit of the smallest hash of each text, for each hash function: of shape (texts, BITS)."""
    bits = np.zeros((len(grams.offsets) - 1, BITS), dtype=np.uint8)
    for function in range(BITS):
        own = np.uint64((function + 1) * int(MULTIPLIER) % (1 << 64))
        hashed = (grams.flat ^ own) * MULTIPLIER
        hashed ^= hashed >> np.uint64(32)
        hashed *= MULTIPLIER
        bits[:, function] = np.minimum.reduceat(hashed, grams.offsets[:-1]) >> np.uint64(8) & np.uint64(1)
    return bits


def matches(asked: Sequence[Example], known: Sketches, common: Hashes) -> list[Match | None]:
    """For each example that is asked, the known one with nearly the same question; None without any.

    The sentences of a question are compared too: a known question may be quoted in a mail.
    """
    found: list[Match | None] = [None] * len(asked)
    if not len(known):
        return found
    parts = [(number, part) for number, example in enumerate(asked) for part in _parts(example)]
    own = sketches([part for _, part in parts], common)
    short = _distinctive([part for _, part in parts], common).unique().counts < MIN_GRAMS
    for (number, part), small, (place, bits, near) in zip(parts, short.tolist(), _nearest(own, known), strict=True):
        equal = bits == BITS and part is asked[number]
        if equal or (near and not small and found[number] is None):
            found[number] = Match(place, equal)
    return found


def _parts(example: Example) -> list[Example]:
    """The example, and one for each text in its last user message that may be a known question by itself.

    These are its sentences, if they are long enough, and the message without what is written around a question: numbers
    of tickets and dates before or after it, and entities of HTML in place of characters.
    """
    plain = _plain(example.last_user)
    bare = [replace(example, messages=(*example.messages[:-2], Message("user", plain), example.messages[-1]))]
    sentences = SENTENCE.split(example.last_user)[:MAX_SENTENCES] if SENTENCE.search(example.last_user) else []
    long = [Message("user", sentence) for sentence in sentences if len(sentence) >= MIN_SENTENCE]
    inner = [replace(example, messages=(message, example.messages[-1])) for message in long]
    return [example, *(bare if plain and plain != example.last_user else ()), *inner]


def _plain(text: str) -> str:
    """A text without entities, and without the words up to a number near its beginning, or from one near its end.

    >>> _plain("Ticket 4711: where is&nbsp;my parcel? (3 May 2024)")
    'where is my parcel?'
    """
    words = html.unescape(text).split()
    first = max((place + 1 for place, word in enumerate(words[:EDGE]) if DIGIT.search(word)), default=0)
    start = max(first, len(words) - EDGE)
    last = next((place for place in range(start, len(words)) if DIGIT.search(words[place])), len(words))
    return " ".join(words[first:last])


def _nearest(own: Sketches, known: Sketches) -> Iterator[tuple[int, int, bool]]:
    """For each sketch, the known one that is most like it: its number, the equal bits, and whether it is near."""
    step = max(1, CHUNK // len(known))
    for start in range(0, len(own), step):
        part = own[start : start + step]
        differing = np.bitwise_count(part[:, None, :-1] ^ known[None, :, :-1]).sum(axis=2)
        same = part[:, None, -1] == known[None, :, -1]
        likeness = BITS - differing.astype(np.int64) - np.where(same, 0, OTHER_ANSWER - SAME_ANSWER)
        for row, place in enumerate(likeness.argmax(axis=1).tolist()):
            yield place, BITS - int(differing[row, place]), bool(likeness[row, place] >= SAME_ANSWER)

"""Recognize questions without keeping them: a sketch of 18 bytes is alike for texts that are alike.

A sketch has one bit for each of 128 MinHash functions over the character 5-grams of a question (b-bit minwise hashing,
Li and König 2010), and a byte each of a hash of its answer and of the numbers that are written around it (`bare`).
The fraction of equal bits estimates the Jaccard similarity of two questions: it is one half without common grams, and 1
for equal texts. Other numbers are part of every gram, so questions that differ in them have unlike sketches. Of a
question without wording of its own, such as "Go on.", the sketch is that of the answer. A text cannot be computed from
its sketch, but a guess of it can be confirmed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gradschool.data.char_grams import char_grams
from gradschool.data.comparable import SENTENCE, bare_question, comparable_question, unnumbered
from gradschool.data.compared import with_content
from gradschool.data.normalize import normalize
from gradschool.data.shingles import BLOCK, MULTIPLIER, Grams, Hashes
from gradschool.data.short_texts import MIN_GRAMS, common_grams, numbers_key
from gradschool.records import Conversation, Example, Message

BITS = 128
BYTES = BITS // 8 + 2  # of a sketch; the last two are those of the answer and of the numbers around the question
ANSWER, NUMBERS = -2, -1
KIND, EARLIER_KIND = f"minhash-{BITS}-2", f"minhash-{BITS}-1"  # the earlier one has no byte of numbers
SAME_ANSWER, OTHER_ANSWER = 102, 112  # equal bits from which two questions are nearly the same: a Jaccard of .59, .75
MIN_SENTENCE, MAX_SENTENCES = 20, 50  # characters of a sentence that is compared, and sentences of a question
CHUNK = 1 << 22  # pairs compared at a time

Sketches: TypeAlias = npt.NDArray[np.uint8]  # of shape (examples, BYTES)


@dataclass(frozen=True, slots=True)
class Match:
    """The known example that is most like a given one, and whether their questions are equal."""

    number: int
    equal: bool


def sketches(examples: Sequence[Example], common: Hashes, *, bare: bool = True) -> Sketches:
    """A sketch of each example; grams in `common` do not count, nor do the numbers around a question if it `bare`."""
    return _sketched(examples, common, bare=bare)[0]


def _sketched(examples: Sequence[Example], common: Hashes, *, bare: bool = True) -> tuple[Sketches, list[Grams]]:
    """The sketches, and in blocks the grams that they are of."""
    rows, blocks = [np.zeros((0, BYTES), dtype=np.uint8)], []
    for start in range(0, len(examples), BLOCK):
        block = examples[start : start + BLOCK]
        whole = list(map(comparable_question, block))
        texts = list(map(bare_question, block, whole)) if bare else whole
        blocks.append(_distinctive(block, texts, common))
        bits = np.packbits(_bits(blocks[-1]), axis=1)
        answers = [_byte(normalize(example.ideal)) for example in block]
        numbers = [
            0 if text == other else numbers_key(other) % 255 + 1 for text, other in zip(texts, whole, strict=True)
        ]
        rows.append(np.column_stack((bits, np.array([answers, numbers], dtype=np.uint8).T)))
    return np.concatenate(rows), blocks


def sketches_of(digits: str, kind: str = KIND) -> Sketches:
    """Sketches from their hexadecimal digits, one after the other; none if they are of an unknown kind.

    Raises ValueError for other text.
    """
    size = {KIND: BYTES, EARLIER_KIND: BYTES - 1}.get(kind, 0)
    rows = np.frombuffer(bytes.fromhex(digits) if size else b"", dtype=np.uint8).reshape(-1, size or BYTES)
    return np.pad(rows, ((0, 0), (0, BYTES - rows.shape[1])))


def _byte(text: str) -> int:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=1).digest()[0]


def common_wording(examples: Sequence[Example]) -> Hashes:
    """The grams that more than a quarter of the questions have, and those of questions about their system messages."""
    texts = [bare_question(example, comparable_question(example)) for example in examples]
    told = zip(texts, examples, with_content(examples), strict=True)
    instructions = {text for text, example, other in told if other is not example}
    return np.union1d(common_grams(texts), char_grams(sorted(instructions)).flat)


def _distinctive(examples: Sequence[Example], texts: Sequence[str], common: Hashes) -> Grams:
    """The grams that count, each mixed with the numbers of its text; those of the answer if the question has none."""
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
    numbers, examples = [number for number, _ in parts], [part for _, part in parts]
    whole = [part is asked[number] for number, part in parts]
    own, blocks = _sketched(examples, common)
    firsts = np.flatnonzero(whole)
    own[:, NUMBERS] = own[firsts[numbers], NUMBERS] if len(numbers) else 0  # a part has the numbers of its question
    # Earlier versions left no number out.
    numbered = np.flatnonzero(own[firsts, NUMBERS]).tolist()
    again, more = _sketched([asked[number] for number in numbered], common, bare=False)
    own, short = np.concatenate((own, again)), _are_short([*blocks, *more])
    owners, whole = [*numbers, *numbered], [*whole, *(True for _ in numbered)]
    for number, is_whole, small, (place, near, equal) in zip(owners, whole, short, _nearest(own, known), strict=True):
        if equal and is_whole:
            found[number] = Match(place, True)
        elif near and not small and found[number] is None:
            found[number] = Match(place, False)
    return found


def _are_short(blocks: Sequence[Grams]) -> list[bool]:
    """Which examples have too few grams to be nearly the same as another."""
    return [count < MIN_GRAMS for grams in blocks for count in grams.unique().counts.tolist()]


def _parts(example: Example) -> list[Example]:
    """The example, and one for each text in its last user message that may be a known question by itself.

    These are its sentences, if they are long enough, and the message without the numbers written around it.
    """
    if example.images:  # which a part of the text says nothing about
        return [example]

    def asks(text: str, before: Conversation = ()) -> Example:
        return replace(example, messages=(*before, Message("user", text), example.messages[-1]))

    question = example.last_user
    bare = unnumbered(question)
    sentences = SENTENCE.split(question)[:MAX_SENTENCES] if SENTENCE.search(question) else []
    inner = [asks(sentence) for sentence in sentences if len(sentence) >= MIN_SENTENCE]
    return [example, *([asks(bare, example.messages[:-2])] if bare and bare != question else ()), *inner]


def _nearest(own: Sketches, known: Sketches) -> Iterator[tuple[int, bool, bool]]:
    """For each sketch, the known one that is most like it: its number, whether it is near, and whether it is equal."""
    step = max(1, CHUNK // len(known))
    for start in range(0, len(own), step):
        part = own[start : start + step]
        differing = np.bitwise_count(part[:, None, :ANSWER] ^ known[None, :, :ANSWER]).sum(axis=2).astype(np.int64)
        same_answer, same_numbers = (part[:, None, byte] == known[None, :, byte] for byte in (ANSWER, NUMBERS))
        numbered = (part[:, None, NUMBERS] > 0) & (known[None, :, NUMBERS] > 0)
        other = np.where(numbered & ~same_numbers, BITS, OTHER_ANSWER - SAME_ANSWER)  # more bits for another answer
        likeness = BITS - differing - np.where(same_answer, 0, other)
        for row, place in enumerate((2 * likeness + same_numbers).argmax(axis=1).tolist()):
            equal = bool(differing[row, place] == 0 and same_numbers[row, place])
            yield place, bool(likeness[row, place] >= SAME_ANSWER), equal

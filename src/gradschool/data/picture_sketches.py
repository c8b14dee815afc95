"""Recognize pictures without keeping them: a sketch of 17 bytes is alike for a picture and its copies.

A sketch has the signs of 128 random projections of a picture's perceptual hash (SimHash, Charikar 2002, "Similarity
estimation techniques from rounding algorithms"), and a byte of a hash of its example's answer. It is much shorter than
the hash, from which a blurred outline of the picture could be drawn.
"""

from collections.abc import Sequence
from functools import cache
from hashlib import blake2b, shake_128

import numpy as np
import numpy.typing as npt

from gradschool.data.normalize import normalize
from gradschool.images.likeness import DIGITS, SIDE
from gradschool.records import Example

BITS = 128
BYTES = BITS // 8 + 1
# Bits that differ between a picture and its copy. Of chest X-rays of 28 x 28 pixels, copies that were resized and saved
# as JPEG (quality 60) differ in 11 at the median, and no two of 600 pictures in less than 31; of the drawn chests of
# examples/x-ray, which are made from a template, 2 of 10,000 pairs in no more than this.
MAX_DIFFERENT = 16
CHUNK = 1 << 22  # pairs compared at a time

PictureSketches = npt.NDArray[np.uint8]  # of shape (pictures, BYTES)


def picture_sketches(examples: Sequence[Example]) -> PictureSketches:
    """The sketches of all pictures of examples; one of a single colour has none."""
    return _sketched(examples)[0]


def sketches_of_pictures(digits: Sequence[str]) -> PictureSketches:
    """Sketches from their hexadecimal digits; raises ValueError for other text."""
    return np.frombuffer(bytes.fromhex("".join(digits)), dtype=np.uint8).reshape(-1, BYTES)


def shown_before(asked: Sequence[Example], known: PictureSketches) -> list[bool]:
    """Which examples have a picture that is known, with the same answer."""
    found = [False] * len(asked)
    own, owners = _sketched(asked)
    step = max(1, CHUNK // max(1, len(known)))
    for start in range(0, len(own) if len(known) else 0, step):
        part = own[start : start + step]
        different = np.bitwise_count(part[:, None, :-1] ^ known[None, :, :-1]).sum(axis=2)
        same = (different <= MAX_DIFFERENT) & (part[:, None, -1] == known[None, :, -1])
        for place in np.flatnonzero(same.any(axis=1)).tolist():
            found[owners[start + place]] = True
    return found


def _sketched(examples: Sequence[Example]) -> tuple[PictureSketches, list[int]]:
    """The sketches, and the position of the example of each."""
    hashes = [(place, image.likeness) for place, one in enumerate(examples) for image in one.images]
    kept = [(place, waves) for place, text in hashes if len(text) == DIGITS and (waves := _waves(text)).any()]
    if not kept:
        return np.zeros((0, BYTES), dtype=np.uint8), []
    owners = [place for place, _ in kept]
    bits = np.packbits(np.stack([waves for _, waves in kept]) @ _projections() > 0, axis=1)
    answers = [[_byte(normalize(examples[place].ideal))] for place in owners]
    return np.concatenate((bits, np.array(answers, dtype=np.uint8)), axis=1), owners


def _waves(likeness: str) -> npt.NDArray[np.int32]:
    """The signs of the strong frequencies of a perceptual hash, and zeros for the others."""
    half = SIDE * SIDE // 8
    content = np.frombuffer(bytes.fromhex(likeness), dtype=np.uint8)
    signs, strong = (np.unpackbits(part).astype(np.int32) for part in (content[:half], content[half : 2 * half]))
    return (2 * signs - 1) * strong


@cache
def _projections() -> npt.NDArray[np.int32]:
    """Random signs, the same ones in every version."""
    content = np.frombuffer(shake_128(b"pictures").digest(SIDE * SIDE * BITS // 8), dtype=np.uint8)
    return (2 * np.unpackbits(content).astype(np.int32) - 1).reshape(SIDE * SIDE, BITS)


def _byte(text: str) -> int:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=1).digest()[0]

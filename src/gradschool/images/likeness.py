"""Whether two images are the same picture, also if one was resized or saved again: by a perceptual hash.

The hash is that of pHash (Zauner 2010, "Implementation and Benchmarking of Perceptual Image Hash Functions"): the signs
of the low frequencies of a discrete cosine transform of the gray image. It differs in two ways. It has 16 x 16
frequencies rather than 8 x 8, since X-rays of different patients differ in few signs of 64. And it knows which of the
frequencies are strong: the signs of weak ones are chance, in smooth pictures those of most, and are not compared. As it
sees no colours, the mean of each colour difference (Cb, Cr) follows in a byte.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 16  # frequencies in each direction
STRONG = 0.01  # of the strongest frequency
DIGITS = 2 * SIDE * SIDE // 4 + 4  # of a hash in hexadecimal
# Of the frequencies that are strong in either picture, the share that is so in both; and of these, the share of other
# signs. On chest X-rays of 28 x 28 pixels, copies that were resized, saved as JPEG (quality 60) or made brighter have
# at most .01 other signs, and of 124,750 pairs of different X-rays none has less than .1 with that many in common.
MIN_COMMON, MAX_OTHER = 0.45, 0.1
# Pictures made from a template are all alike by these. Then stricter bounds count: on the drawn chests of
# examples/x-ray, of which .08 of the pairs are alike, .00002 are so by the second, and all copies that were resized and
# saved as JPEG still are.
LEVELS = ((MIN_COMMON, MAX_OTHER), (0.8, 0.01))
MAX_TINT = 10  # by how much each colour difference may differ, of 255
CHUNK = 1 << 21  # pairs compared at a time

Words: TypeAlias = npt.NDArray[np.uint64]


def likeness(image: "Image") -> str:
    """The perceptual hash of an image, in hexadecimal."""
    from PIL.Image import Resampling
    from scipy.fft import dctn

    side = 4 * SIDE
    luma, *tints = image.convert("RGB").resize((side, side), Resampling.LANCZOS).convert("YCbCr").split()
    waves = dctn(np.asarray(luma, dtype=np.float64), norm="ortho")[:SIDE, :SIDE].ravel()
    waves[0] = 0  # the brightness
    sizes = np.abs(waves)
    strong = sizes > max(STRONG * float(sizes.max()), 1e-6)
    bits = np.packbits(np.concatenate((strong & (waves > 0), strong)))
    means = bytes(round(float(np.asarray(tint, dtype=np.float64).mean())) for tint in tints)
    return bits.tobytes().hex() + means.hex()


def same_pictures(hashes: Sequence[str], level: int = 0) -> list[tuple[int, int]]:
    """Pairs of positions of hashes that are of one picture, the smaller first; all are compared with all.

    `level`: how strictly, a place in LEVELS.
    """
    known = {number: one for number, one in enumerate(hashes) if len(one) == DIGITS}
    places = np.array(list(known), dtype=np.int64)
    if len(places) < 2:
        return []
    rows = np.frombuffer(bytes.fromhex("".join(known.values())), dtype=np.uint8).reshape(len(known), -1)
    half = SIDE * SIDE // 8
    signs, strong = (np.ascontiguousarray(part).view(np.uint64) for part in (rows[:, :half], rows[:, half:-2]))
    tints = rows[:, -2:].astype(np.int16)
    step = max(1, CHUNK // len(places))
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(places), step):
        part = slice(start, start + step)
        near = _alike(signs[part], strong[part], signs[start:], strong[start:], *LEVELS[level])
        near &= (np.abs(tints[part, None, :] - tints[None, start:, :]) <= MAX_TINT).all(axis=2)
        found = np.argwhere(np.triu(near, k=1))
        pairs += [(int(places[start + one]), int(places[start + other])) for one, other in found.tolist()]
    return pairs


def _alike(
    signs: Words, strong: Words, other_signs: Words, other_strong: Words, min_common: float, max_other: float
) -> npt.NDArray[np.bool_]:
    """Which pictures are like which others: (A, W), (A, W), (B, W), (B, W) -> (A, B).

    One without any strong frequency, which is of one colour, is like none.
    """
    shape = (len(signs), len(other_signs))
    both, either, other = (np.zeros(shape, dtype=np.int32) for _ in range(3))
    for word in range(signs.shape[1]):
        here, there = strong[:, word, None], other_strong[None, :, word]
        common = here & there
        both += np.bitwise_count(common)
        either += np.bitwise_count(here | there)
        other += np.bitwise_count((signs[:, word, None] ^ other_signs[None, :, word]) & common)
    alike: npt.NDArray[np.bool_] = (other <= max_other * both) & (both >= min_common * either) & (both > 0)
    return alike

"""Images as tokens: each image token of a row is a number of its own, beyond every vocabulary.

The number says which image it is of, and which of its tokens. Rows with images are then rows of token ids like others:
packing, common prefixes, the KV cache and batches need nothing more, and two rows share tokens of an image if it is the
same image. Only the embedding layer looks at these numbers (`seeing.SeeingEmbedding`).

    bit 62: an image token    bits 14-61: the image, by its SHA-256    bits 0-13: its place in the image
"""

from collections.abc import Sequence

from gradschool.records import Image

FIRST = 1 << 62
PLACES = 1 << 14  # image tokens of an image
NO_EYES = (
    "name a base that reads images: pocket-eyes (built in), or a SmolVLM, Idefics3, LLaVA, InternVL, Qwen-VL or Gemma 3"
)
KEY_DIGITS = 12  # hexadecimal ones of the SHA-256, 48 bits: among a million images, two have one key with p = .002


def key_of(image: Image) -> int:
    """The number of an image among all images."""
    return int(image.sha256[:KEY_DIGITS], 16)


def image_token(image: Image, place: int) -> int:
    """The token id of one of the tokens of an image."""
    return FIRST | key_of(image) * PLACES | place


def is_image_token(token: int) -> bool:
    """Whether a token id is one of an image."""
    return token >= FIRST


def without_images(ids: Sequence[int], placeholder: int) -> list[int]:
    """Token ids with those of images as the placeholder of the tokenizer."""
    return [placeholder if is_image_token(token) else token for token in ids]


def has_images(ids: Sequence[int]) -> bool:
    """Whether a row has image tokens."""
    return max(ids, default=0) >= FIRST

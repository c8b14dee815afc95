"""How images are shown to a chat template, and how their tokens and the texts around these get into its prompts."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gradschool.errors import ModelError
from gradschool.model.rendered import Unfit
from gradschool.records import IMAGE, Image, Message

if TYPE_CHECKING:
    from gradschool.model.eyes import Eyes


def with_images(token: str, plain: dict[str, Any], message: Message, in_parts: bool) -> dict[str, Any]:
    """A message as a template takes it, with its images: as parts of its content, or as tokens in its text."""
    texts = message.content.split(IMAGE) if message.images else [message.content]
    if len(texts) != len(message.images) + 1:
        raise Unfit(
            f"A message has {len(message.images)} images and {len(texts) - 1} places for them in its text.",
            "Each image has one.",
            "give each image its place.",
        )
    if not in_parts:
        return plain | {"content": token.join(texts)}
    parts: list[dict[str, str]] = []
    for number, text in enumerate(texts):
        parts += [{"type": "image"}] if number else []
        parts += [{"type": "text", "text": text}] if text or len(texts) == 1 else []
    return plain | {"content": parts}


def surrounded(eyes: "Eyes", place: re.Pattern[str], text: str, images: Sequence[Image]) -> str:
    """A prompt with the plain texts that its base writes around images; `place` finds their tokens."""
    first, *parts = place.split(text)
    if len(parts) != len(images):  # which `seen` reports
        return text
    try:
        around = [eyes.around(image) for image in images]
    except ModelError as error:
        raise Unfit(*error.args) from error
    return first + "".join(
        f"{before}{eyes.token}{after}{part}" for (before, after), part in zip(around, parts, strict=True)
    )


def seen(eyes: "Eyes", ids: Sequence[int], images: Sequence[Image]) -> list[int]:
    """Tokens of a prompt with those of its images in place of the tokens that stand for them."""
    if ids.count(eyes.token_id) != len(images):
        raise Unfit(
            "The base's chat template does not show each image once.",
            f"It shows {ids.count(eyes.token_id)} of {len(images)}.",
            "put images into messages of the user, or use another base_model.",
        )
    found = iter(images)
    try:
        return [one for token in ids for one in (eyes.tokens(next(found)) if token == eyes.token_id else (token,))]
    except ModelError as error:
        raise Unfit(*error.args) from error

"""An image as a data: URL, upright and in PNG, as servers and pages take it."""

import base64
import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING

from gradschool.errors import DataError
from gradschool.files import read_file
from gradschool.images.bounds import BadImage
from gradschool.images.decode import decoded
from gradschool.images.tried import demand_tried
from gradschool.records import IMAGE, Image, Message

if TYPE_CHECKING:
    from PIL.Image import Image as Picture


def picture_of(image: Image) -> "Picture":
    """The decoded picture of an image; raises DataError if its file was changed or removed since it was read.

    Only bytes that were tried are decoded here: those of a package of others are tried now.
    """
    try:
        content = image.content or read_file(Path(image.file))
        if hashlib.sha256(content).hexdigest() != image.sha256:
            raise BadImage("was changed since it was read")
        demand_tried(image.sha256, content)
        return decoded(content)
    except (BadImage, OSError) as error:
        why = f"It {error}." if isinstance(error, BadImage) else f"{error.strerror or error}."
        name = image.file or f"with the SHA-256 {image.sha256[:12]}…"
        raise DataError(f"The image {name} cannot be read.", why, "restore it, or leave it out.") from error


def data_url(image: Image, most: int | None = None) -> str:
    """The data: URL of an image, at most `most` pixels wide and high."""
    picture = picture_of(image)
    if most:
        picture.thumbnail((most, most))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def content_of(message: Message) -> str | list[dict[str, object]]:
    """The content of a message as OpenAI's API takes it: a text, or parts with its images."""
    if not message.images:
        return message.content
    parts: list[dict[str, object]] = []
    images = iter(message.images)
    for number, text in enumerate(message.content.split(IMAGE)):
        if number and (image := next(images, None)):
            parts.append({"type": "image_url", "image_url": {"url": data_url(image)}})
        if text:
            parts.append({"type": "text", "text": text})
    return parts

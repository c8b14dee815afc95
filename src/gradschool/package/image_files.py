"""The images of a packaged specialist's examples, each once, in a folder of the package; named by their hashes.

A package is given to others. Of each file it holds the picture and nothing else (`images.plain`).
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from gradschool.errors import DataError
from gradschool.files import read_file, write_bytes
from gradschool.images.bounds import BadImage
from gradschool.images.decode import MAX_BYTES, SUFFIXES
from gradschool.images.plain import without_metadata
from gradschool.records import Conversation, Example, Image, Source

IMAGES = "images"


def with_copies(examples: Sequence[Example], folder: Path) -> list[Example]:
    """The examples with copies of their images in a package; raises DataError if an image is not what it was."""
    return [
        replace(one, messages=_changed(one.messages, lambda image: _copied(image, folder)), source=_named(one.source))
        for one in examples
    ]


def in_package(examples: Sequence[Example], folder: Path) -> list[Example]:
    """Examples as a package has them, with the places of their images there."""
    return [replace(one, messages=_changed(one.messages, lambda image: _placed(image, folder))) for one in examples]


def _changed(messages: Conversation, change: Callable[[Image], Image]) -> Conversation:
    return tuple(
        replace(message, images=tuple(map(change, message.images))) if message.images else message
        for message in messages
    )


def _named(source: Source) -> Source:
    """Where an example was read, without the name of an image: that is often the name of a patient."""
    path = PurePosixPath(source.file)
    if path.suffix.casefold() not in SUFFIXES:
        return source
    return replace(source, file=str(PurePosixPath(path.parts[0], path.parent.name)))


def _copied(image: Image, folder: Path) -> Image:
    try:
        content = image.content or read_file(Path(image.file))
        if hashlib.sha256(content).hexdigest() != image.sha256:
            raise _changed_since(image, "Its bytes are others than when it was read.")
        plain = without_metadata(content)
    except FileNotFoundError as error:
        raise _changed_since(image, "It does not exist any more.") from error
    except (BadImage, OSError) as error:
        raise _changed_since(image, f"It cannot be read: {error}.") from error
    if len(plain) > MAX_BYTES:
        raise DataError(
            f"The image {image.file} cannot be packaged.",
            f"Without metadata, its file has {len(plain) / 1e6:,.0f} MB.",
            f"save it smaller, so that it has at most {MAX_BYTES / 1e6:,.0f} MB as PNG, and climb again.",
        )
    sha256 = hashlib.sha256(plain).hexdigest()
    name = f"{IMAGES}/{sha256}"
    if not (folder / name).exists():
        write_bytes(folder / name, plain)
    return replace(image, sha256=sha256, file=name, content=b"")


def _placed(image: Image, folder: Path) -> Image:
    """An image in a package; one that names another place has none."""
    inside = image.file == f"{IMAGES}/{image.sha256}" and image.sha256.isalnum()
    return replace(image, file=str((folder / image.file).resolve()) if inside else "")


def _changed_since(image: Image, why: str) -> DataError:
    return DataError(f"The image {image.file} is not the one of this climb.", why, "restore it, and resume the run.")

"""The images of a packaged specialist's examples, each once, in a folder of the package; named by their hashes."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from gradschool.errors import DataError
from gradschool.files import disk_errors, sha256
from gradschool.records import Conversation, Example, Image

IMAGES = "images"


def with_copies(examples: Sequence[Example], folder: Path) -> list[Example]:
    """The examples with copies of their images in a package; raises DataError if an image is not what it was."""
    return [replace(one, messages=_changed(one.messages, lambda image: _copied(image, folder))) for one in examples]


def in_package(examples: Sequence[Example], folder: Path) -> list[Example]:
    """Examples as a package has them, with the places of their images there."""
    return [replace(one, messages=_changed(one.messages, lambda image: _placed(image, folder))) for one in examples]


def _changed(messages: Conversation, change: Callable[[Image], Image]) -> Conversation:
    return tuple(
        replace(message, images=tuple(map(change, message.images))) if message.images else message
        for message in messages
    )


def _copied(image: Image, folder: Path) -> Image:
    name = f"{IMAGES}/{image.sha256}"
    target = folder / name
    if not target.exists():
        target.parent.mkdir(exist_ok=True)
        with disk_errors(target):
            try:
                shutil.copyfile(image.file, target)
            except FileNotFoundError as error:
                raise _changed_since(image, "It does not exist any more.") from error
        if sha256(target) != image.sha256:
            raise _changed_since(image, "Its bytes are others than when it was read.")
    return replace(image, file=name)


def _placed(image: Image, folder: Path) -> Image:
    """An image in a package; one that names another place has none."""
    inside = image.file == f"{IMAGES}/{image.sha256}" and image.sha256.isalnum()
    return replace(image, file=str((folder / image.file).resolve()) if inside else "")


def _changed_since(image: Image, why: str) -> DataError:
    return DataError(f"The image {image.file} is not the one of this climb.", why, "restore it, and resume the run.")

"""Folders of images with one sub-folder for each class: the question is the image, and its folder names the answer."""

import hashlib
import os
from pathlib import Path

from gradschool.data.encoding import repair
from gradschool.data.issues import Issue, carried
from gradschool.data.pictures import BadPicture, Pictures
from gradschool.data.reading import Reading
from gradschool.errors import DataError
from gradschool.images.decode import SUFFIXES
from gradschool.job import EXAMPLE_FILES
from gradschool.records import IMAGE, Example, Message, Source

DIGITS = 12  # of the hash of an image's path, in its example's id


def classes_of(folder: Path) -> dict[str, list[Path]]:
    """The images of a folder by the folder that each is in; empty unless there are two, and no file of examples."""
    found: dict[str, list[Path]] = {}
    for file in sorted(folder.rglob("*")):
        parts = file.relative_to(folder).parts
        if any(part.startswith(".") for part in parts):
            continue
        if file.suffix.casefold() in EXAMPLE_FILES:
            return {}
        if len(parts) > 1 and file.suffix.casefold() in SUFFIXES:
            found.setdefault(parts[-2], []).append(file)
    return found if len(found) > 1 else {}


def read_classes(folder: Path, classes: dict[str, list[Path]], ids: set[str]) -> Reading:
    """An example for each image; raises DataError if more than half of them cannot be used."""
    pictures, issues, examples = Pictures((folder,)), [], []
    for name, files in classes.items():
        for file in files:
            inner = file.relative_to(folder).as_posix()
            source = Source(repair(f"{folder.resolve().name}/{inner}")[0], 1)
            # Ids get into packages, and names of images are often those of patients.
            id_ = f"{repair(name)[0]}-{hashlib.sha256(os.fsencode(inner)).hexdigest()[:DIGITS]}"
            while id_ in ids:
                id_ += "-2"
            ids.add(id_)
            try:
                image = pictures.image(inner)
            except BadPicture as error:
                issues.append(Issue("image", source, "dropped", repair(str(error))[0]))
                continue
            messages = Message("user", IMAGE, images=(image,)), Message("assistant", repair(name)[0])
            examples.append(Example(id_, messages, id_, source))
    with carried(issues):
        if len(issues) > len(examples):
            raise DataError(
                f"{len(issues)} of {len(issues) + len(examples)} images in {folder} cannot be used, more than half.",
                "\n".join(f"  {issue.source}: {issue.text}" for issue in issues[:3]),
                "correct these; PNG, JPEG, WebP, GIF, TIFF, BMP and DICOM are read.",
            )
    return Reading(examples, f"images in {len(classes)} folders, one for each class", {}, issues)

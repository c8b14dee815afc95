"""Copies of a base model in a specialist's folder: the files of its folder, or the GGUF file that it was read from."""

import re
import shutil
from pathlib import Path

from gradschool.errors import ModelError, UsageError
from gradschool.files import disk_errors, is_inside
from gradschool.model.gguf_cache import cache_folder, source_of
from gradschool.model.gguf_file import SUFFIX, GgufFile
from gradschool.model.gguf_found import find_gguf, named_gguf
from gradschool.model.hub import NEEDED
from gradschool.model.opening import gguf_of
from gradschool.package.manifest import Manifest
from gradschool.package.portable import name_places
from gradschool.records import Work


def gguf_to_copy(manifest: Manifest, folder: Path, base_model: str | None) -> Work[GgufFile | None]:
    """The GGUF file of a specialist's base, which is smaller than its conversion and runs in llama.cpp too.

    None if it is gone and the conversion is still here, or if `base_model` names no GGUF file. Raises ModelError if
    neither is here, DamagedError if `base_model` is another file.
    """
    if base_model:
        is_gguf = gguf_of(base_model, Path()) is not None
        return (yield from named_gguf(base_model, manifest.base)) if is_gguf else None
    try:
        return (yield from find_gguf(manifest.base, folder))
    except ModelError:
        if source_of(cache_folder() / manifest.base.gguf) == manifest.base.gguf:
            return None
        raise


def copy_gguf(file: GgufFile, name: str, target: Path) -> None:
    """Copy a GGUF file, or all its parts, to a new folder; a blob of Ollama's store is named after the base."""
    target.mkdir()
    for path in file.paths:
        named = path.name if path.suffix.lower() == SUFFIX else re.sub(r"[^\w.-]+", "-", name) + SUFFIX
        with disk_errors(target):
            shutil.copyfile(path.resolve(), target / named)


def copy_folder_of_base(base: Path, target: Path) -> None:
    """Copy the files of a model: links of the Hub's cache become files, and unrelated files are left out."""
    target.mkdir()
    blobs = base.parents[1] / "blobs" if base.parent.name == "snapshots" else base
    for path in sorted(base.iterdir()):
        if NEEDED.fullmatch(path.name):
            if not path.is_file() or not (is_inside(path, base) or is_inside(path, blobs)):
                raise UsageError(
                    f"{path} is a link to {path.resolve()}, or no file.",
                    "Only files of the base itself are copied.",
                    "put the file there in place of the link.",
                )
            with disk_errors(target):
                shutil.copyfile(path.resolve(), target / path.name)
            if path.name.endswith("config.json"):
                name_places(target / path.name)

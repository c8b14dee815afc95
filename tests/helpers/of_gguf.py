"""Small tuned specialists whose base was read from a GGUF file in 4 bits."""

import os
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import torch

from finish import finish
from gradschool.export.gguf import About, write_gguf
from gradschool.export.template import standalone_template
from gradschool.model.gguf_base import folder_of_gguf
from gradschool.model.local import LocalEngine
from gradschool.model.opening import POCKET
from made import packed
from shipped import QUESTIONS, ship


@dataclass(frozen=True)
class OfGguf:
    """The file of the base, two specialists with adapters, and the cache in which the base was converted."""

    file: Path
    specialist: Path
    other: Path
    cache: Path


def made(place: Path) -> OfGguf:
    """Write the built-in base as a GGUF file, and make specialists of it."""
    original = LocalEngine(POCKET, dtype=torch.float32)
    file = place / "small-q4.gguf"
    template = standalone_template(original.chat)
    finish(write_gguf(original.network, original.chat, template, file, "q4_0", About("small", "somewhere/small")))
    with patch.dict(os.environ, XDG_CACHE_HOME=str(place / "cache")):
        converted, _ = finish(folder_of_gguf(file))
        specialist = ship(place / "job", converted, questions=QUESTIONS[:6])
        _, other = packed("other", LocalEngine(converted), place / "other")
        return OfGguf(file, specialist, other, place / "cache")

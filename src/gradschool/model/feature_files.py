"""The features of images on disk: a file for each image, in a folder for each base, at most so many bytes of them.

If they take more, those that were used least recently are removed. They can be computed again.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from gradschool.files import cache_folder, write_bytes
from gradschool.panics import Panic, panics_as_errors

NAME = "features"
MOST, KEPT = 4_000_000_000, 0.8  # bytes of all bases; if there are more, this part of them is kept
LOOKS = 64  # times that the folders are looked through while so many bytes are written


class FeatureFiles:
    """The files of one base, by the SHA-256 of the images."""

    def __init__(self, base: str, most: int = MOST) -> None:
        self._root, self._most = cache_folder(NAME), most
        self._folder = self._root / base
        self._unseen = most  # bytes that were written since the folders were looked through

    def read(self, sha256: str) -> Tensor | None:
        """The features of an image; None if they are not there, or damaged."""
        file = self._file(sha256)
        try:
            with panics_as_errors():
                found = load_file(file)[NAME]
        except (OSError, ValueError, KeyError, SafetensorError, Panic):
            return None
        with suppress(OSError):
            os.utime(file)  # the time of last use
        return found

    def write(self, sha256: str, features: Tensor) -> None:
        """Keep the features of an image."""
        content = save({NAME: features.cpu().contiguous()})
        write_bytes(self._file(sha256), content)
        self._unseen += len(content)
        if self._unseen > self._most / LOOKS:
            self._unseen = 0
            self._remove_oldest()

    def _file(self, sha256: str) -> Path:
        return self._folder / f"{sha256}.safetensors"

    def _remove_oldest(self) -> None:
        known = sorted(self._known())
        total = sum(size for _, size, _ in known)
        if total <= self._most:
            return
        for _, size, path in known:
            if total <= self._most * KEPT:
                break
            with suppress(OSError):
                Path(path).unlink()
                total -= size

    def _known(self) -> Iterator[tuple[int, int, str]]:
        """The time of use, the size and the path of each file."""
        with suppress(OSError):
            for file in self._root.glob("*/*.safetensors"):
                with suppress(OSError):  # another process removed it
                    state = file.stat()
                    yield state.st_mtime_ns, state.st_size, str(file)

"""The eyes of a base: its vision tower and projector, and the tokens of an image.

Both are frozen, so that what they compute for an image is computed once, and cached on disk.

Shapes: N image tokens, D width of the language model.
"""

import inspect
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from gradschool.errors import DataError, ModelError, first_line
from gradschool.files import cache_folder, write_bytes
from gradschool.images.data_url import picture_of
from gradschool.model.image_processors import ImageProcessor
from gradschool.model.image_tokens import PLACES, image_token, is_image_token, key_of
from gradschool.panics import Panic, panics_as_errors
from gradschool.records import Image

MAX_CACHED = 1 << 28  # bytes of features in memory
FEATURES = "features"


class Eyes:
    """What of a base reads images: `whole` is its network as transformers loads it.

    `identity` gives a hash of the weights and of the processor: features of another base are others.
    """

    def __init__(self, whole: Any, processor: ImageProcessor, identity: Callable[[], str]) -> None:
        self.whole, self.processor, self.identity = whole, processor, identity
        self.token, self.token_id = processor.token, processor.token_id
        part = whole.get_decoder()
        self.decoder = next(name for name, module in whole.named_modules() if module is part)
        self._lock = threading.RLock()
        self._known: dict[int, Image] = {}  # by key
        self._ids: dict[str, tuple[int, ...]] = {}  # by SHA-256
        self._features: OrderedDict[int, Tensor] = OrderedDict()
        self._bytes = 0

    def __deepcopy__(self, memo: dict[int, Any]) -> "Eyes":
        """The same eyes: copies of a network see with them."""
        return self

    def tokens(self, image: Image) -> tuple[int, ...]:
        """What stands for an image in a prompt, as its processor writes it, with one token id for each of its tokens.

        Raises ModelError if the image cannot be read, or takes more tokens than a base can number.
        """
        with self._lock:
            if image.sha256 not in self._ids:
                self._ids[image.sha256] = self._expanded(image)
                known = self._known.setdefault(key_of(image), image)
                if known != image:
                    why = f"{image.sha256} and {known.sha256} begin with the same digits."
                    raise ModelError("Two images cannot be told apart.", why, "leave one of them out.")
            return self._ids[image.sha256]

    def features(self, key: int) -> Tensor:
        """The embeddings (N, D) of the image with this key, whose `tokens` were asked for before."""
        with self._lock:
            found = self._features.get(key)
            if found is None:
                found = self._read_or_compute(self._known[key])
                self._features[key] = found
                self._bytes += found.nbytes
                while self._bytes > MAX_CACHED and len(self._features) > 1:
                    _, oldest = self._features.popitem(last=False)
                    self._bytes -= oldest.nbytes
            else:
                self._features.move_to_end(key)
            return found

    def pooled(self, image: Image) -> Tensor:
        """One vector (2 D,) for an image: the mean and the largest of its features."""
        self.tokens(image)
        found = self.features(key_of(image)).float()
        return torch.cat((found.mean(0), found.amax(0)))

    def inputs(self, image: Image) -> dict[str, Tensor]:
        """The tensors that the base's processor returns for an image, such as `pixel_values`."""
        found = self.processor.pixels(self._picture(image))
        return {name: value for name, value in found.items() if isinstance(value, Tensor)}

    @cached_property
    def _folder(self) -> Path:
        return cache_folder(FEATURES) / self.identity()[:32]

    def _picture(self, image: Image) -> Any:
        try:
            return picture_of(image)
        except DataError as error:
            raise ModelError(*error.args) from error

    def _expanded(self, image: Image) -> tuple[int, ...]:
        ids = self.processor.ids(self.processor.pixels(self._picture(image)))
        places = [number for number, token in enumerate(ids) if token == self.token_id]
        if not 0 < len(places) <= PLACES:
            raise ModelError(
                f"The base writes an image as {len(places):,} tokens.",
                f"It must be one, and at most {PLACES:,}.",
                "make the image smaller.",
            )
        for place, number in enumerate(places):
            ids[number] = image_token(image, place)
        return tuple(ids)

    def _read_or_compute(self, image: Image) -> Tensor:
        file = self._folder / f"{image.sha256}.safetensors"
        wanted = sum(map(is_image_token, self.tokens(image)))
        try:
            with panics_as_errors():
                found = load_file(file)[FEATURES]
            if len(found) == wanted:
                return found.to(self.whole.device)
        except (OSError, ValueError, KeyError, SafetensorError, Panic):
            pass  # not there yet, or damaged
        found = self._computed(image)
        if len(found) != wanted:
            raise ModelError(
                "The base's processor does not fit its network.",
                f"It writes {wanted} tokens for an image, and the network gives {len(found)} vectors.",
                "download the base again.",
            )
        if not image.content:  # what a request of a server holds is written nowhere
            write_bytes(file, save({FEATURES: found.cpu().contiguous()}))
        return found

    @torch.inference_mode()
    def _computed(self, image: Image) -> Tensor:
        inputs = {name: value.to(self.whole.device) for name, value in self.inputs(image).items()}
        accepted = {name: value for name, value in inputs.items() if name in self._accepted}
        accepted = {n: v.to(self.whole.dtype) if v.is_floating_point() else v for n, v in accepted.items()}
        try:
            found = self.whole.get_image_features(**accepted, return_dict=True).pooler_output
        except (RuntimeError, TypeError, ValueError) as error:
            raise ModelError(
                "The base's vision tower cannot read an image.",
                f"It reports: {first_line(error)}",
                "download the base again, or use another one.",
            ) from error
        parts = list(found) if isinstance(found, (list, tuple)) else [found]
        return torch.cat([part.reshape(-1, part.shape[-1]) for part in parts]).clone()

    @cached_property
    def _accepted(self) -> frozenset[str]:
        return frozenset(inspect.signature(type(self.whole).get_image_features).parameters)

"""The eyes of a base: its vision tower and projector, and the tokens of an image.

Both are frozen, so that what they compute for an image is computed once, and cached on disk.

Shapes: N image tokens, D width of the language model; L vectors for each token, one for each layer that takes some: the
embedding, and in Qwen3-VL also the first layers of the language part.
"""

import inspect
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import cache, cached_property
from typing import Any

import torch
from torch import Tensor

from gradschool.errors import DataError, ModelError, first_line
from gradschool.images.data_url import picture_of
from gradschool.model.feature_files import FeatureFiles
from gradschool.model.image_positions import Grid, grid_of, positions_of
from gradschool.model.image_processors import ImageProcessor
from gradschool.model.image_tokens import PLACES, image_token, is_image_token, key_of
from gradschool.model.reach import reaches
from gradschool.records import Image

MAX_CACHED = 1 << 28  # bytes of features in memory


class Eyes:
    """What of a base reads images: `whole` is its network as transformers loads it.

    `identity` gives a hash of the weights and of the processor: features of another base are others. `mutual`: the
    tokens of an image attend to each other in both directions.
    """

    def __init__(
        self, whole: Any, processor: ImageProcessor, identity: Callable[[], str], mutual: bool = False
    ) -> None:
        self.whole, self.processor, self.identity, self.mutual = whole, processor, identity, mutual
        self.token, self.token_id, self.place_id = processor.token, processor.token_id, processor.place_id
        part = whole.get_decoder()
        output = whole.get_output_embeddings()
        self.decoder = next(name for name, module in whole.named_modules() if module is part)
        self.head = next(name for name, module in whole.named_modules() if module is output)
        self._lock = threading.RLock()
        self._known: dict[int, Image] = {}  # by key
        self._written: dict[str, tuple[str, tuple[int, ...], str]] = {}  # by SHA-256
        self.grids: dict[int, Grid] = {}  # by key, if positions have three dimensions
        self._features: OrderedDict[int, Tensor] = OrderedDict()
        self._inputs: OrderedDict[int, dict[str, Tensor]] = OrderedDict()
        self._bytes = 0

    def __deepcopy__(self, memo: dict[int, Any]) -> "Eyes":
        """The same eyes: copies of a network see with them."""
        return self

    @property
    def packed_only(self) -> bool:
        """Whether images need what only packed rows have: positions, masks or features of several layers."""
        return self.mutual or self._curved

    @property
    def _curved(self) -> bool:
        """Whether positions have three dimensions in an image."""
        return hasattr(self.whole.base_model, "get_rope_index")

    def tokens(self, image: Image) -> tuple[int, ...]:
        """What stands for an image in a prompt, as its processor writes it, with one token id for each of its tokens.

        Raises ModelError if the image cannot be read, or takes more tokens than a base can number.
        """
        return self._of(image)[1]

    def around(self, image: Image) -> tuple[str, str]:
        """The plain texts before and after these tokens, which are read together with the text of the prompt."""
        before, _, after = self._of(image)
        return before, after

    def _of(self, image: Image) -> tuple[str, tuple[int, ...], str]:
        with self._lock:
            if image.sha256 not in self._written:
                self._written[image.sha256] = self._expanded(image)
                known = self._known.setdefault(key_of(image), image)
                if known != image:
                    why = f"{image.sha256} and {known.sha256} begin with the same digits."
                    raise ModelError("Two images cannot be told apart.", why, "leave one of them out.")
            return self._written[image.sha256]

    def features(self, key: int) -> Tensor:
        """The features (N, L D) of the image with this key, whose `tokens` were asked for before."""
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
        """One vector (2 L D,) for an image: the mean and the largest of its features."""
        self.tokens(image)
        found = self.features(key_of(image)).float()
        return torch.cat((found.mean(0), found.amax(0)))

    def inputs(self, image: Image) -> dict[str, Tensor]:
        """The tensors that the base's processor returns for an image, such as `pixel_values`."""
        found = self.processor.pixels(self._picture(image))
        return {name: value for name, value in found.items() if isinstance(value, Tensor)}

    def image(self, key: int) -> Image:
        """The image with this key, whose `tokens` were asked for before."""
        return self._known[key]

    def inputs_of(self, key: int) -> dict[str, Tensor]:
        """The inputs of the image with this key; those of the last ones are kept."""
        with self._lock:
            found = self._inputs.pop(key, None) or self.inputs(self._known[key])
            self._inputs[key] = found
            while sum(one.nbytes for its in self._inputs.values() for one in its.values()) > MAX_CACHED:
                self._inputs.popitem(last=False)
            return found

    @cached_property
    def base(self) -> str:
        """The name of the base among features on disk."""
        return self.identity()[:32]

    @cached_property
    def _files(self) -> FeatureFiles:
        return FeatureFiles(self.base)

    def _picture(self, image: Image) -> Any:
        try:
            return picture_of(image)
        except DataError as error:
            raise ModelError(*error.args) from error

    def _expanded(self, image: Image) -> tuple[str, tuple[int, ...], str]:
        pixels = self.processor.pixels(self._picture(image))
        before, ids, after = self.processor.written(pixels)
        places = [number for number, token in enumerate(ids) if token == self.place_id]
        if not 0 < len(places) <= PLACES:
            raise ModelError(
                f"The base writes an image as {len(places):,} tokens.",
                f"It must be one, and at most {PLACES:,}.",
                "make the image smaller.",
            )
        for place, number in enumerate(places):
            ids[number] = image_token(image, place)
        if self._curved:
            self.grids[key_of(image)] = grid_of(self.whole.base_model, len(places), pixels)
        return before, tuple(ids), after

    def _read_or_compute(self, image: Image) -> Tensor:
        wanted = sum(map(is_image_token, self.tokens(image)))
        found = self._files.read(image.sha256)
        if found is not None and len(found) == wanted:
            return found.to(self.whole.device)
        with torch.inference_mode():
            found = vision_features(self.whole, self.inputs(image))
        if len(found) != wanted:
            raise ModelError(
                "The base's processor does not fit its network.",
                f"It writes {wanted} tokens for an image, and the network gives {len(found)} vectors.",
                "download the base again.",
            )
        if not image.content:  # what a request of a server holds is written nowhere
            self._files.write(image.sha256, found)
        return found


def positions_in(eyes: Eyes | None, ids: Sequence[int]) -> list[int]:
    """The positions of the tokens of a row, and last that of the next token; see `image_positions`."""
    return positions_of(ids, eyes.grids) if eyes else list(range(len(ids) + 1))


def reach_in(eyes: Eyes | None, rows: Sequence[Sequence[int]], start: int) -> Tensor | None:
    """How far the tokens from `start` on attend, in each of some rows of one length (n, L); None if causally."""
    return reaches(rows, start, eyes.whole.device) if eyes and eyes.mutual else None


def vision_features(whole: Any, inputs: Mapping[str, Tensor]) -> Tensor:
    """The features (N, L D) that a base computes of what its processor returns for an image."""
    kind: Any = type(whole)
    known = _accepted(kind)
    accepted = {name: value.to(whole.device) for name, value in inputs.items() if name in known}
    accepted = {n: v.to(whole.dtype) if v.is_floating_point() else v for n, v in accepted.items()}
    try:
        found = whole.get_image_features(**accepted, return_dict=True)
    except (RuntimeError, TypeError, ValueError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        raise ModelError(
            "The base's vision tower cannot read an image.",
            f"It reports: {first_line(error)}",
            "download the base again, or use another one.",
        ) from error
    layers = [found.pooler_output, *(getattr(found, "deepstack_features", None) or ())]
    return torch.cat([flat(layer) for layer in layers], dim=1)


@cache
def _accepted(kind: Any) -> frozenset[str]:
    return frozenset(inspect.signature(kind.get_image_features).parameters)


def flat(found: Any) -> Tensor:
    """The features of an image for one layer, (N, D): families return them in parts, as one tensor or as several."""
    parts = list(found) if isinstance(found, (list, tuple)) else [found]
    return torch.cat([part.reshape(-1, part.shape[-1]) for part in parts])

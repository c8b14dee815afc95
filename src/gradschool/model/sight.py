"""The vision tower and projector of a base as a part of a network, so that LoRA layers in them can be trained.

Without LoRA layers there, all features are computed once (`eyes`). With some, what is computed before them does not
change: if only the projector has any, its input is cached on disk, and each pass begins there. If blocks of the tower
have some, each pass computes the whole tower.

Shapes: N image tokens, D and L as in `eyes`.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from gradschool.errors import UsageError
from gradschool.model.copies import shared_copy
from gradschool.model.eyes import MAX_CACHED, Eyes, flat, vision_features
from gradschool.model.feature_files import FeatureFiles
from gradschool.model.lora import LoraLinear, lora_layers
from gradschool.model.seeing import SeeingEmbedding

if TYPE_CHECKING:
    from transformers import PreTrainedModel

PLACE = "sight.whole."  # of the tower and projector in an embedding layer
PROJECTOR = re.compile(r"(?:^|\.)(multi_modal_projector|connector|merger|deepstack_merger_list)(?:\.|$)")


class Sight(nn.Module):
    """What a network sees with its own LoRA layers; the weights under them are those of the base."""

    def __init__(self, eyes: Eyes) -> None:
        super().__init__()
        self.eyes = eyes
        self.whole: Any = shared_copy(eyes.whole)
        for name in (eyes.decoder, eyes.head):
            self.whole.set_submodule(name, nn.Identity())
        self._begun, self._done = Cached(), Cached()  # inputs of what is adapted, and features of a frozen one
        self._start: str | None = None  # the module that is given the cached input, if that gives the same features
        self._checked = False

    def train(self, mode: bool = True) -> "Sight":
        """The same in any mode: dropout would give other features than in answers."""
        return super().train(False)

    def features(self, key: int) -> Tensor:
        """The features (N, L D) of an image, as `Eyes.features` gives them for the base."""
        if not self._frozen():
            return self._features(key)
        found = self._done.known.get(key)
        return self._done.keep(key, self._features(key).detach()) if found is None else found

    def _frozen(self) -> bool:
        return not any(parameter.requires_grad for parameter in self.parameters())

    def _features(self, key: int) -> Tensor:
        if not self._checked:
            self._start, self._checked = self._start_of(key), True
        if self._start is None:
            return vision_features(self.whole, self.eyes.inputs_of(key))
        return flat(self.whole.get_submodule(self._start)(self._before(key, self._start)))

    def _start_of(self, key: int) -> str | None:
        """The projector, if nothing else is adapted, and the features of this image are what it returns."""
        found = [PROJECTOR.search(name) for name, _ in lora_layers(self.whole)]
        places = {match.string[: match.end(1)] for match in found if match}
        if len(places) != 1 or not all(found):
            return None
        [start] = places
        with torch.no_grad():
            try:
                whole = vision_features(self.whole, self.eyes.inputs_of(key))
                part = flat(self.whole.get_submodule(start)(self._before(key, start)))
            except (RuntimeError, TypeError, ValueError, AttributeError):
                return None
        return start if part.shape == whole.shape and torch.allclose(part, whole, rtol=1e-5, atol=1e-6) else None

    def _before(self, key: int, start: str) -> Tensor:
        """The input of the projector for an image, which no training changes."""
        known = self._begun.known.get(key)
        if known is None:
            files, image = FeatureFiles(f"{self.eyes.base}-projector"), self.eyes.image(key)
            found = files.read(image.sha256)
            if found is None:
                found = self._captured(key, start)
                if not image.content:
                    files.write(image.sha256, found)
            known = self._begun.keep(key, found.to(self.whole.device))
        return known

    @torch.no_grad()
    def _captured(self, key: int, start: str) -> Tensor:
        given: list[Tensor] = []
        hook = self.whole.get_submodule(start).register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
        try:
            vision_features(self.whole, self.eyes.inputs_of(key))
        finally:
            hook.remove()
        [found] = given
        return found


class Cached:
    """Tensors of images by key, those that were kept last, at most MAX_CACHED bytes."""

    def __init__(self) -> None:
        self.known: OrderedDict[int, Tensor] = OrderedDict()
        self._bytes, self._lock = 0, threading.Lock()

    def __deepcopy__(self, memo: dict[int, Any]) -> "Cached":
        """An empty one: it can be filled again."""
        return Cached()

    def keep(self, key: int, tensor: Tensor) -> Tensor:
        """Keep a tensor, which is returned, and drop the oldest ones."""
        with self._lock:
            self._bytes += tensor.nbytes - (known.nbytes if (known := self.known.get(key)) is not None else 0)
            self.known[key] = tensor
            while self._bytes > MAX_CACHED and len(self.known) > 1:
                self._bytes -= self.known.popitem(last=False)[1].nbytes
        return tensor


def sight_of(network: "PreTrainedModel") -> Sight:
    """The sight of a network over a base that reads images, which has one from now on."""
    layer: Any = network.get_input_embeddings()
    assert isinstance(layer, SeeingEmbedding)
    if layer.sight is None:
        layer.sight = Sight(layer.eyes)
    sight: Sight = layer.sight
    return sight


def attach_to_sight(network: "PreTrainedModel", blocks: int, rank: int, alpha: float, seed: int) -> list[str]:
    """Put LoRA layers around the linear layers of the projector and of the last blocks of the vision tower.

    Returns their names in the whole base. Raises UsageError if there are none, or not so many blocks.
    """
    sight = sight_of(network)
    linear = [name for name, module in sight.whole.named_modules() if isinstance(module, nn.Linear)]
    names = adaptable(sight.whole, linear, sight.eyes.whole.config, blocks)
    generator = torch.Generator().manual_seed(seed + 1)
    for name in names:
        layer = sight.whole.get_submodule(name).requires_grad_(False)
        sight.whole.set_submodule(name, LoraLinear.from_base(layer, rank, alpha, generator))
    return names


def adaptable(whole: nn.Module, linear: list[str], config: Any, blocks: int) -> list[str]:
    """The names of the linear layers of the projector, and of so many last blocks that have an effect on features.

    `linear` are the names of all linear layers of the vision tower and the projector.
    """
    found = used_blocks(list(blocks_of(whole, linear)), config)
    if blocks > len(found):
        raise UsageError(
            f"[tune] vision_blocks is {blocks}, and the vision tower of the base has {len(found)}.",
            "Only blocks on which the features of an image depend are counted.",
            f"set it to at most {len(found)}.",
        )
    last = tuple(f"{name}." for name in found[len(found) - blocks :])
    names = [name for name in linear if PROJECTOR.search(name) or name.startswith(last)]
    if not names:
        raise UsageError(
            "[tune] vision_blocks is 0, and the projector of the base has no linear layers.",
            "LoRA layers are put around linear layers.",
            "set it to 1 or more, or leave it out.",
        )
    return names


def adapted_layers(whole: "PreTrainedModel", blocks: int) -> list[nn.Linear]:
    """The linear layers of a whole base that get LoRA layers."""
    inside = {id(module) for module in whole.get_decoder().modules()} | {id(whole.get_output_embeddings())}
    linear = [name for name, one in whole.named_modules() if isinstance(one, nn.Linear) and id(one) not in inside]
    layers: list[Any] = [whole.get_submodule(name) for name in adaptable(whole, linear, whole.config, blocks)]
    return layers


def patches_of_token(config: Any) -> float:
    """How many patches of an image, which the vision tower computes, become one token of the language part."""
    vision = config.vision_config
    if tokens := getattr(config, "mm_tokens_per_image", None):
        return float((vision.image_size // vision.patch_size) ** 2 / tokens)
    side = getattr(vision, "spatial_merge_size", None) or getattr(config, "scale_factor", None)
    return float(side or 1 / (getattr(config, "downsample_ratio", None) or 1)) ** 2


def blocks_of(whole: nn.Module, linear: list[str]) -> Iterator[str]:
    """The names of the blocks of a vision tower: the innermost entries of lists with several linear layers each."""
    lists = [name for name, module in whole.named_modules() if isinstance(module, nn.ModuleList)]
    entries = [f"{name}.{n}" for name in lists for n in range(len(whole.get_submodule(name)))]  # type: ignore[arg-type]
    blocks = [
        entry
        for entry in entries
        if not PROJECTOR.search(entry) and sum(name.startswith(f"{entry}.") for name in linear) > 1
    ]
    for block in blocks:
        if not any(other.startswith(f"{block}.") for other in blocks):
            yield block


def used_blocks(blocks: list[str], config: Any) -> list[str]:
    """The blocks on which features depend: of towers whose features are those after another block than the last."""
    layers = getattr(config, "vision_feature_layer", -1)
    layers = layers if isinstance(layers, (list, tuple)) else [layers]
    chosen = max(one if one >= 0 else len(blocks) + one + 1 for one in layers)
    of_one_list = len({block.rpartition(".")[0] for block in blocks}) == 1
    return blocks[:chosen] if of_one_list else blocks


def merge_sight(network: "PreTrainedModel") -> None:
    """Put the layers of a network's sight into its whole base, which is what is saved."""
    layer: Any = network.get_input_embeddings()
    sight = layer.sight if isinstance(layer, SeeingEmbedding) else None
    if sight is None:
        return
    for name, module in sight.whole.named_modules():
        if isinstance(module, nn.Linear):
            layer.eyes.whole.set_submodule(name, module)
    layer.sight = None

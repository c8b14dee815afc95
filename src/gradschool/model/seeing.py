"""Bases that read images: which families can be used, and how their language part becomes a network of its own."""

from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from gradschool.errors import ModelError, first_line
from gradschool.model.eyes import Eyes
from gradschool.model.image_positions import in_three_dimensions
from gradschool.model.image_processors import ImageProcessor
from gradschool.model.image_tokens import FIRST, NO_EYES, PLACES

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# Families whose language part reads the features of an image in place of tokens.
FAMILIES = ("llava", "idefics3", "smolvlm", "internvl", "qwen2_vl", "qwen2_5_vl", "qwen3_vl", "gemma3")
MUTUAL = ("gemma3",)  # the tokens of an image attend to each other in both directions
# Families that need more, and what that is.
REFUSED = {
    "qwen3_vl_moe": "its layers of experts have no LoRA layers here",
    "qwen3_5": "its linear attention cannot read packed rows, which positions in three dimensions need here",
    "gemma3n": "it has features of its own for each layer and token",
    "paligemma": "its questions attend in both directions, and not only its images",
    "mllama": "it reads images in layers of their own",
    "llava_next": "it writes an image in rows of several sizes",
    "llava_onevision": "it writes an image in rows of several sizes",
}


class SeeingEmbedding(nn.Embedding):
    """The embedding layer of a language part: image tokens get the features of their image.

    Shapes: T image tokens; D and L as in `eyes`.
    """

    def __init__(self, base: nn.Embedding, eyes: Eyes) -> None:
        super().__init__(1, 1, device="meta")
        self.num_embeddings, self.embedding_dim = base.num_embeddings, base.embedding_dim
        self.padding_idx, self.weight, self.eyes = base.padding_idx, base.weight, eyes
        self._base = (base,)  # no module of this one, which has its weights already
        self.sight: Any = None  # `sight.Sight`, if LoRA layers change what the network sees

    def forward(self, input: Tensor) -> Tensor:
        """(…) -> (…, D)."""
        seen = input >= FIRST
        return self.embedded(input, seen, self.looked_up(input[seen]) if bool(seen.any()) else None)

    def embedded(self, input: Tensor, seen: Tensor, features: Tensor | None) -> Tensor:
        """The embeddings (…, D) of tokens, of which some are `seen` and have these features (T, L D)."""
        embed = self._base[0]  # which may scale what it looks up
        if features is None:
            whole: Tensor = embed(input)
            return whole
        embedded: Tensor = embed(input.masked_fill(seen, 0))
        return embedded.masked_scatter(seen[..., None], features[:, : self.embedding_dim].to(embedded))

    def looked_up(self, tokens: Tensor) -> Tensor:
        """The features (T, L D) of image tokens (T,)."""
        keys, places = (tokens - FIRST) // PLACES, tokens % PLACES
        numbers, which = torch.unique(keys, return_inverse=True)
        known = [(self.sight or self.eyes).features(key) for key in numbers.tolist()]
        starts = torch.tensor([0, *accumulate(len(one) for one in known[:-1])], device=tokens.device)
        return torch.cat(known)[starts[which] + places]

    def inputs(self, token_ids: Tensor, positions: Tensor) -> dict[str, Any]:
        """What a decoder reads: embeddings, positions, and features of its first layers if the family has them."""
        seen = token_ids >= FIRST
        if not bool(seen.any()):
            return {"input_ids": token_ids, "position_ids": in_three_dimensions(positions)}
        features = self.looked_up(token_ids[seen])
        inputs: dict[str, Any] = {
            "inputs_embeds": self.embedded(token_ids, seen, features),
            "position_ids": in_three_dimensions(positions),
        }
        width = self.embedding_dim
        if deeper := features.split_with_sizes([width] * (features.shape[1] // width), dim=1)[1:]:
            inputs |= {"visual_pos_masks": seen, "deepstack_visual_embeds": list(deeper)}
        return inputs


def sees(config: Any) -> bool:
    """Whether a config is of a family of bases that read images, and can be used with them."""
    return getattr(config, "model_type", "") in FAMILIES


def why_blind(kind: str, tower: bool, name: str) -> str:
    """Why a base of this family reads no images, as a sentence; `tower`: its config has a vision tower."""
    if kind in REFUSED:
        return f"{name} is of the family {kind}, whose images are not read here: {REFUSED[kind]}."
    if tower:
        return f"{name} is of the family {kind}, whose images are not read here."
    return f"{name} has no vision tower."


def unreadable_images(what: str, why: str) -> ModelError:
    """The error for a base whose images would not be read as its family does."""
    return ModelError(
        f"{what} cannot be used with images.",
        f"{why}, and images of its family need positions or masks that only packed rows have here.",
        f"use another one, or {NO_EYES}.",
    )


def language_part(whole: Any) -> "PreTrainedModel":
    """The language part of a base as a network of its own, over the same weights."""
    decoder, output = whole.get_decoder(), whole.get_output_embeddings()
    network = network_over(decoder, output, whole.dtype)
    network.config.tie_word_embeddings = output.weight is decoder.get_input_embeddings().weight
    network.generation_config = whole.generation_config
    return network


def network_over(decoder: Any, output: nn.Module, dtype: torch.dtype) -> "PreTrainedModel":
    """A network that continues texts, of a decoder and an output layer."""
    with torch.device("meta"):
        network: Any = _shell(decoder.config, dtype)
    setattr(network, network.base_model_prefix, decoder)
    network.set_output_embeddings(output)
    made: PreTrainedModel = network
    return made


def is_part(config: Any) -> bool:
    """Whether a config is of the language part of a base that reads images, whose family has no network for texts."""
    own = getattr(config, "model_type", "").removesuffix("_text") in FAMILIES
    return own and type(config) not in MODEL_FOR_CAUSAL_LM_MAPPING


def _shell(config: Any, dtype: torch.dtype) -> Any:
    """A network for a decoder: that of its family, or one that passes everything on to it."""
    if not is_part(config):
        return AutoModelForCausalLM.from_config(config, dtype=dtype)
    small = LlamaConfig(vocab_size=8, hidden_size=8, intermediate_size=8, num_hidden_layers=0, num_attention_heads=1)
    network: Any = LlamaForCausalLM(small)
    network.to(dtype)
    network.config, network.vocab_size = config, config.vocab_size
    return network


def give_eyes(network: "PreTrainedModel", eyes: Eyes) -> None:
    """Let the embedding layer of a language part take image tokens."""
    layer: Any = network.get_input_embeddings()
    network.set_input_embeddings(SeeingEmbedding(layer, eyes))


def eyes_in(network: "PreTrainedModel") -> Eyes | None:
    """The eyes of a network; None if it reads no images."""
    layer = network.get_input_embeddings()
    return layer.eyes if isinstance(layer, SeeingEmbedding) else None


def eyes_of(folder: Path, whole: Any, tokenizer: Any, identity: Callable[[], str]) -> Eyes:
    """The eyes of a base; raises ModelError if its processor cannot be loaded."""
    try:
        family = str(whole.config.model_type)
        return Eyes(whole, ImageProcessor(folder, family, tokenizer), identity, family in MUTUAL)
    except Exception as error:  # transformers raises any for files that it cannot load, and for missing libraries
        raise ModelError(
            f"The image processor in {folder} cannot be loaded.",
            f"The loader reports: {first_line(error)}",
            f"download the base again, or {NO_EYES}.",
        ) from error

"""Bases that read images: which families can be used, and how their language part becomes a network of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM

from gradschool.errors import ModelError, first_line
from gradschool.model.eyes import Eyes
from gradschool.model.image_processors import ImageProcessor
from gradschool.model.image_tokens import FIRST, NO_EYES, PLACES

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# Families whose language part reads the features of an image in place of tokens, and nothing else about it.
FAMILIES = ("llava", "idefics3", "smolvlm", "internvl")
# Families that need more, and what that is.
REFUSED = {
    "qwen2_vl": "its positions have three dimensions within an image",
    "qwen2_5_vl": "its positions have three dimensions within an image",
    "qwen3_vl": "its positions have three dimensions within an image, and images enter several layers",
    "qwen3_vl_moe": "its positions have three dimensions within an image, and images enter several layers",
    "gemma3": "the tokens of an image attend to each other in both directions",
    "gemma3n": "the tokens of an image attend to each other in both directions",
    "paligemma": "the tokens of an image attend to each other in both directions",
    "mllama": "it reads images in layers of their own",
    "llava_next": "it writes an image in rows of several sizes",
    "llava_onevision": "it writes an image in rows of several sizes",
}


class SeeingEmbedding(nn.Embedding):
    """The embedding layer of a language part: image tokens get the features of their image."""

    def __init__(self, base: nn.Embedding, eyes: Eyes) -> None:
        super().__init__(1, 1, device="meta")
        self.num_embeddings, self.embedding_dim = base.num_embeddings, base.embedding_dim
        self.padding_idx, self.weight, self.eyes = base.padding_idx, base.weight, eyes

    def forward(self, input: Tensor) -> Tensor:
        """(…) -> (…, D)."""
        seen = input >= FIRST
        if not bool(seen.any()):
            return super().forward(input)
        embedded = super().forward(input.masked_fill(seen, 0))
        tokens = input[seen]
        keys, places = (tokens - FIRST) // PLACES, tokens % PLACES
        features = embedded.new_empty(len(tokens), self.embedding_dim)
        for key in set(keys.tolist()):
            its = keys == key
            features[its] = self.eyes.features(key)[places[its]].to(features)
        return embedded.masked_scatter(seen[..., None], features)


def sees(config: Any) -> bool:
    """Whether a config is of a family of bases that read images, and can be used with them."""
    return getattr(config, "model_type", "") in FAMILIES


def why_blind(config: Any, name: str) -> str:
    """Why a base reads no images, as a sentence."""
    kind = getattr(config, "model_type", "")
    if kind in REFUSED:
        return f"{name} is of the family {kind}, which is used for text only here: {REFUSED[kind]}."
    return f"{name} is a language model without a vision tower."


def language_part(whole: Any) -> "PreTrainedModel":
    """The language part of a base as a network of its own, over the same weights."""
    decoder = whole.get_decoder()
    with torch.device("meta"):
        network: Any = AutoModelForCausalLM.from_config(decoder.config, dtype=whole.dtype)
    setattr(network, network.base_model_prefix, decoder)
    network.set_output_embeddings(whole.get_output_embeddings())
    network.config.tie_word_embeddings = network.get_output_embeddings().weight is decoder.get_input_embeddings().weight
    network.generation_config = whole.generation_config
    part: PreTrainedModel = network
    return part


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
        return Eyes(whole, ImageProcessor(folder, str(whole.config.model_type), tokenizer), identity)
    except Exception as error:  # transformers raises any for files that it cannot load, and for missing libraries
        raise ModelError(
            f"The image processor in {folder} cannot be loaded.",
            f"The loader reports: {first_line(error)}",
            f"download the base again, or {NO_EYES}.",
        ) from error

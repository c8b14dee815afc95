"""The network: LLaVA (Liu et al. 2023, arXiv:2304.08485) of a FocalNet, a projector and the built-in base, with LoRA.

Shapes: B pictures, N image tokens of each, D width of the base, T text tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoTokenizer,
    FocalNetConfig,
    LlamaForCausalLM,
    LlavaConfig,
    LlavaForConditionalGeneration,
)
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from gradschool.model.lora import attach
from recipes.pocket_eyes.settings import IMAGE_TOKEN, SIDE, Shape

POCKET = Path(__file__).parents[2] / "src" / "gradschool" / "bases" / "pocket"


def llava_config(shape: Shape, image_token: int) -> LlavaConfig:
    """The config of the network, as transformers loads it."""
    vision: Any = FocalNetConfig(
        image_size=SIDE,
        patch_size=shape.patch,
        embed_dim=shape.width,
        depths=list(shape.depths),
        hidden_sizes=[shape.width * 2**i for i in range(len(shape.depths))],
        focal_levels=[shape.focal_levels] * len(shape.depths),
        focal_windows=[shape.focal_window] * len(shape.depths),
        use_conv_embed=True,
        drop_path_rate=0.0,
    )
    vision.hidden_size = shape.last  # which LLaVA's projector reads
    return LlavaConfig(
        vision_config=vision,
        text_config=AutoConfig.from_pretrained(POCKET, local_files_only=True),
        image_token_index=image_token,
        vision_feature_select_strategy="full",
        vision_feature_layer=-1,
        image_seq_length=(SIDE // shape.cell) ** 2,
        tie_word_embeddings=True,
    )


def tokenizer_with_images() -> Any:
    """The base's tokenizer with one more token, which stands for an image."""
    tokenizer = AutoTokenizer.from_pretrained(POCKET, local_files_only=True)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", IMAGE_TOKEN]})
    return tokenizer


def image_processor() -> SiglipImageProcessorPil:
    """How pictures become numbers."""
    half = [0.5, 0.5, 0.5]
    return SiglipImageProcessorPil(size={"height": SIDE, "width": SIDE}, image_mean=half, image_std=half, resample=3)


def as_pixels(images: Sequence[Image.Image]) -> Tensor:
    """Pictures of the right size as (B, 3, SIDE, SIDE), from -1 to 1."""
    stacked = np.stack([np.asarray(image, dtype=np.float32) for image in images])
    return torch.from_numpy(stacked).permute(0, 3, 1, 2) / 127.5 - 1


@dataclass
class Eyes:
    """The parts of the network: tower and projector, and the base with LoRA layers."""

    tower: nn.Module
    projector: nn.Module
    base: Any
    image_token: int

    @classmethod
    def new(cls, shape: Shape, rank: int, seed: int) -> "Eyes":
        """A tower and a projector with random weights before the built-in base with fresh LoRA layers."""
        torch.manual_seed(seed)
        token = int(tokenizer_with_images().convert_tokens_to_ids(IMAGE_TOKEN))
        whole = LlavaForConditionalGeneration(llava_config(shape, token))
        base = LlamaForCausalLM.from_pretrained(POCKET, dtype=torch.float32, local_files_only=True)
        attach(base, rank, 2 * rank, seed)
        return cls(whole.model.vision_tower, whole.model.multi_modal_projector, base, token)

    def cells(self, pixels: Tensor) -> Tensor:
        """What the tower sees: (B, 3, SIDE, SIDE) -> (B, N, width)."""
        seen: Tensor = self.tower(pixels, output_hidden_states=True).hidden_states[-1]
        return seen

    def features(self, pixels: Tensor) -> Tensor:
        """The embeddings of image tokens: (B, 3, SIDE, SIDE) -> (B, N, D)."""
        projected: Tensor = self.projector(self.cells(pixels))
        return projected

    def hidden(self, token_ids: Tensor, features: Tensor) -> Tensor:
        """The last hidden states of rows with the features of their pictures: (B, T), (B, N, D) -> (B, T, D)."""
        embedded = self.base.get_input_embeddings()(token_ids)
        embedded = embedded.masked_scatter((token_ids == self.image_token)[..., None], features)
        states: Tensor = self.base.model(inputs_embeds=embedded, use_cache=False).last_hidden_state
        return states

    def parameters(self) -> dict[str, nn.Parameter]:
        """The parameters that are trained, by name."""
        parts = {"tower": self.tower, "projector": self.projector, "base": self.base}
        named = {f"{part}.{name}": one for part, module in parts.items() for name, one in module.named_parameters()}
        return {name: one for name, one in named.items() if one.requires_grad}


class Heads(nn.Module):
    """Linear classifiers over what the tower sees, one for each fact about a scene; only the first stage has them."""

    def __init__(self, width: int, classes: dict[str, int]) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.layers = nn.ModuleDict({name.replace(" ", "_"): nn.Linear(width, n) for name, n in classes.items()})

    def loss(self, seen: Tensor, facts: Sequence[dict[str, int]]) -> Tensor:
        """The mean cross-entropy of the facts that the scenes have; `seen` is (B, width)."""
        seen, losses = self.norm(seen), []
        for name, layer in self.layers.items():
            key = name.replace("_", " ")
            known = [i for i, one in enumerate(facts) if key in one]
            if known:
                targets = torch.tensor([facts[i][key] for i in known])
                losses.append(nn.functional.cross_entropy(layer(seen[known]), targets, reduction="sum") / len(facts))
        return torch.stack(losses).sum()

"""The image processor of a base, and how its family writes an image into a prompt.

Both are those of the family in transformers. Their parts for images are used alone: whole processors of some families
also read videos, and cannot be built without the libraries for these. Images are always resized by Pillow: with
torchvision, where it is installed, the same image would have other pixels, and a specialist other answers.
"""

import importlib
from pathlib import Path
from typing import Any

from transformers import AutoImageProcessor

from gradschool.files import read_json

# The class of a family, and what its function reads from the config of a processor, with its usual values.
PROCESSORS: dict[str, tuple[str, dict[str, Any]]] = {
    "llava": (
        "LlavaProcessor",
        {"patch_size": 14, "num_additional_image_tokens": 0, "vision_feature_select_strategy": "default"},
    ),
    "idefics3": ("Idefics3Processor", {"image_seq_len": 169}),
    "smolvlm": ("SmolVLMProcessor", {"image_seq_len": 169}),
    "internvl": ("InternVLProcessor", {"image_seq_length": 256}),
}
TOKENS = {  # tokens, as the family calls them if the tokenizer does not
    "start_image_token": "<img>",
    "end_image_token": "</img>",
    "context_image_token": "<IMG_CONTEXT>",
    "fake_image_token": "<fake_token_around_image>",
    "global_image_token": "<global-img>",
}
MAX_SIDE = 8_192  # pixels to which a processor may enlarge an image


class ImageProcessor:
    """The part of a base's processor for images; raises what transformers raises for files that it cannot load."""

    def __init__(self, folder: Path, family: str, tokenizer: Any) -> None:
        demand_sizes(folder)
        name, usual = PROCESSORS[family]
        self.images: Any = AutoImageProcessor.from_pretrained(
            folder, backend="pil", local_files_only=True, trust_remote_code=False
        )
        self.tokenizer = tokenizer
        written = _written(folder)
        attributes = usual | {key: written[key] for key in usual if written.get(key) is not None}
        attributes |= {key: str(getattr(tokenizer, key, None) or token) for key, token in TOKENS.items()}
        attributes["global_image_tag"] = attributes["global_image_token"]
        named = written.get("image_token") or getattr(tokenizer, "image_token", None) or "<image>"
        attributes["image_token"] = attributes["context_image_token"] if family == "internvl" else str(named)
        for key, value in attributes.items():  # the family's function reads them from its processor
            setattr(self, key, value)
        self.token: str = attributes["image_token"]
        self.token_id = int(tokenizer.convert_tokens_to_ids(self.token))
        self.template: Any = getattr(tokenizer, "chat_template", None) or written.get("chat_template")
        self._writer: Any = getattr(importlib.import_module("transformers"), name).replace_image_token
        # Idefics3's processor must be asked for what its function needs.
        self._more = {"return_row_col_info": True} if family in ("idefics3", "smolvlm") else {}

    def pixels(self, picture: Any) -> dict[str, Any]:
        """What the network reads of a picture: tensors, and for some families how it was divided."""
        return dict(self.images(images=[[picture]] if self._more else [picture], return_tensors="pt", **self._more))

    def ids(self, pixels: dict[str, Any]) -> list[int]:
        """The tokens that stand for a picture in a prompt, by the family's own function."""
        text: str = self._writer(self, pixels, 0)
        return list(self.tokenizer.encode(text, add_special_tokens=False))


def _written(folder: Path) -> dict[str, Any]:
    file = folder / "processor_config.json"
    written = read_json(file) if file.is_file() else {}
    return written if isinstance(written, dict) else {}


def demand_sizes(folder: Path) -> None:
    """Raise ValueError if a processor's config asks for images of absurd sizes."""
    for name in ("processor_config.json", "preprocessor_config.json"):
        file = folder / name
        if file.is_file() and (largest := max(_sides(read_json(file)), default=0)) > MAX_SIDE:
            raise ValueError(f"{name} asks for images of {largest:,} pixels a side; the limit is {MAX_SIDE:,}")


def _sides(value: Any, inside: bool = False) -> list[int]:
    """The numbers in a config under keys that are sizes."""
    if isinstance(value, dict):
        return [side for key, one in value.items() for side in _sides(one, inside or "size" in str(key))]
    return [int(value)] if inside and isinstance(value, (int, float)) and not isinstance(value, bool) else []

"""The image processor of a base, and how its family writes an image into a prompt.

Both are those of the family in transformers. Their parts for images are used alone: whole processors of some families
also read videos, and cannot be built without the libraries for these. Images are always resized by Pillow: with
torchvision, where it is installed, the same image would have other pixels, and a specialist other answers.
"""

import importlib
import re
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
    "qwen2_vl": ("Qwen2VLProcessor", {}),
    "qwen2_5_vl": ("Qwen2_5_VLProcessor", {}),
    "qwen3_vl": ("Qwen3VLProcessor", {}),
    "gemma3": ("Gemma3Processor", {"image_seq_length": 256}),
}
TOKENS = {  # tokens, as the family calls them if the tokenizer does not
    "start_image_token": "<img>",
    "end_image_token": "</img>",
    "context_image_token": "<IMG_CONTEXT>",
    "fake_image_token": "<fake_token_around_image>",
    "global_image_token": "<global-img>",
    "boi_token": "<start_of_image>",
    "eoi_token": "<end_of_image>",
}
PLACEHOLDERS = {"internvl": "context_image_token", "gemma3": "boi_token"}  # what stands for an image in a prompt
USUAL_TOKENS = {"qwen2_vl": "<|image_pad|>", "qwen2_5_vl": "<|image_pad|>", "qwen3_vl": "<|image_pad|>"}
AREAS = tuple(USUAL_TOKENS)  # families whose sizes are numbers of pixels of a whole image
SIZES = re.compile("size|(min|max)_pixels")  # keys of them
MAX_SIDE = 8_192  # pixels to which a processor may enlarge an image


class ImageProcessor:
    """The part of a base's processor for images; raises what transformers raises for files that it cannot load.

    `token` stands for an image in the text of a prompt, and `token_id` is its number. `place_id` is the token for each
    vector of features: the same one, but in Gemma 3.
    """

    def __init__(self, folder: Path, family: str, tokenizer: Any) -> None:
        demand_sizes(folder, family)
        self.family = family
        name, usual = PROCESSORS[family]
        self.images: Any = AutoImageProcessor.from_pretrained(
            folder, backend="pil", local_files_only=True, trust_remote_code=False
        )
        self.tokenizer = tokenizer
        written = _written(folder)
        attributes = usual | {key: written[key] for key in usual if written.get(key) is not None}
        attributes |= {key: str(getattr(tokenizer, key, None) or token) for key, token in TOKENS.items()}
        attributes["global_image_tag"] = attributes["global_image_token"]
        named = written.get("image_token") or getattr(tokenizer, "image_token", None)
        place = str(named or USUAL_TOKENS.get(family, "<image>"))
        if family == "gemma3":  # its files call another one by that name
            place = str(getattr(tokenizer, "image_token", None) or "<image_soft_token>")
            drawn = place * int(attributes["image_seq_length"])
            attributes["full_image_sequence"] = f"\n\n{attributes['boi_token']}{drawn}{attributes['eoi_token']}\n\n"
        attributes["image_token"] = attributes[PLACEHOLDERS[family]] if family in PLACEHOLDERS else place
        attributes["image_processor"] = self.images
        for key, value in attributes.items():  # the family's function reads them from its processor
            setattr(self, key, value)
        self.token: str = attributes["image_token"]
        place = place if family == "gemma3" else self.token
        self.token_id, self.place_id = map(int, tokenizer.convert_tokens_to_ids([self.token, place]))
        # Texts around the tokens of an image that must be read together with what stands before and after.
        self._special = re.compile("|".join(map(re.escape, sorted(_special(tokenizer), key=len, reverse=True))))
        self.template: Any = getattr(tokenizer, "chat_template", None) or written.get("chat_template")
        self._writer: Any = getattr(importlib.import_module("transformers"), name).replace_image_token
        # Idefics3's processor must be asked for what its function needs.
        self._more = {"return_row_col_info": True} if family in ("idefics3", "smolvlm") else {}

    def pixels(self, picture: Any) -> dict[str, Any]:
        """What the network reads of a picture: tensors, and for some families how it was divided."""
        return dict(self.images(images=[[picture]] if self._more else [picture], return_tensors="pt", **self._more))

    def written(self, pixels: dict[str, Any]) -> tuple[str, list[int], str]:
        """What stands for a picture in a prompt, by the family's own function: tokens, and plain text around them."""
        text: str = self._writer(self, pixels, 0)
        found = list(self._special.finditer(text))
        start, end = (found[0].start(), found[-1].end()) if found else (0, len(text))
        return text[:start], list(self.tokenizer.encode(text[start:end], add_special_tokens=False)), text[end:]


def _special(tokenizer: Any) -> set[str]:
    """The texts of tokens that no other text around them changes."""
    return {str(token.content) for token in tokenizer.added_tokens_decoder.values()} - {""}


def _written(folder: Path) -> dict[str, Any]:
    file = folder / "processor_config.json"
    written = read_json(file) if file.is_file() else {}
    return written if isinstance(written, dict) else {}


def demand_sizes(folder: Path, family: str = "") -> None:
    """Raise ValueError if a processor's config asks for images of absurd sizes."""
    most, what = (MAX_SIDE**2, "") if family in AREAS else (MAX_SIDE, " a side")
    for name in ("processor_config.json", "preprocessor_config.json"):
        file = folder / name
        if file.is_file() and (largest := max(_sides(read_json(file)), default=0)) > most:
            raise ValueError(f"{name} asks for images of {largest:,} pixels{what}; the limit is {most:,}")


def _sides(value: Any, inside: bool = False) -> list[int]:
    """The numbers in a config under keys that are sizes."""
    if isinstance(value, dict):
        return [side for key, one in value.items() for side in _sides(one, inside or bool(SIZES.search(str(key))))]
    return [int(value)] if inside and isinstance(value, (int, float)) and not isinstance(value, bool) else []

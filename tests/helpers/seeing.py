"""Small bases with random weights of the families that read images."""

from pathlib import Path
from typing import Any

import torch
from PIL import Image as Pillow
from transformers import (
    AutoTokenizer,
    CLIPVisionConfig,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3Processor,
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    Qwen2Config,
    SmolVLMConfig,
    SmolVLMForConditionalGeneration,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

from gradschool.images.located import located
from gradschool.model.opening import POCKET
from gradschool.records import Image

TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}{% for part in message['content'] %}"
    "{{ TOKEN if part['type'] == 'image' else part['text'] }}{% endfor %}{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
FAMILIES = ("llava", "idefics3", "smolvlm", "internvl")
SMALL: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 5008,
    "max_position_embeddings": 2048,
    "pad_token_id": 0,
    "bos_token_id": 0,
    "eos_token_id": 2,
}


def picture(folder: Path, seed: int, wide: int = 40, high: int = 28) -> Image:
    """An image of random spots in a file."""
    import numpy as np

    spots = np.random.default_rng(seed).integers(0, 255, (5, 7, 3), dtype=np.uint8)
    file = folder / f"picture-{seed}.png"
    Pillow.fromarray(spots).resize((wide, high), Pillow.Resampling.BICUBIC).save(file)
    return located(file.name, (folder,))


def tiny(folder: Path, family: str, seed: int = 0) -> Path:
    """A folder with a small base of a family, as its makers would publish one."""
    torch.manual_seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    network = {"llava": _llava, "idefics3": _idefics3, "smolvlm": _idefics3, "internvl": _internvl}[family](
        folder, family
    )
    for parameter in network.parameters():  # biases and queries that are zeros would hide mistakes
        torch.nn.init.normal_(parameter, std=0.3)
    network.save_pretrained(folder)
    return folder


def _tokenizer(folder: Path, image: str, *more: str, **named: str) -> Any:
    tokenizer = AutoTokenizer.from_pretrained(POCKET)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", image, *more]})
    tokenizer.chat_template = TEMPLATE.replace("TOKEN", repr(image))
    return tokenizer


def _llava(folder: Path, family: str) -> Any:
    tokenizer = _tokenizer(folder, "<image>")
    size = {"height": 16, "width": 16}
    images = CLIPImageProcessorPil(size={"shortest_edge": 16}, crop_size=size)
    processor = LlavaProcessor(
        images,
        tokenizer,
        patch_size=4,
        vision_feature_select_strategy="default",
        chat_template=tokenizer.chat_template,
        num_additional_image_tokens=1,
    )
    processor.save_pretrained(folder)
    vision = CLIPVisionConfig(
        hidden_size=24, intermediate_size=32, num_hidden_layers=3, num_attention_heads=2, image_size=16, patch_size=4
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=LlamaConfig(**SMALL),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-2,
        image_seq_length=16,
    )
    return LlavaForConditionalGeneration(config)


def _idefics3(folder: Path, family: str) -> Any:
    rows = [f"<row_{row}_col_{column}>" for row in range(1, 4) for column in range(1, 4)]
    special = ("<fake_token_around_image>", "<end_of_utterance>", "<global-img>", *rows)
    tokenizer = _tokenizer(folder, "<image>", *special)
    sizes: dict[str, Any] = {"size": {"longest_edge": 32}, "max_image_size": {"longest_edge": 16}}
    if family == "idefics3":
        images: Any = Idefics3ImageProcessorPil(**sizes)
        processor = Idefics3Processor(images, tokenizer, image_seq_len=4, chat_template=tokenizer.chat_template)
        processor.save_pretrained(folder)
    else:
        _without_videos(folder, SmolVLMImageProcessorPil(**sizes), tokenizer, {"image_seq_len": 4})
    kinds = {
        "idefics3": (Idefics3Config, Idefics3ForConditionalGeneration),
        "smolvlm": (SmolVLMConfig, SmolVLMForConditionalGeneration),
    }
    config_class, network_class = kinds[family]
    vision = {
        "hidden_size": 24,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 16,
        "patch_size": 4,
    }
    config: Any = config_class(
        vision_config=vision,
        text_config=LlamaConfig(**SMALL),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        scale_factor=2,
        pad_token_id=0,
    )
    return network_class(config)


def _without_videos(folder: Path, images: Any, tokenizer: Any, config: dict[str, int]) -> None:
    """The files of a processor that reads videos too, which cannot be built without the libraries for these."""
    import json

    images.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "processor_config.json").write_text(json.dumps(config))


def _internvl(folder: Path, family: str) -> Any:
    tokenizer = _tokenizer(folder, "<IMG_CONTEXT>", "<img>", "</img>")
    size = {"height": 16, "width": 16}
    images = GotOcr2ImageProcessorPil(size=size, crop_to_patches=True, max_patches=3, min_patches=1)
    _without_videos(folder, images, tokenizer, {"image_seq_length": 4})
    vision = InternVLVisionConfig(
        hidden_size=24,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=[16, 16],
        patch_size=[4, 4],
    )
    config = InternVLConfig(
        vision_config=vision,
        text_config=Qwen2Config(**SMALL),
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=4,
    )
    return InternVLForConditionalGeneration(config)

"""Small bases with random weights of the families that read images."""

import inspect
from pathlib import Path
from typing import Any

import torch
from PIL import Image as Pillow
from transformers import (
    AutoTokenizer,
    CLIPVisionConfig,
    Gemma3Config,
    Gemma3ForConditionalGeneration,
    Gemma3Processor,
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
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2Config,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    SiglipVisionConfig,
    SmolVLMConfig,
    SmolVLMForConditionalGeneration,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.gemma3.image_processing_pil_gemma3 import Gemma3ImageProcessorPil
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

from gradschool.images.located import located
from gradschool.model.image_tokens import without_images
from gradschool.model.local import LocalEngine
from gradschool.model.opening import POCKET
from gradschool.records import Image

TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}{% for part in message['content'] %}"
    "{{ TOKEN if part['type'] == 'image' else part['text'] }}{% endfor %}{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
QWENS = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl")
FAMILIES = ("llava", "idefics3", "smolvlm", "internvl", *QWENS, "gemma3")
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


def own_inputs(engine: LocalEngine, rows: list[list[int]], images: list[Image]) -> dict[str, Any]:
    """What the family's own forward pass reads: rows of tokens of one length, or padded on the left, with images."""
    eyes, longest = engine.eyes, max(map(len, rows))
    assert eyes
    plain = [without_images(row, eyes.place_id) for row in rows]
    ids = torch.tensor([[0] * (longest - len(row)) + row for row in plain])
    inputs: dict[str, Any] = {}
    for found in map(eyes.inputs, images):
        for name, value in found.items():
            inputs.setdefault(name, []).append(value)
    # Idefics3 and SmolVLM have the images of a row in the second dimension.
    stacked = 1 if engine.network.config.model_type == "llama" and inputs["pixel_values"][0].dim() == 5 else 0
    known = {n: torch.cat(values, dim=stacked) for n, values in inputs.items() if n.startswith(("pixel", "image_grid"))}
    for name in {"mm_token_type_ids", "token_type_ids"} & set(inspect.signature(eyes.whole.forward).parameters):
        known[name] = (ids == eyes.place_id).int()
    attention = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in plain])
    return {"input_ids": ids, "attention_mask": attention, **known}


def tiny(folder: Path, family: str, seed: int = 0) -> Path:
    """A folder with a small base of a family, as its makers would publish one."""
    torch.manual_seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    makers = {"llava": _llava, "idefics3": _idefics3, "smolvlm": _idefics3, "internvl": _internvl, "gemma3": _gemma3}
    network = makers.get(family, _qwen)(folder, family)
    for parameter in network.parameters():  # biases and queries that are zeros would hide mistakes
        torch.nn.init.normal_(parameter, std=0.3)
    network.save_pretrained(folder)
    return folder


def _tokenizer(folder: Path, image: str, *more: str, **named: str) -> Any:
    tokenizer = AutoTokenizer.from_pretrained(POCKET, extra_special_tokens=named)
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
    kinds: dict[str, tuple[Any, Any]] = {
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
    config = config_class(
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


def _qwen(folder: Path, family: str) -> Any:
    tokenizer = _tokenizer(folder, "<|image_pad|>", "<|vision_start|>", "<|vision_end|>", "<|video_pad|>")
    framed = "'<|vision_start|><|image_pad|><|vision_end|>'"
    tokenizer.chat_template = TEMPLATE.replace("TOKEN", framed)
    images = Qwen2VLImageProcessorPil(patch_size=4, size={"shortest_edge": 64, "longest_edge": 1024})
    _without_videos(folder, images, tokenizer, {})
    rope = {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [2, 1, 1]}
    text = SMALL | {"rope_parameters": rope, "num_hidden_layers": 3}
    vision: dict[str, Any] = {"depth": 3, "num_heads": 2, "patch_size": 4}
    if family == "qwen2_vl":
        vision |= {"embed_dim": 24, "hidden_size": 32, "mlp_ratio": 2}
    else:
        vision |= {"hidden_size": 24, "out_hidden_size": 32, "intermediate_size": 32}
    if family == "qwen2_5_vl":
        vision |= {"window_size": 16, "fullatt_block_indexes": [1]}
    if family == "qwen3_vl":
        vision |= {"num_position_embeddings": 16, "deepstack_visual_indexes": [0, 1]}
        text["head_dim"] = 8
    names = {"image_token": "<|image_pad|>", "video_token": "<|video_pad|>"}
    names |= {"vision_start_token": "<|vision_start|>", "vision_end_token": "<|vision_end|>"}
    tokens = {f"{name}_id": tokenizer.convert_tokens_to_ids(token) for name, token in names.items()}
    kinds = {
        "qwen2_vl": (Qwen2VLConfig, Qwen2VLForConditionalGeneration),
        "qwen2_5_vl": (Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration),
        "qwen3_vl": (Qwen3VLConfig, Qwen3VLForConditionalGeneration),
    }
    config_class, network_class = kinds[family]
    return network_class(config_class(vision_config=vision, text_config=text, **tokens))


def _gemma3(folder: Path, family: str) -> Any:
    named = {"image_token": "<image_soft_token>", "boi_token": "<start_of_image>", "eoi_token": "<end_of_image>"}
    tokenizer = _tokenizer(folder, named["boi_token"], *named.values(), **named)
    size = {"height": 32, "width": 32}
    processor = Gemma3Processor(
        Gemma3ImageProcessorPil(size=size), tokenizer, chat_template=tokenizer.chat_template, image_seq_length=16
    )
    processor.save_pretrained(folder)
    vision = SiglipVisionConfig(
        hidden_size=24, intermediate_size=32, num_hidden_layers=3, num_attention_heads=2, image_size=32, patch_size=4
    )
    layers = ["sliding_attention", "full_attention", "sliding_attention"]
    text = SMALL | {"num_hidden_layers": 3, "layer_types": layers, "sliding_window": 6, "head_dim": 8}
    config = Gemma3Config(
        vision_config=vision.to_dict(),
        text_config=text | {"query_pre_attn_scalar": 8},
        image_token_index=tokenizer.convert_tokens_to_ids(named["image_token"]),
        boi_token_index=tokenizer.convert_tokens_to_ids(named["boi_token"]),
        eoi_token_index=tokenizer.convert_tokens_to_ids(named["eoi_token"]),
        mm_tokens_per_image=16,
    )
    return Gemma3ForConditionalGeneration(config)

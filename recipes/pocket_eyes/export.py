"""Write the base: config, tokenizer, chat template and processor as files of transformers, and the new weights.

The weights of the language part are those of the built-in base plus LoRA matrices; `gradschool.model.pocket_eyes` puts
them together.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import GenerationConfig, LlavaProcessor

from recipes.pocket_eyes.network import Eyes, image_processor, llava_config, tokenizer_with_images
from recipes.pocket_eyes.settings import IMAGE_TOKEN, Training

TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{{ '<image>' if part['type'] == 'image' else part['text'] }}{% endfor %}{% endif %}{{ '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def export(eyes: Eyes, settings: Training, folder: Path) -> None:
    """Write the folder of the base."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = tokenizer_with_images()
    shape = settings.shape
    processor = LlavaProcessor(
        image_processor(),
        tokenizer,
        patch_size=shape.cell,
        vision_feature_select_strategy="full",
        chat_template=TEMPLATE,
        image_token=IMAGE_TOKEN,
    )
    processor.save_pretrained(folder)
    config = llava_config(shape, eyes.image_token)
    config.architectures = ["LlavaForConditionalGeneration"]
    config.dtype = torch.bfloat16
    config.save_pretrained(folder)
    GenerationConfig(bos_token_id=0, eos_token_id=2, pad_token_id=0).save_pretrained(folder)
    save_file(weights(eyes), folder / "eyes.safetensors", {"format": "pt", "lora_scale": str(scale_of(eyes))})


def weights(eyes: Eyes) -> dict[str, torch.Tensor]:
    """The new weights in bfloat16, by their names in the network; LoRA matrices in float32."""
    parts = {"model.vision_tower": eyes.tower, "model.multi_modal_projector": eyes.projector}
    tensors = {
        f"{prefix}.{name}": tensor.detach().to(torch.bfloat16) if tensor.is_floating_point() else tensor
        for prefix, module in parts.items()
        for name, tensor in module.state_dict().items()
    }
    lora = {name: one.detach() for name, one in eyes.base.named_parameters() if "lora_" in name}
    tensors |= {f"lora.{name}": one for name, one in lora.items()}
    return {name: one.contiguous().clone() for name, one in tensors.items()}


def scale_of(eyes: Eyes) -> float:
    """The factor of the LoRA products."""
    from gradschool.model.lora import lora_layers

    return next(layer.scale for _, layer in lora_layers(eyes.base))

"""Merging: the LoRA weights are added to those of the base, which gives a plain network."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from transformers import GenerationConfig
from transformers.utils import logging

from gradschool.errors import ModelError
from gradschool.files import disk_errors, read_json
from gradschool.model.adapter import put_layers, read_adapter
from gradschool.model.loading import LOADED_TO_SEE, load
from gradschool.model.local import LocalEngine
from gradschool.model.seeing import eyes_in
from gradschool.model.sight import merge_sight

if TYPE_CHECKING:
    from transformers import PreTrainedModel

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def stored_dtype(base: Path) -> torch.dtype:
    """The number format of a base's weights on disk.

    Raises ModelError for a quantized base: the changes by an adapter are smaller than its quantization steps, so that
    merging would lose them.
    """
    config = read_json(base / "config.json")
    name = str(config.get("dtype") or config.get("torch_dtype") or "float32")
    if config.get("quantization_config") or name not in DTYPES:
        kind = (config.get("quantization_config") or {}).get("quant_method", name)
        raise ModelError(
            f"The base in {base} is quantized ({kind}), and adapters are not merged into quantized bases.",
            "Its quantization steps are larger than the changes by the adapter.",
            "export --to adapter, or train on the original base.",
        )
    return DTYPES[name]


def merged(base: Path, adapter: Path | None) -> "PreTrainedModel":
    """Load a base and merge an adapter into it, in float32; the result has the number format of the base.

    Tied embeddings stay tied. Without an adapter, this is the base itself.
    """
    network, _ = load(base, torch.device("cpu"), stored_dtype(base))
    if adapter is not None:
        put_layers(network, {name: layer.fuse() for name, layer in read_adapter(network, adapter).items()})
        merge_sight(network)
    return network


def save_merged(network: "PreTrainedModel", engine: LocalEngine, template: str, folder: Path) -> None:
    """Write a network with the tokenizer and the chat template, as a model folder for transformers and vLLM.

    Of a base that reads images, all of it is written, with the files of its processor.
    """
    whole: PreTrainedModel = eyes.whole if (eyes := eyes_in(network)) else network
    # The sampling settings of the base were not used in the test.
    whole.generation_config = GenerationConfig(eos_token_id=list(engine.stop_ids))
    bars_were_on = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        with disk_errors(folder):
            whole.save_pretrained(folder)
            for file in engine.folder.iterdir() if eyes else ():
                if LOADED_TO_SEE.fullmatch(file.name):
                    shutil.copyfile(file, folder / file.name)
    finally:
        if bars_were_on:
            logging.enable_progress_bar()
    engine.tokenizer.save_pretrained(folder)
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")

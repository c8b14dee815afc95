"""Export a checkpoint as a plain Hugging Face folder: config, weights in bf16, tokenizer, chat template."""

import argparse
import json
import shutil
from pathlib import Path

from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

from recipes.pocket.network import load_exported
from recipes.pocket.settings import Shape
from recipes.pocket.tokenizer import END_OF_TEXT, TURN_END, save_tokenizer


def llama_config(shape: Shape, tokenizer: Tokenizer) -> LlamaConfig:
    """The transformers config of the network."""
    return LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        intermediate_size=shape.inner,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_heads,
        max_position_embeddings=shape.positions,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rope_theta},
        rms_norm_eps=shape.epsilon,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.token_to_id(END_OF_TEXT),
        eos_token_id=tokenizer.token_to_id(TURN_END),
        pad_token_id=tokenizer.token_to_id(END_OF_TEXT),
    )


def export(
    checkpoint: Path, tokenizer_folder: Path, out: Path, averaged: bool = False, start: Path | None = None
) -> None:
    """Write the weights of a checkpoint (or their moving average) and its tokenizer into `out`.

    With `start`, the model that training continued from, the mean of both weights is written, which combines their
    skills (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models").
    """
    shape = Shape(**json.loads((checkpoint / "state.json").read_text())["settings"]["shape"])
    tokenizer = Tokenizer.from_file(str(tokenizer_folder / "tokenizer.json"))
    model = LlamaForCausalLM(llama_config(shape, tokenizer))
    weights = load_file(checkpoint / ("average.safetensors" if averaged else "weights.safetensors"))
    if start:
        before = load_exported(start).state_dict()
        weights = {name: value.lerp(before[name], 0.5) for name, value in weights.items()}
    state = {f"model.{name}": value for name, value in weights.items()}
    missing, unknown = model.load_state_dict(state, strict=False)
    assert set(missing) <= {"lm_head.weight"} and not unknown, (missing, unknown)
    model.tie_weights()
    model.bfloat16()
    model.generation_config = GenerationConfig(
        bos_token_id=model.config.bos_token_id,
        eos_token_id=model.config.eos_token_id,
        pad_token_id=model.config.pad_token_id,
        do_sample=False,
    )
    out.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(out, safe_serialization=True)
    save_tokenizer(tokenizer, out)
    shutil.rmtree(out / "__pycache__", ignore_errors=True)


def main() -> None:
    """Parse the command line and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--averaged", action="store_true", help="export the running average of the weights")
    parser.add_argument("--start", type=Path, help="exported model that the training went on from: meet it half way")
    args = parser.parse_args()
    export(args.checkpoint, args.tokenizer, args.out, args.averaged, args.start)


if __name__ == "__main__":
    main()

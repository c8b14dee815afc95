"""Write a Llama as a GGUF file in bfloat16 for speed measurements; the tokenizer only has token names."""

import json
from pathlib import Path

import gguf
import torch
from safetensors.torch import load_file
from torch import Tensor

BLOCKS = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
PLACES = {"embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output"}


def write_gguf(folder: Path, path: Path) -> None:
    """Write the model in a folder; prompts are passed as token ids."""
    config = json.loads((folder / "config.json").read_text())
    heads, key_heads = config["num_attention_heads"], config["num_key_value_heads"]
    width = config.get("head_dim") or config["hidden_size"] // heads
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(key_heads)
    writer.add_key_length(width)
    writer.add_value_length(width)
    writer.add_rope_dimension_count(width)
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    raw = json.loads((folder / "tokenizer.json").read_text())
    names = {number: token for token, number in raw["model"]["vocab"].items()}
    names |= {token["id"]: token["content"] for token in raw["added_tokens"]}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list([names.get(i, f"[PAD{i}]") for i in range(config["vocab_size"])])
    writer.add_token_types([gguf.TokenType.NORMAL] * config["vocab_size"])
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in raw["model"]["merges"]])
    for file in sorted(folder.glob("*.safetensors")):
        for name, tensor in load_file(file).items():
            stem = name.removeprefix("model.").removesuffix(".weight")
            if "q_proj" in stem or "k_proj" in stem:
                tensor = _turned(tensor, heads if "q_proj" in stem else key_heads)
            if stem.startswith("layers."):
                _, number, part = stem.split(".", 2)
                stem = f"blk.{number}.{BLOCKS[part]}"
            _add(writer, f"{PLACES.get(stem, stem)}.weight", tensor.float())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _turned(weight: Tensor, heads: int) -> Tensor:
    """Permute the rows of Q or K for llama.cpp's rotary embedding: interleaved pairs instead of halves."""
    return weight.view(heads, 2, -1, weight.shape[1]).transpose(1, 2).reshape(weight.shape)


def _add(writer: gguf.GGUFWriter, name: str, tensor: Tensor) -> None:
    if tensor.ndim == 1:
        writer.add_tensor(name, tensor.contiguous().numpy())
    else:
        half = tensor.to(torch.bfloat16).contiguous().view(torch.uint8).numpy()
        writer.add_tensor(name, half, raw_dtype=gguf.GGMLQuantizationType.BF16)

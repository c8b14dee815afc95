"""The built-in base beside llama.cpp: the same prompt tokens, the same greedy answer tokens."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import httpx
import pytest
import torch
import xllamacpp
from torch import Tensor

from gradschool.model.engine import POCKET
from gradschool.model.local import LocalEngine
from gradschool.records import Conversation, Decoding, Message

NEW = 6
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
ASKED: list[Conversation] = [
    (Message("user", "What is the capital of France?"),),
    (Message("system", "Answer in one word."), Message("user", "Is 12.50 more than 1,234?\n\n  Think: é – “yes”.")),
    (Message("user", "Hi"), Message("assistant", "Hello!"), Message("user", "don't STOP at <|im_end|>, it's 1999")),
]


def turned(weight: Tensor, heads: int) -> Tensor:
    """Rows of Q or K in the order that llama.cpp's rotation expects: pairs side by side, not halves."""
    return weight.view(heads, 2, -1, weight.shape[1]).transpose(1, 2).reshape(weight.shape)


def write_gguf(engine: LocalEngine, path: Path) -> None:
    """The base's weights in float32, its byte-level tokenizer and its sizes, as one GGUF file."""
    config = engine.network.config
    raw = json.loads((POCKET / "tokenizer.json").read_text())
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    names = {number: token for token, number in raw["model"]["vocab"].items()}
    control = {token["id"]: token["content"] for token in raw["added_tokens"]}
    names |= control
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")  # single digits, then GPT-2's pattern, as ours
    writer.add_token_list([names.get(i, f"[PAD{i}]") for i in range(config.vocab_size)])
    kinds = gguf.TokenType
    usual = [kinds.NORMAL if i in names else kinds.UNUSED for i in range(config.vocab_size)]
    writer.add_token_types([kinds.CONTROL if i in control else kind for i, kind in enumerate(usual)])
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in raw["model"]["merges"]])
    writer.add_eos_token_id(engine.tokenizer.eos_token_id)
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    for name, tensor in engine.network.state_dict().items():
        weight, stem = tensor.float(), name.removeprefix("model.").removesuffix(".weight")
        if "q_proj" in stem or "k_proj" in stem:
            heads = config.num_attention_heads if "q_proj" in stem else config.num_key_value_heads
            weight = turned(weight, heads)
        if stem.startswith("layers."):
            _, number, part = stem.split(".", 2)
            stem = f"blk.{number}.{BLOCKS[part]}"
        place = {"embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output"}.get(stem, stem)
        writer.add_tensor(f"{place}.weight", weight.contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture(scope="module")
def pocket() -> LocalEngine:
    return LocalEngine(POCKET, dtype=torch.float32)


@pytest.fixture(scope="module")
def server(pocket: LocalEngine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    path = tmp_path_factory.mktemp("gguf") / "pocket.gguf"
    write_gguf(pocket, path)
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx = 512
    params.n_parallel = 1
    params.n_gpu_layers = 0
    params.warmup = False
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32  # as exact as ours
    params.port = 0
    yield xllamacpp.Server(params)


def ask(server: Any, what: str, **fields: Any) -> dict[str, Any]:
    """Ask llama.cpp over its own protocol, on loopback."""
    response = httpx.post(f"{server.listening_address}/{what}", json=fields, timeout=60)
    answer: dict[str, Any] = response.raise_for_status().json()
    return answer


@pytest.mark.slow
@pytest.mark.parametrize("asked", ASKED, ids=range(len(ASKED)))
def test_the_same_tokens_go_in_and_come_out(asked: Conversation, pocket: LocalEngine, server: Any) -> None:
    prompt = pocket.chat.prompt_ids(asked)
    if not any("<|" in message.content for message in asked):  # what a person wrote is no control token here
        text = pocket.chat.decode(prompt, skip_special_tokens=False)
        assert ask(server, "tokenize", content=text, add_special=True, parse_special=True)["tokens"] == prompt
    theirs = ask(
        server, "completion", prompt=prompt, n_predict=NEW, temperature=0, return_tokens=True, cache_prompt=False
    )
    [(_, ours)] = pocket.answer([asked], Decoding(max_new_tokens=NEW))
    assert theirs["content"] == ours.text
    said = [token for token in theirs["tokens"] if token not in pocket.stop_ids]
    assert pocket.chat.decode(said) == ours.text
    assert theirs["tokens_evaluated"] == ours.prompt_tokens


@pytest.mark.parametrize(
    "text", ["12.50 and 1,234", "a  b\n\n c\t", "don't we'll I'VE", "é – “yes” 漢字 😀", " lead", "x_y==z"]
)
def test_plain_text_has_the_same_tokens(text: str, pocket: LocalEngine, server: Any) -> None:
    ours = pocket.tokenizer.encode(text, add_special_tokens=False)
    assert ask(server, "tokenize", content=text, parse_special=False)["tokens"] == ours

"""Small tokenizers, chat templates and random networks, made in a moment, that behave as the families' own do."""

from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|begin_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<bos>",
    "<eos>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<|start|>",
    "<|channel|>",
    "<|message|>",
    "<|end|>",
    "<|return|>",
)
TEXT = ["The quick brown fox jumps over the lazy dog.", "What is the capital of France?", "user assistant system\n"]

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

# Trims contents, writes a date into a system turn that is always there, begins with a start token.
LLAMA_3 = """{%- set day = strftime_now("%d %b %Y") if strftime_now is defined else "26 Jul 2024" -%}
{{- bos_token -}}
{%- set told = "" -%}
{%- if messages[0].role == "system" -%}
{%- set told = messages[0].content | trim -%}{%- set messages = messages[1:] -%}
{%- endif -%}
{{- "<|start_header_id|>system<|end_header_id|>\n\nToday: " + day + "\n\n" + told + "<|eot_id|>" -}}
{%- for m in messages -%}
{{- "<|start_header_id|>" + m.role + "<|end_header_id|>\n\n" + m.content | trim + "<|eot_id|>" -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- "<|start_header_id|>assistant<|end_header_id|>\n\n" -}}{%- endif -%}"""

# Thinks unless told not to; an empty thought stands in the last answer, and none in earlier ones.
QWEN_3 = """{%- for m in messages -%}
{%- if m.role == "assistant" -%}
{%- set said = m.content.split("</think>")[-1].lstrip("\n") -%}
{%- if loop.last -%}
{{- "<|im_start|>assistant\n<think>\n\n</think>\n\n" + said + "<|im_end|>\n" -}}
{%- else -%}
{{- "<|im_start|>assistant\n" + said + "<|im_end|>\n" -}}
{%- endif -%}
{%- else -%}
{{- "<|im_start|>" + m.role + "\n" + m.content + "<|im_end|>\n" -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- "<|im_start|>assistant\n" -}}
{%- if enable_thinking is defined and enable_thinking is false -%}{{- "<think>\n\n</think>\n\n" -}}{%- endif -%}
{%- endif -%}"""

# Calls the assistant `model`, trims, insists on turns that alternate, and has no place for a system message.
GEMMA = """{{- bos_token -}}
{%- for m in messages -%}
{%- if (m.role == "user") != (loop.index0 % 2 == 0) -%}{{- raise_exception("roles must alternate") -}}{%- endif -%}
{{- "<start_of_turn>" + ("model" if m.role == "assistant" else m.role) + "\n" + m.content | trim + "<end_of_turn>\n" -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- "<start_of_turn>model\n" -}}{%- endif -%}"""

# Answers in channels; the last answer ends with another token than earlier ones; the date stands in front.
GPT_OSS = """{{- "<|start|>system<|message|>Current date: " + strftime_now("%Y-%m-%d") + "\nReasoning: low<|end|>" -}}
{%- for m in messages -%}
{%- if m.role == "system" -%}
{{- "<|start|>developer<|message|># Instructions\n\n" + m.content + "<|end|>" -}}
{%- elif m.role == "assistant" -%}
{{- "<|start|>assistant<|channel|>final<|message|>" + m.content -}}
{{- "<|return|>" if loop.last and not add_generation_prompt else "<|end|>" -}}
{%- else -%}
{{- "<|start|>" + m.role + "<|message|>" + m.content + "<|end|>" -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- "<|start|>assistant" -}}{%- endif -%}"""

# template, start token, end token
STYLES = {
    "llama-3": (LLAMA_3, "<|begin_of_text|>", "<|eot_id|>"),
    "qwen-3": (QWEN_3, None, "<|im_end|>"),
    "gemma": (GEMMA, "<bos>", "<eos>"),
    "gpt-oss": (GPT_OSS, None, "<|return|>"),
    "chatml": (CHATML, None, "<|im_end|>"),
}


def tokenizer(
    template: str | None = CHATML, bos: str | None = None, eos: str | None = "<|im_end|>"
) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer of 300 and some tokens."""
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in SPECIAL],
        show_progress=False,
    )
    raw.train_from_iterator(TEXT, trainer)
    made = PreTrainedTokenizerFast(tokenizer_object=raw, bos_token=bos, eos_token=eos)
    made.chat_template = template
    return made


def style(name: str) -> PreTrainedTokenizerFast:
    """The tokenizer with a family's manner of template."""
    return tokenizer(*STYLES[name])


SIZES: dict[str, Any] = {
    "vocab_size": 320,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 160,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": None,
    "initializer_range": 0.3,  # far from uniform, so that the likeliest token is clear
}
FAMILIES = {
    "llama": "LlamaConfig",
    "qwen2": "Qwen2Config",
    "qwen3": "Qwen3Config",
    "mistral": "MistralConfig",
    "gemma2": "Gemma2Config",
    "gemma3": "Gemma3TextConfig",
    "phi3": "Phi3Config",
}


def save_model(
    folder: Path, family: str = "llama", made: PreTrainedTokenizerFast | None = None, **changes: Any
) -> Path:
    """A random network of a family and a tokenizer, saved as a base; the same weights each time."""
    sizes = {**SIZES, **changes}
    if family == "phi3":
        sizes.pop("head_dim")
    config = getattr(transformers, FAMILIES[family])(**sizes)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    network.save_pretrained(folder)
    (made or tokenizer()).save_pretrained(folder)
    return folder

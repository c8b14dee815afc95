"""Small tokenizers, chat templates and random networks that behave like those of their families."""

import io
from pathlib import Path
from typing import Any

import sentencepiece as spm
import torch
import transformers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedModel, PreTrainedTokenizerFast

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


# What stands for the families' own ways of cutting text into words.
CUTS = {
    "llama-bpe": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "qwen2": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+",
    "tekken": r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    "gpt-4o": r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
}
LEARNT = "It's 1999 and we'll pay 12.50, NOT 1,234!  The HTTPServer\n\n said: \t don't WE'RE x_y==z // done/\r\n" * 3
CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


def byte_level(cut: str, template: str = CHATML) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer that cuts words as the families' own do, by llama.cpp's name for the way."""
    raw = Tokenizer(models.BPE(ignore_merges=cut in ("llama-bpe", "tekken")))
    if cut in CUTS:
        split = pre_tokenizers.Split(Regex(CUTS[cut]), "isolated")
        steps = [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    else:
        digits = [pre_tokenizers.Digits(individual_digits=True)] if cut == "smollm" else []
        steps = [*digits, pre_tokenizers.ByteLevel(add_prefix_space=False)]
    raw.pre_tokenizer = pre_tokenizers.Sequence(steps)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=316,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in CONTROL],
        show_progress=False,
    )
    raw.train_from_iterator([LEARNT, *TEXT], trainer)
    made = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<|im_end|>")
    made.chat_template = template
    return made


LLAMA_2 = """{{- bos_token -}}{%- if messages[0].role == "system" -%}
{%- set told = "<<SYS>>\n" + messages[0].content + "\n<</SYS>>\n\n" -%}{%- set messages = messages[1:] -%}
{%- else -%}{%- set told = "" -%}{%- endif -%}
{%- for m in messages -%}
{%- if m.role == "user" -%}{{- "[INST] " + (told if loop.first else "") + m.content + " [/INST]" -}}
{%- else -%}{{- " " + m.content + eos_token -}}{%- endif -%}
{%- endfor -%}"""
PHI_3 = """{%- for m in messages -%}{{- "<|" + m.role + "|>\n" + m.content + "<|end|>\n" -}}{%- endfor -%}
{%- if add_generation_prompt -%}{{- "<|assistant|>\n" -}}{%- endif -%}"""


PHI_3_SIGNS = ("system", "user", "assistant", "end")


def sentencepiece(kind: str) -> PreTrainedTokenizerFast:
    """A tokenizer that was trained by SentencePiece and then converted, as those of Llama 2, Gemma and Phi-3 were."""
    template, begin, end, own = {
        "llama-2": (LLAMA_2, "<s>", "</s>", []),
        "gemma": (GEMMA, "<bos>", "<eos>", ["<start_of_turn>", "<end_of_turn>"]),
        "phi-3": (
            PHI_3,
            "<s>",
            "<|endoftext|>",
            ["<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"],
        ),
    }[kind]
    model = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter([LEARNT.replace("\n", " "), *TEXT] * 3),
        model_writer=model,
        model_type="bpe",
        vocab_size=320 - len(own),
        byte_fallback=True,
        split_digits=True,
        bos_piece=begin,
        eos_piece="</s>" if kind == "phi-3" else end,
        minloglevel=2,
    )
    pieces = spm.SentencePieceProcessor(model_proto=model.getvalue())
    vocab = {pieces.id_to_piece(i): i for i in range(len(pieces))}
    merges = []
    for piece, number in vocab.items():
        splits = ((piece[:i], piece[i:]) for i in range(1, len(piece)))
        merges += [(pieces.get_score(number), pair) for pair in splits if pair[0] in vocab and pair[1] in vocab]
    merges.sort(key=lambda merge: -merge[0])
    raw = Tokenizer(
        models.BPE(vocab, [pair for _, pair in merges], unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    spaces = normalizers.Replace(" ", "\u2581")
    raw.normalizer = spaces if kind == "gemma" else normalizers.Sequence([normalizers.Prepend("\u2581"), spaces])
    raw.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
    strips = kind == "phi-3"
    raw.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token in ("<unk>", begin, "</s>") if token in vocab]
    )
    raw.add_special_tokens(
        [AddedToken(t, special=True, normalized=False, rstrip=strips and t != "<|endoftext|>") for t in own]
    )
    made = PreTrainedTokenizerFast(tokenizer_object=raw, bos_token=begin, eos_token=end, unk_token="<unk>")
    made.chat_template = template
    return made


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
    "gemma": "GemmaConfig",
    "gemma2": "Gemma2Config",
    "gemma3": "Gemma3TextConfig",
    "phi3": "Phi3Config",
}


def network(family: str = "llama", **changes: Any) -> PreTrainedModel:
    """A random network of a family, ready to answer; the same weights each time."""
    sizes = {**SIZES, **changes}
    if family == "phi3":
        sizes.pop("head_dim")
    config = getattr(transformers, FAMILIES[family])(**sizes)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made: PreTrainedModel = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    return made.eval()


def save_model(
    folder: Path, family: str = "llama", made: PreTrainedTokenizerFast | None = None, **changes: Any
) -> Path:
    """Such a network and a tokenizer, saved as a base."""
    network(family, **changes).save_pretrained(folder)
    (made or tokenizer()).save_pretrained(folder)
    return folder

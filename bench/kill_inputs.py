"""What the commands read that `kills` kills: a tiny random base, a job of orders, and mails of invented persons."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from bench.tiny_tokenizer import tiny_tokenizer
from gradschool.files import write_lines, write_text

TOWNS = ("Ashby", "Borth", "Crewe", "Dover", "Epsom", "Frome")
JOB = """task = "Name the town of the order."
[data]
documents = "documents"
[split]
max_test = 14
max_validation = 6
[goal]
metric = "chrf"
pass_mark = 0.999
[prompt]
shots = [0, 2]
nearest = false
[ground]
passages = [1]
[tune]
rank = 4
learning_rates = [0.02, 0.01]
epochs = 4
rehearsal = 0
max_forgetting = 99
[answers]
max_new_tokens = 8
"""
MAIL = """From x@example.org Mon Jan  6 09:00:00 2020
From: {0}
To: {1}
Subject: box {2}
Date: {3} Mar 2020 09:00:00 +0000

{4}

"""
ANNA, TOM = "Anna Keller <anna@example.org>", "Tom Reed <tom@example.net>"


def write_job(folder: Path) -> None:
    """A job of 72 orders, with one document."""
    write_text(folder / "documents" / "guide.md", "# Towns\n\nThe van to Dover leaves on Monday.\n" * 20)
    write_text(folder / "job.toml", JOB)
    rows = [
        {"id": f"o{n}", "prompt": f"Send box {n * 7} to {TOWNS[n % 6]} by van {n}.", "completion": TOWNS[n % 6]}
        for n in range(72)
    ]
    write_lines(folder / "examples.jsonl", rows)


def write_mails(path: Path, numbers: Iterable[int]) -> None:
    """A mailbox of questions and their answers."""
    write_text(path, "".join(map(mails, numbers)))


def mails(n: int) -> str:
    """A question and its answer, by two invented persons."""
    town, van, day = TOWNS[n % 6], n * 7, 1 + n
    asked = f"Dear Anna,\n\nwhere is box {van}? I have waited for it since the van to {town} left. Tom"
    told = f"Dear Tom,\n\nbox {van} went to {town} this morning with {n + 2} others; call +44 20 7946 09{n:02}.\n\nAnna"
    return MAIL.format(TOM, ANNA, n, day, asked) + MAIL.format(ANNA, TOM, n, day, told)


def write_base(folder: Path) -> None:
    """A random network of two layers, and a tokenizer of bytes and a few words."""
    sizes: dict[str, Any] = {
        "vocab_size": 304,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "head_dim": 8,
    }
    heads: dict[str, Any] = {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 2048}
    torch.manual_seed(0)
    config = LlamaConfig(**sizes, **heads, initializer_range=0.3, bos_token_id=None, eos_token_id=None)
    LlamaForCausalLM(config).save_pretrained(folder)
    tiny_tokenizer(JOB, 300, ("<|im_start|>", "<|im_end|>")).save_pretrained(folder)

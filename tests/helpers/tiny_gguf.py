"""The smallest GGUF file that is taken for a language model."""

from pathlib import Path

import gguf
import numpy as np


def tiny_gguf(path: Path, extra: int = 0, **shapes: tuple[int, ...]) -> Path:
    """Write a header with a tokenizer of two tokens, and tensors of zeros by their names with _ for a dot."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_context_length(64)
    writer.add_token_list(["a", "b"])
    for name, shape in (shapes or {"token_embd.weight": (2 + extra, 4)}).items():
        writer.add_tensor(name, np.zeros(shape, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path

"""Small models as they lie on a machine: a GGUF file, and Ollama's store."""

import hashlib
import json
from pathlib import Path

import gguf
import numpy as np

from gradschool.model.ollama_store import LAYER


def written(
    path: Path, architecture: str = "llama", kind: str = "model", tokens: int = 3, tensors: int = 2, end: str = "weight"
) -> Path:
    """A small file of random numbers that has the fields of a model."""
    writer = gguf.GGUFWriter(path, architecture)
    if kind:
        writer.add_type(kind)
    writer.add_context_length(64)
    writer.add_license("mit")
    if tokens:
        writer.add_token_list([f"t{n}" for n in range(tokens)])
        writer.add_token_types([1] * tokens)
    for n in range(tensors):
        writer.add_tensor(f"blk.{n}.{end}", np.ones((4, 32), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def stored(store: Path, name: str, tag: str, files: dict[str, bytes], host: str = "registry.ollama.ai/library") -> None:
    """Put a model into a store, its layers by kind."""
    layers = []
    for kind, content in files.items():
        digest = hashlib.sha256(content).hexdigest()
        (store / "blobs").mkdir(parents=True, exist_ok=True)
        (store / "blobs" / f"sha256-{digest}").write_bytes(content)
        layers.append({"mediaType": LAYER + kind, "digest": f"sha256:{digest}", "size": len(content)})
    manifest = store / "manifests" / host / name / tag
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text(json.dumps({"layers": layers}))

"""Embed texts with a sentence-transformers style model; imported only if the job names one."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import snapshot_download
from transformers import AutoModel, AutoTokenizer

from gradschool.errors import ModelError
from gradschool.files import read_json, sha256, sha256_of
from gradschool.model.foreign import check_tokenizer, refuse_config
from gradschool.model.loading import hash_files
from gradschool.model.places import name_of
from gradschool.panics import panics_as_errors

BATCH = 32  # texts
MAX_TOKENS = 512  # embedding models are trained on short texts
WANTED = ["*.json", "*.txt", "*.model", "model*.safetensors", "1_Pooling/*"]


class Embedder:
    """A sentence-transformers style model that gives one unit vector per text; dot products are cosines.

    The vector is the mean over tokens (or the first token, if `1_Pooling/config.json` says so) of the last hidden
    layer. The prompts of `config_sentence_transformers.json` are prepended to queries and passages.
    Source: Reimers and Gurevych, "Sentence-BERT", 2019, https://arxiv.org/abs/1908.10084.
    """

    def __init__(self, name: str, revision: str | None = None) -> None:
        """Load a folder or a Hub id `name`, at commit `revision`; only safetensors, never remote code.

        Raises ModelError if the model cannot be loaded or uses another pooling.
        """
        folder = Path(name)
        self.in_folder = folder.is_dir()
        self.name = name_of(folder.resolve()) if self.in_folder else name
        self.revision: str | None = None
        try:
            if not self.in_folder:
                folder = Path(snapshot_download(name, revision=revision, allow_patterns=WANTED))
                self.revision = folder.name
            self._tokenizer, self._model = _load(folder)
        except ModelError:
            raise
        except Exception as error:  # the libraries raise OSError, ValueError, network errors and more
            raise ModelError(
                f"The embedder {name!r} cannot be loaded.",
                f"{type(error).__name__}: {error}".splitlines()[0],
                "name a folder or Hub id of a sentence-transformers style model with safetensors in `ground.embedder`, "
                "or remove the setting: full-text search needs no embedder.",
            ) from error
        self.folder = folder.resolve()
        self._first_token = self._reads_first_token(folder)
        self._prompts = _json(folder / "config_sentence_transformers.json").get("prompts") or {}
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        longest = getattr(self._model.config, "max_position_embeddings", MAX_TOKENS)
        # RoBERTa models count positions from 2.
        self._max_tokens = min(MAX_TOKENS, self._tokenizer.model_max_length, longest - 2)
        self.dimensions = int(self._model.config.hidden_size)
        weights = [sha256(file) for file in sorted(folder.glob("*.safetensors"))]
        # It identifies the vectors, independent of the path.
        self.hash = sha256_of([weights, self._first_token, self._prompts])
        self.files = hash_files(folder)

    def embed(self, texts: Sequence[str], kind: str = "document") -> "np.ndarray[Any, np.dtype[np.float32]]":
        """Unit vectors of shape (texts, dimensions), float32; `kind` is "document" or "query"."""
        batches = list(self.batches(texts, kind))
        return np.concatenate(batches) if batches else np.zeros((0, self.dimensions), dtype=np.float32)

    def batches(self, texts: Sequence[str], kind: str) -> Iterator["np.ndarray[Any, np.dtype[np.float32]]"]:
        """The same, one batch of texts at a time."""
        prompt = self._prompts.get(kind) or self._prompts.get("passage" if kind == "document" else kind) or ""
        for start in range(0, len(texts), BATCH):
            tokens = self._tokenizer(
                [prompt + text for text in texts[start : start + BATCH]],
                padding=True,
                truncation=True,
                max_length=self._max_tokens,
                return_tensors="pt",
            )
            with torch.inference_mode():
                hidden = self._model(**tokens).last_hidden_state  # (texts, tokens, dimensions)
                if self._first_token:
                    pooled = hidden[:, 0]
                else:
                    mask = tokens["attention_mask"].unsqueeze(-1).to(hidden.dtype)
                    pooled = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)
                yield torch.nn.functional.normalize(pooled, dim=-1).numpy()

    def _reads_first_token(self, folder: Path) -> bool:
        ways = [key for key, value in _json(folder / "1_Pooling" / "config.json").items() if value is True]
        ways = [way for way in ways if way.startswith("pooling_mode")]
        if ways not in ([], ["pooling_mode_mean_tokens"], ["pooling_mode_cls_token"]):
            raise ModelError(
                f"The embedder {self.name!r} uses {', '.join(ways)}.",
                "Supported pooling is the mean over tokens or the first token.",
                "choose another embedder, or none.",
            )
        return ways == ["pooling_mode_cls_token"]


def _load(folder: Path) -> tuple[Any, Any]:
    """The tokenizer and the network in a folder, which others may have made."""
    refuse_config(folder, _json(folder / "config.json"))
    check_tokenizer(folder)
    with panics_as_errors():
        tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
        model = AutoModel.from_pretrained(
            str(folder),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.float32,
        )
    return tokenizer, model.eval()


def _json(path: Path) -> dict[str, Any]:
    try:
        found = read_json(path)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}

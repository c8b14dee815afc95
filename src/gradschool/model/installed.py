"""The bases on this machine: built in, by name, in Ollama's and LM Studio's stores, and in the Hub's cache."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradschool.errors import ModelError, ResourceError
from gradschool.files import read_json
from gradschool.model.gguf_cache import FILE, converted
from gradschool.model.gguf_file import GgufFile, gguf_name, read_gguf
from gradschool.model.named import NAMED
from gradschool.model.ollama_store import models as ollama_models
from gradschool.model.opening import POCKET
from gradschool.model.places import name_of
from gradschool.settings import BUILT_IN

LM_STUDIO = ("~/.lmstudio/models", "~/.cache/lm-studio/models")
LICENCE = "general.license"


@dataclass(frozen=True, slots=True)
class InstalledBase:
    """A base on this machine: what to write as `base_model`, where it is from, and what its files say about it.

    `bytes` is its size on disk; `problem` says why it cannot be used, if it cannot.
    """

    base_model: str
    source: str
    family: str = ""
    parameters: int = 0  # 0: not said by its files without reading the weights
    number_format: str = ""
    bytes: int = 0
    licence: str = ""
    context_length: int = 0
    problem: str = ""


def installed_bases() -> Iterator[InstalledBase]:
    """All bases that are found without being named, source by source."""
    yield _folder(POCKET, BUILT_IN, "built in")
    for name, named in NAMED.items():
        if file := named.installed():
            yield _gguf(file, name, "fetched")
        else:
            yield InstalledBase(name, "not fetched", problem=f"`gradschool bases get {name}` fetches it")
    for model in ollama_models():
        yield _gguf(model.file, f"ollama:{model.name}", "Ollama")
    for file in lm_studio_files():
        yield _gguf(file, str(file), "LM Studio")
    from gradschool.model.hub import snapshots

    for folder in snapshots():
        if (folder / "config.json").is_file() and any(folder.glob("*.safetensors")):
            yield _folder(folder, name_of(folder), "Hub's cache")


def converted_bases() -> dict[str, Path]:
    """The folders of converted bases by the name of the file and the first digits of its hash."""
    found = {}
    for folder in converted():
        with suppress(OSError, ValueError, TypeError, KeyError):
            found[f"{read_json(folder / FILE)['name']}@{folder.name[:8]}"] = folder
    return found


def lm_studio_files() -> Iterator[Path]:
    """The GGUF files in the folders of LM Studio; of a split file, the first part."""
    for place in LM_STUDIO:
        with suppress(OSError, RuntimeError):
            names: set[tuple[str, str]] = set()
            for folder, _, files in os.walk(Path(place).expanduser()):
                for file in sorted(files):
                    key = (folder, gguf_name(Path(file)))
                    if file.lower().endswith(".gguf") and "mmproj" not in file.lower() and key not in names:
                        names.add(key)  # the first part of a split file stands for all
                        yield Path(folder, file)


def _gguf(file: Path, base_model: str, source: str) -> InstalledBase:
    try:
        model: GgufFile = read_gguf(file)
        return InstalledBase(
            base_model,
            source,
            model.first.architecture,
            model.parameters,
            f"GGUF {model.number_format}",
            model.bytes,
            model.first.text(LICENCE),
            model.context_length,
        )
    except (ModelError, ResourceError, OSError) as error:
        return InstalledBase(base_model, source, problem=f"{error}".splitlines()[0])


def _folder(folder: Path, base_model: str, source: str) -> InstalledBase:
    try:
        config: Any = read_json(folder / "config.json")
        size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
        text = config.get("text_config") or config
        length = text.get("max_position_embeddings") or 0
        number_format = str(text.get("dtype") or text.get("torch_dtype") or "")
        family = str(config.get("model_type") or "")
    except (OSError, ValueError, AttributeError) as error:
        return InstalledBase(base_model, source, problem=f"its config cannot be read: {error}")
    parameters = size // {"float32": 4, "bfloat16": 2, "float16": 2}.get(number_format, size + 1)
    return InstalledBase(
        base_model, source, family, parameters, number_format, size, "", length if isinstance(length, int) else 0
    )

"""The bases on this machine: built in, by name, in Ollama's and LM Studio's stores, and in the Hub's cache."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from gradschool.errors import ModelError, ResourceError, nearest
from gradschool.files import open_file, read_file, read_json
from gradschool.model.gguf_cache import FILE, UNFINISHED, converted, unfinished
from gradschool.model.gguf_file import SUFFIX, GgufFile, gguf_name, read_gguf
from gradschool.model.named import NAMED
from gradschool.model.ollama import stored_name
from gradschool.model.ollama_store import OllamaModel
from gradschool.model.ollama_store import listed as ollama_listed
from gradschool.model.opening import POCKET, gguf_of
from gradschool.model.places import name_of
from gradschool.model.pocket_eyes import EYES, pocket_eyes_folder
from gradschool.model.safetensors_header import tensors_of
from gradschool.settings import BUILT_IN, SEEING

LM_STUDIO = ("~/.lmstudio", "~/.cache/lm-studio")  # its home folder now, and earlier
LM_STUDIO_POINTER = ".lmstudio-home-pointer"  # in the user's home: where it was moved to
MAX_CARD = 10_000  # characters
LICENCE = "general.license"


@dataclass(frozen=True, slots=True)
class InstalledBase:
    """A base on this machine: what to write as `base_model`, where it is from, and what its files say about it.

    `path` is its file or folder, and `bytes` its size on disk; `problem` says why it cannot be used, if it cannot.
    `tunable` says whether LoRA layers can be trained over it here, with so many bytes at least, and about how many
    seconds a pass over 100 examples of 1,024 tokens takes.
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
    path: str = ""
    tunable: bool = False
    tuning_bytes: int = 0
    tuning_seconds: float = 0.0


def installed_bases() -> Iterator[InstalledBase]:
    """All bases that are found without being named, source by source."""
    yield _folder(POCKET, BUILT_IN, "built in")
    if EYES.is_dir():
        yield _folder(pocket_eyes_folder(), SEEING, "built in")
    for name, named in NAMED.items():
        if file := named.installed():
            yield _gguf(file, name, "fetched")
        else:
            yield InstalledBase(name, "not fetched", problem=f"`gradschool bases get {name}` fetches it")
    for name, model in ollama_listed():
        base_model = f"ollama:{name}"
        if isinstance(model, OllamaModel):
            yield _gguf(model.file, base_model, "Ollama")
        else:
            yield InstalledBase(base_model if name else "ollama:…", "Ollama", problem=model.what)
    for file in lm_studio_files():
        yield _gguf(file, str(file), "LM Studio")
    from gradschool.model.hub import snapshots

    for folder in snapshots():
        if (folder / "config.json").is_file() and any(folder.glob("*.safetensors")):
            yield _folder(folder, name_of(folder), "Hub's cache")


def base_called(name: str) -> InstalledBase:
    """A base by its name in the list, or a GGUF file by its path.

    Raises ModelError for a name that is neither, and for a file that is no language model.
    """
    known = {one.base_model: one for one in installed_bases()}
    if name in known:
        return known[name]
    if file := gguf_of(name, Path()):
        read_gguf(file)
        return _gguf(file, name, "Ollama" if stored_name(name) else "a file")
    raise ModelError(
        f"There is no base {name!r} on this machine." if name else "The base to show is not named.",
        "`gradschool bases` lists those that are found without being named.",
        f"{nearest(name, known)}; or name a GGUF file.",
    )


def converted_bases() -> dict[str, Path]:
    """The folders of converted bases, also unfinished ones, by the name of the file and the start of its hash."""
    found = {}
    for folders, record in ((converted(), FILE), (unfinished(), UNFINISHED)):
        for folder in folders:
            with suppress(OSError, ValueError, TypeError, KeyError):
                found[f"{read_json(folder / record)['name']}@{folder.name[:8]}"] = folder
    return found


def lm_studio_files() -> Iterator[Path]:
    """The models in GGUF in LM Studio's folders; of a split file, the first part."""
    seen: set[tuple[Path, str]] = set()
    for place in dict.fromkeys(_lm_studio_folders()):
        with suppress(OSError):
            for folder, folders, files in os.walk(place, followlinks=True):
                real = Path(folder).resolve()
                if (real, "") in seen:  # a link to a folder that was seen, perhaps one above
                    folders.clear()
                    continue
                seen.add((real, ""))
                for file in sorted(files):
                    key = (real, gguf_name(Path(file)))
                    if file.lower().endswith(SUFFIX) and "mmproj" not in file.lower() and key not in seen:
                        seen.add(key)
                        yield Path(folder, file)


def _lm_studio_folders() -> Iterator[Path]:
    """Where LM Studio keeps models: where its settings say, in its home folder, and in those of earlier versions."""
    with suppress(OSError, RuntimeError):
        home, homes = Path.home(), [Path(one).expanduser() for one in LM_STUDIO]
        with suppress(OSError, ValueError):
            homes.insert(0, Path(read_file(home / LM_STUDIO_POINTER).decode().strip()))
        for one in homes:
            with suppress(OSError, ValueError, KeyError, TypeError):
                yield Path(read_json(one / "settings.json")["downloadsFolder"])
            yield one / "models"


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
            path=str(file),
        )
    except (ModelError, ResourceError, OSError) as error:
        return InstalledBase(base_model, source, problem=f"{error}".splitlines()[0], path=str(file))


def _folder(folder: Path, base_model: str, source: str) -> InstalledBase:
    try:
        config: Any = read_json(folder / "config.json")
        weights = sorted(folder.glob("*.safetensors"))
        size = sum(path.stat().st_size for path in weights)
        parameters = sum(map(_parameters, weights))
        text = config.get("text_config") or config
        length = text.get("max_position_embeddings") or 0
        number_format = str(text.get("dtype") or text.get("torch_dtype") or "")
        family = str(config.get("model_type") or "")
    except (OSError, ValueError, AttributeError, KeyError, TypeError) as error:
        return InstalledBase(base_model, source, problem=f"its config cannot be read: {error}", path=str(folder))
    return InstalledBase(
        base_model,
        source,
        family,
        parameters,
        number_format,
        size,
        _licence(folder / "README.md"),
        context_length=length if isinstance(length, int) else 0,
        path=str(folder),
    )


def _parameters(weights: Path) -> int:
    """The number of weights in a file of safetensors, by its header."""
    return sum(prod(tensor["shape"]) for tensor in tensors_of(weights).values())


def _licence(card: Path) -> str:
    """The licence that a model's card names in its first lines; empty if it names none."""
    try:
        with open_file(card) as file:
            head = file.read(MAX_CARD).decode(errors="replace")
            found = re.search(r"^license:[ \t]*([\w.-]+)", head, re.MULTILINE)
    except OSError:
        return ""
    return found[1] if found else ""

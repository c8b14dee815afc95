"""The weight files of a model folder: which kinds cannot be loaded, what is missing, and what to do about it."""

import json
import shlex
from collections.abc import Iterable
from pathlib import Path

from gradschool.errors import ModelError

PICKLED = (".bin", ".pt", ".pth", ".ckpt")
POINTER = b"version https://git-lfs"  # how a file begins that Git LFS has not replaced by its content
INDEX = "model.safetensors.index.json"
GGUF_WHY = "A model server can run such weights, but they cannot be trained."
GGUF_FIX = (
    "name the model that they were made from, or run them in llama.cpp or Ollama and set base_model to the address of "
    'that server, such as "http://localhost:8080/v1", with model = "…".'
)
DISTRIBUTED = {  # files and folders of a training on several devices, and what makes a model of them
    "*.distcp": "`accelerate merge-weights {folder} OUTPUT`",
    "*/*.distcp": "`accelerate merge-weights {inner} OUTPUT`",
    "global_step*": "`python zero_to_fp32.py . OUTPUT --safe_serialization` in it, where DeepSpeed has put that script",
    "*rank_*.pt": "zero_to_fp32.py of DeepSpeed (one folder above), or the converter of the program that saved it",
    "mp_rank_*": "the converter of the program that saved it (DeepSpeed or Megatron)",
    "*/mp_rank_*": "the converter of the program that saved it (DeepSpeed or Megatron)",
}


def check_weights(folder: Path) -> None:
    """Raise ModelError unless the folder has weights as safetensors, complete as far as names and sizes show."""
    refuse_pointers(folder)
    weights = [path for path in folder.glob("*.safetensors") if path.is_file()]
    missing = missing_shards(folder)
    if missing:
        raise ModelError(
            f"{folder} lacks {len(missing)} of its weight files.",
            f"They are named in {INDEX} or by the numbers of the others: {', '.join(missing[:3])}"
            f"{', …' if len(missing) > 3 else ''}.",
            "download or copy the model again, with all of its *.safetensors.",
        )
    if weights:
        return
    if error := saved_in_parts(folder) or only_gguf(folder):
        raise error
    pickled = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLED)
    if pickled:
        raise ModelError(
            f"{folder} has its weights only as {pickled[0]}.",
            "Such files can run code when they are opened, so they are never opened.",
            "use a version of the model with *.safetensors (most have one), or convert it on a machine for that.",
        )
    raise ModelError(f"{folder} has no weights.", "There are no *.safetensors in it.", "download the model again.")


def refuse_pointers(folder: Path, pattern: str = "*") -> None:
    """Raise ModelError if Git LFS has left pointers instead of files that a model needs."""
    has_weights = any(folder.glob("model*.safetensors"))
    unused = (".gguf", *PICKLED) if has_weights else ()
    names = [
        path.name
        for path in sorted(folder.glob(pattern))
        if path.suffix not in unused and not (has_weights and path.name.startswith("consolidated")) and is_pointer(path)
    ]
    if names:
        raise ModelError(
            f"{folder} holds pointers of Git LFS instead of {', '.join(names[:3])}{', …' if len(names) > 3 else ''}.",
            "The repository was cloned without its large files.",
            "run `git lfs install` and `git lfs pull` in that folder, or name the Hub id to download the model.",
        )


def is_pointer(path: Path) -> bool:
    """Whether a file is a pointer of Git LFS."""
    try:
        with path.open("rb") as file:
            return file.read(len(POINTER)) == POINTER
    except OSError:
        return False


def missing_shards(folder: Path) -> list[str]:
    """The safetensors files that an index, or the numbering of the others, names and that are not there.

    A folder with a complete single file needs no shards. Raises ModelError for an index that cannot be read.
    """
    present = {path.name for path in folder.glob("*.safetensors")}
    if "model.safetensors" in present:
        return []
    named = set(_indexed(folder / INDEX)) or _numbered(present)
    return sorted(named - present)


def _indexed(index: Path) -> Iterable[str]:
    if not index.is_file():
        return ()
    try:
        return {str(name) for name in json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"{index} cannot be read.", f"It has no list of weight files: {error}.", "download or copy it again."
        ) from error


def _numbered(present: set[str]) -> set[str]:
    named: set[str] = set()
    for name in present:
        stem, _, count = name.removesuffix(".safetensors").rpartition("-of-")
        start, _, number = stem.rpartition("-")
        if count.isdecimal() and number.isdecimal() and int(count) <= 10_000:
            digits = len(number)
            named |= {f"{start}-{one:0{digits}}-of-{count}.safetensors" for one in range(1, int(count) + 1)}
    return named


def saved_in_parts(folder: Path) -> ModelError | None:
    """The error for a checkpoint that a training on several devices (FSDP, DeepSpeed, torch) has saved in parts."""
    for pattern, way in DISTRIBUTED.items():
        found = sorted(folder.glob(pattern))
        if not found:
            continue
        command = way.format(folder=shlex.quote(str(folder)), inner=shlex.quote(str(found[0].parent)))
        return ModelError(
            f"{folder} holds a checkpoint that a training on several devices has saved in parts.",
            f"It holds {found[0].relative_to(folder)}, and no *.safetensors with the whole model.",
            f"merge the parts with {command}; then name the folder with the result, its config.json and its tokenizer.",
        )
    return None


def only_gguf(folder: Path) -> ModelError | None:
    """The error for a folder whose weights are GGUF files."""
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".gguf")
    return gguf_file(files[0]) if files else None


def gguf_file(path: Path) -> ModelError:
    """The error for a GGUF file that is named as a base."""
    return ModelError(f"{path} is a GGUF file.", GGUF_WHY, GGUF_FIX)

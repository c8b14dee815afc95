"""The weight files of a model folder: which kinds cannot be loaded, what is missing, and what to do about it."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gradschool.errors import ModelError
from gradschool.files import open_file, read_json
from gradschool.model.hub_cache import refuse_broken_links, unfinished
from gradschool.model.safetensors_header import tensors_of
from gradschool.model.weight_forms import GGUF, ORIGINAL_FIX, PICKLED, form_of

POINTER = b"version https://git-lfs"  # how a file begins that Git LFS has not replaced by its content
INDEX = "model.safetensors.index.json"
WEIGHT = ("weight", "weight_packed")  # ends of names
NUMBERS = {"F64", "F32", "F16", "BF16"}  # in which a weight stands for itself
DISTRIBUTED = {  # files and folders of a training on several devices, and what makes a model of them
    "*.distcp": "`accelerate merge-weights {folder} OUTPUT`",
    "*/*.distcp": "`accelerate merge-weights {inner} OUTPUT`",
    "global_step*": "`python zero_to_fp32.py . OUTPUT --safe_serialization` in it, where DeepSpeed has put that script",
    "*rank_*.pt": "zero_to_fp32.py of DeepSpeed (one folder above), or the converter of the program that saved it",
    "mp_rank_*": "the converter of the program that saved it (DeepSpeed or Megatron)",
    "*/mp_rank_*": "the converter of the program that saved it (DeepSpeed or Megatron)",
}


def check_weights(folder: Path, named: object = None) -> None:
    """Raise ModelError unless the folder has weights as safetensors, complete as far as names and sizes show.

    `named` is the file that the config names, if it has another name than usual.
    """
    refuse_broken_links(folder)
    refuse_pointers(folder)
    missing = missing_shards(folder)
    if missing:
        raise unfinished(folder) or ModelError(
            f"{folder} lacks {len(missing)} of its weight files.",
            f"They are named in {INDEX} or by the numbers of the others: {', '.join(missing[:3])}"
            f"{', …' if len(missing) > 3 else ''}.",
            "download or copy the model again, with all of its *.safetensors.",
        )
    found = {path.name for path in folder.glob("*.safetensors") if path.is_file()}
    if found & {"model.safetensors", named} or (found and (folder / INDEX).is_file()):
        return
    raise (
        unfinished(folder)
        or saved_in_parts(folder)
        or other_weights(folder)
        or (_not_loaded(folder, sorted(found)) if found else _none(folder))
    )


def refuse_packed(folder: Path, config: Mapping[str, Any]) -> None:
    """Raise ModelError for quantized weights of which the config does not say how: they would be read as they stand."""
    parts = [config, *(part for part in config.values() if isinstance(part, dict))]
    if any(part.get(key) for part in parts for key in ("quantization_config", "compression_config")):
        return
    for path in sorted(folder.glob("*.safetensors")):
        try:
            tensors = tensors_of(path)
        except (OSError, ValueError):
            continue  # the loader says what is wrong with it
        packed = [
            name
            for name, tensor in tensors.items()
            if name.endswith(WEIGHT) and tensor["dtype"] not in NUMBERS and len(tensor["shape"]) > 1
        ]
        if packed:
            raise ModelError(
                f"The weights in {folder} are quantized, and its config.json does not say how.",
                f"{packed[0]} in {path.name} holds numbers of the type {tensors[packed[0]]['dtype']}; without "
                "quantization_config they would be taken for the weights, and every answer would be noise.",
                f"{ORIGINAL_FIX}, or add the quantization_config of the program that quantized them.",
            )


def _none(folder: Path) -> ModelError:
    return ModelError(
        f"{folder} has no weights.",
        "There are no *.safetensors in it.",
        "download the model again, with its *.safetensors.",
    )


def _not_loaded(folder: Path, found: Sequence[str]) -> ModelError:
    """The error for safetensors of which none is loaded: without their index, or of another name."""
    if _numbered(set(found)):
        fix = f"download {INDEX} of the same model into the folder."
        return ModelError(f"{folder} lacks {INDEX}.", f"It says which weights are in {found[0]}.", fix)
    return ModelError(
        f"{folder} has no weights under a name that is loaded.",
        f"It holds {found[0]}; the weights of a model are model.safetensors, or several files with {INDEX}.",
        f"rename {found[0]} if it is the complete model in the format of transformers, or download the model again.",
    )


def refuse_pointers(folder: Path, pattern: str = "*") -> None:
    """Raise ModelError if Git LFS has left pointers instead of files that a model needs."""
    has_weights = any(folder.glob("model*.safetensors"))
    unused = (*GGUF, *PICKLED) if has_weights else ()
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
        with open_file(path) as file:
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
        return {str(name) for name in read_json(index)["weight_map"].values()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
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


def other_weights(folder: Path) -> ModelError | None:
    """The error for a folder without *.safetensors whose weights are in another form; None if it has none."""
    if any(folder.glob("*.safetensors")):
        return None
    form = form_of(str(path.relative_to(folder)) for path in (*folder.iterdir(), *folder.glob("onnx/*")))
    if form is None:
        return None
    if form.name == "a GGUF file":
        return ModelError(f"{folder / form.file} is a GGUF file.", form.why, form.fix)
    return ModelError(f"{folder} has its weights only as {form.file}, {form.name}.", form.why, form.fix)

"""A GGUF file as a base: its weights and its tokenizer, converted once into a folder that is loaded as any other.

The weights are those that the file stands for, number by number, so that an adapter that is trained over them can be
applied to the file itself.
"""

import contextlib
import hashlib
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import torch
from pydantic import TypeAdapter
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GgufConfig, PreTrainedConfig

from gradschool.errors import ModelError, ResourceError, first_line
from gradschool.files import PRIVATE, new_folder, write_json
from gradschool.model.gguf_cache import FILE, cache_folder
from gradschool.model.gguf_file import GgufFile, read_gguf
from gradschool.model.gguf_join import join
from gradschool.model.gguf_tokens import cut_as_llama_cpp, demand_equal_tokens
from gradschool.model.llama_cpp import need_llama_cpp
from gradschool.model.loading import LOAD_ERRORS, quiet, tokenizer_of
from gradschool.records import Note, Progress, Work
from gradschool.remembered import Remembered

EXACT = 1_000_000_000  # parameters; up to here all bits are kept, larger bases are rounded to bfloat16
LEAVE_FREE = 200_000_000  # bytes of the disk
BLOCK = 16 << 20  # bytes between two Progress events
HASHES: Remembered[dict[str, tuple[int, int, str]]] = Remembered(
    "gguf.json",  # size, time of the last change and SHA-256 of GGUF files, by their paths
    TypeAdapter(dict[str, tuple[int, int, str]]),
    {},
    "GGUF files then have to be read once more",
)


def folder_of_gguf(path: Path) -> Work[Path]:
    """The folder of a base that a GGUF file holds, converted now if that was not done before.

    `path` may be any part of a split file. Raises ModelError for a file that is no language model, that cannot be
    converted, or whose tokens llama.cpp would cut differently; ResourceError for too little disk or memory.
    """
    file = read_gguf(path)
    digest = yield from sha256_of_gguf(file)
    folder = cache_folder() / digest
    if not (folder / FILE).is_file():
        need_llama_cpp("A base in GGUF is compared with", "name a folder or a Hub id")
        yield from _demand_space(file, folder)
        before = _stamps(file)
        with new_folder(folder, PRIVATE) as made:
            yield Progress(f"converting {file.name}", 0, 0)
            _convert(file, digest, made)
            if _stamps(file) != before:
                raise ModelError(f"{path} changed while it was read.", "", "repeat the command when it is complete.")
    return folder


def sha256_of_gguf(file: GgufFile) -> Work[str]:
    """One SHA-256 over a model's files, remembered as long as they do not change."""
    key, size = str(file.first.path.resolve()), file.bytes
    changed = max(path.stat().st_mtime_ns for path in file.paths)
    with contextlib.suppress(ResourceError):
        if (known := HASHES.read().get(key)) and known[:2] == (size, changed):
            return known[2]
    digest, done = hashlib.sha256(), 0
    for path in file.paths:
        with path.open("rb") as content:
            while block := content.read(BLOCK):
                digest.update(block)
                done += len(block)
                yield Progress(f"reading {file.name}", done, size, "bytes")
    found = digest.hexdigest()
    with contextlib.suppress(ResourceError):  # it is read again next time
        HASHES.change(lambda known: {**known, key: (size, changed, found)})
    return found


def _stamps(file: GgufFile) -> list[tuple[int, int]]:
    return [(path.stat().st_size, path.stat().st_mtime_ns) for path in file.paths]


def _format(file: GgufFile) -> torch.dtype:
    return torch.float32 if file.parameters <= EXACT else torch.bfloat16


def _demand_space(file: GgufFile, folder: Path) -> Work[None]:
    """Say what the conversion takes; raises ResourceError if that is not there."""
    size = file.parameters * _format(file).itemsize
    disk = size + (file.bytes if len(file.parts) > 1 else 0)
    yield Note(
        f"{file.name} holds {file.parameters / 1e6:,.0f} million weights, most of them in {file.number_format}. "
        f"It is converted once, to {size / 1e9:.2g} GB in {folder}."
    )
    place = next(one for one in (folder, *folder.parents) if one.exists())
    for kind, need, free, fix in (
        ("disk", disk + LEAVE_FREE, shutil.disk_usage(place).free, "set XDG_CACHE_HOME to a folder on a larger disk"),
        ("memory", 2 * size, psutil.virtual_memory().available, "use a smaller base"),
    ):
        if need > free:
            raise ResourceError(
                f"There is too little {kind} to convert {file.name}.",
                f"It takes {need / 1e9:.2g} GB, and {free / 1e9:.2g} GB are free.",
                f"free some, or {fix}.",
            )


def config_of_gguf(file: GgufFile) -> PreTrainedConfig:
    """The config of the network in a GGUF file; raises ModelError for a family that the loader does not know."""
    path = file.first.path
    with _refused_by_loader(file), quiet():
        config: PreTrainedConfig = AutoConfig.from_pretrained(path.parent, gguf_file=path.name, local_files_only=True)
        return config


def _convert(file: GgufFile, digest: str, folder: Path) -> None:
    write_json(folder / FILE, {"sha256": digest, "name": file.name})
    whole = folder / "whole.gguf"  # the loaders want one file, with this suffix
    if len(file.parts) > 1:
        join(file, whole)
    else:
        whole.symlink_to(file.first.path.resolve())
    save_tokenizer(file, folder, whole)
    with _refused_by_loader(file), quiet(), contextlib.redirect_stderr(io.StringIO()):  # its bars
        network: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            gguf_file=whole.name,
            quantization_config=GgufConfig(dequantize=True),
            dtype=_format(file),
            local_files_only=True,
        )
        network.save_pretrained(folder)
    del network
    demand_equal_tokens(tokenizer_of(folder), whole, file.name)
    whole.unlink()


def save_tokenizer(file: GgufFile, folder: Path, whole: Path) -> None:
    """Write the tokenizer of a GGUF file into a folder, in which `whole` is that file or its first part."""
    with _refused_by_loader(file), quiet(), contextlib.redirect_stderr(io.StringIO()):  # its bars
        tokenizer: Any = AutoTokenizer.from_pretrained(folder, gguf_file=whole.name, local_files_only=True)
        cut_as_llama_cpp(tokenizer, file.first)
        tokenizer.save_pretrained(folder)


@contextlib.contextmanager
def _refused_by_loader(file: GgufFile) -> Iterator[None]:
    try:
        yield
    except LOAD_ERRORS as error:
        from transformers.modeling_gguf_pytorch_utils import GGUF_SUPPORTED_ARCHITECTURES

        family = file.first.architecture
        known = ", ".join(sorted(GGUF_SUPPORTED_ARCHITECTURES))
        raise ModelError(
            f"The base in {file.first.path} cannot be converted.",
            f"It is of the family {family!r}, and the loader reports: {first_line(error)}",
            "name the model as its makers published it (config.json and *.safetensors)"
            + ("." if family in GGUF_SUPPORTED_ARCHITECTURES else f", or one of the families {known}."),
        ) from error

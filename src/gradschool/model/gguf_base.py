"""A GGUF file as a base: its weights and its tokenizer, converted once into a folder that is loaded as any other.

The weights are those that the file represents, number by number, so that an adapter that is trained over them can be
applied to the file itself.
"""

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import filelock
import torch
from pydantic import TypeAdapter
from transformers import AutoModelForCausalLM, GgufConfig, PreTrainedConfig

from gradschool.durable import clear_all, make_folder, sync
from gradschool.environment import free_memory
from gradschool.errors import DamagedError, ModelError, ResourceError
from gradschool.files import disk_errors, write_json
from gradschool.model.chat import Chat
from gradschool.model.gguf_cache import FILE, UNFINISHED, cache_folder, is_complete, lock_of
from gradschool.model.gguf_config import config_of_gguf, loads_itself, refused_by_loader
from gradschool.model.gguf_file import GgufFile, read_gguf
from gradschool.model.gguf_network import NextTokens, demand_equal_network, next_tokens
from gradschool.model.gguf_numbers import changed
from gradschool.model.gguf_tokenizer import tokenizer_of_gguf
from gradschool.model.gguf_tokens import demand_equal_tokens
from gradschool.model.gguf_weights import SHARD, refuse_other_networks, write_weights
from gradschool.model.llama_cpp import LlamaCpp, need_llama_cpp
from gradschool.model.llama_engine import check_template
from gradschool.model.loading import hash_files, hash_weights, quiet
from gradschool.model.ollama_store import BLOB
from gradschool.model.threads import choose_threads
from gradschool.panics import panics_as_errors
from gradschool.records import Note, Progress, Work
from gradschool.remembered import Remembered

EXACT = 1_000_000_000  # parameters; up to here all bits are kept, larger bases are rounded to bfloat16
LEAVE_FREE = 200_000_000  # bytes of the disk
DIGITS = 16  # of a hash, in an error
BLOCK = 16 << 20  # bytes between two Progress events
CONTEXT = 256  # tokens; llama.cpp only reads short texts here
Stamps: TypeAlias = list[tuple[int, int, int]]  # of files: which one, its size, and its last changes
HASHES: Remembered[dict[str, tuple[int, int, str]]] = Remembered(
    "gguf.json",  # size, times of the last changes and SHA-256 of GGUF files, by their paths
    TypeAdapter(dict[str, tuple[int, int, str]]),
    {},
    "GGUF files then have to be read once more",
)


def folder_of_gguf(path: Path) -> Work[Path]:
    """The folder of a base that a GGUF file holds, converted now if that was not done before.

    `path` may be any part of a split file. A conversion that was killed goes on where it was. Raises ModelError for a
    file that is no language model, that cannot be converted, or that llama.cpp would cut or compute differently;
    ResourceError for too little disk or memory.
    """
    file = read_gguf(path)
    before = _stamps(file)
    with _unless_changed(file, before):
        digest = yield from sha256_of_gguf(file)
        _demand_named(file.first.path, digest)
        folder = cache_folder() / digest
        if not is_complete(folder):
            need_llama_cpp("A base in GGUF is compared with", "name a folder or a Hub id")
            yield Progress(f"checking {file.name}", 0, 0)
            config = config_of_gguf(file)
            if not loads_itself(file):
                with refused_by_loader(file):
                    refuse_other_networks(file, config)
            with disk_errors(folder):
                make_folder(folder.parent)
                lock = lock_of(folder)
                yield from _acquire(lock, file)
                try:
                    if not is_complete(folder):
                        yield from _convert(file, config, before, folder)
                finally:
                    lock.release()
    return folder


@contextlib.contextmanager
def _unless_changed(file: GgufFile, before: Stamps) -> Iterator[None]:
    """Errors because a file is not what it was are those of a changed file, and not of what was read from it."""
    try:
        yield
    except (ModelError, FileNotFoundError) as error:
        if _is_unchanged(file, before):
            raise
        raise changed(file.first) from error


def _is_unchanged(file: GgufFile, before: Stamps) -> bool:
    try:
        return _stamps(file) == before
    except OSError:  # it was removed
        return False


def _convert(file: GgufFile, config: PreTrainedConfig, before: Stamps, folder: Path) -> Work[None]:
    """Fill the folder of a base; its last file says that it is complete, and unless it is there the work goes on."""
    yield from _demand_space(file, folder)
    if (folder / FILE).exists():  # its record is damaged, so that nothing says which weights it held
        shutil.rmtree(folder)
    make_folder(folder)
    clear_all(folder)
    record = {"sha256": folder.name, "name": file.name}
    write_json(folder / UNFINISHED, record)
    try:
        with _unless_removed(folder, file):
            yield from _fill(file, config, before, folder)
            for path in folder.iterdir():
                sync(path)
            finished = record | {"weights": hash_weights(folder), "files": hash_files(folder)}
            (folder / UNFINISHED).stat()  # the folder may have been removed, and made again by what was written last
            write_json(folder / FILE, finished)
            (folder / UNFINISHED).unlink()
    except ModelError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _fill(file: GgufFile, config: PreTrainedConfig, before: Stamps, folder: Path) -> Work[None]:
    """Write tokenizer and weights, and compare both with llama.cpp."""
    yield Progress(f"comparing the tokenizer of {file.name} with llama.cpp", 0, 0)
    expected = _write_tokenizer(file, folder)
    if loads_itself(file):
        _write_whole(file, folder)
    else:
        with refused_by_loader(file):
            yield from write_weights(file, config, _format(file), folder, lambda: _is_unchanged(file, before))
    if not _is_unchanged(file, before) or read_gguf(file.first.path) != file:
        raise changed(file.first)
    yield Progress(f"comparing the network of {file.name} with llama.cpp", 0, 0)
    with refused_by_loader(file), panics_as_errors():
        demand_equal_network(folder, file, expected)


@contextlib.contextmanager
def _unless_removed(folder: Path, file: GgufFile) -> Iterator[None]:
    """Errors because a folder was removed while it was filled say so: they are not those of the GGUF file."""
    try:
        yield
    except (ModelError, OSError) as error:
        if (folder / UNFINISHED).exists():
            raise
        raise ResourceError(
            f"{folder} was removed while {file.name} was converted into it.",
            "Another program, or a person, has emptied the cache.",
            "repeat the command; the base is then converted again.",
        ) from error


def _demand_named(path: Path, digest: str) -> None:
    """Raise ModelError for a file of Ollama's store that is not what its name says."""
    named = BLOB.fullmatch(path.name)
    if named and named[1] != digest:
        raise ModelError(
            f"{path} is not the file that Ollama stored.",
            f"Its SHA-256 is {digest[:DIGITS]}…, and by its name {named[1][:DIGITS]}…: it is not complete, or changed.",
            "fetch the model again with `ollama pull`, or name the file by another path.",
        )


def _acquire(lock: filelock.BaseFileLock, file: GgufFile) -> Work[None]:
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        yield Note(f"Another process converts {file.name}; waiting for it.")
        lock.acquire()


def sha256_of_gguf(file: GgufFile) -> Work[str]:
    """One SHA-256 over a model's files, remembered as long as they do not change."""
    key, size = str(file.first.path.resolve()), file.bytes
    changed = sum(time for _, _, time in _stamps(file))
    with contextlib.suppress(ResourceError, DamagedError):
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


def _stamps(file: GgufFile) -> Stamps:
    found = [path.stat() for path in file.paths]
    # Another file may be given the old time, but not the time of that change (which Windows does not have).
    return [(one.st_ino, one.st_size, one.st_mtime_ns + one.st_ctime_ns) for one in found]


def _format(file: GgufFile) -> torch.dtype:
    return torch.float32 if file.parameters <= EXACT else torch.bfloat16


def _demand_space(file: GgufFile, folder: Path) -> Work[None]:
    """Say what the conversion takes; raises ResourceError if that is not there."""
    size = file.parameters * _format(file).itemsize
    done = sum(path.stat().st_size for path in folder.glob("*.safetensors"))  # of a conversion that was interrupted
    yield Note(
        f"{file.name} holds {file.parameters / 1e6:,.0f} million weights, most of them in {file.number_format}. "
        f"It is converted once, to {size / 1e9:.2g} GB in {folder}"
        + (f", of which {done / 1e9:.2g} GB are there." if done else ".")
    )
    place = next(one for one in (folder, *folder.parents) if one.exists())
    for kind, need, free, fix in (
        (
            "disk",
            size - done + LEAVE_FREE,
            shutil.disk_usage(place).free,
            "set XDG_CACHE_HOME to a folder on a larger disk",
        ),
        ("memory", size + min(size, SHARD), free_memory(), "use a smaller base"),
    ):
        if need > free:
            raise ResourceError(
                f"There is too little {kind} to convert {file.name}.",
                f"It takes {need / 1e9:.2g} GB, and {free / 1e9:.2g} GB are free.",
                f"free some, or {fix}.",
            )


def _write_tokenizer(file: GgufFile, folder: Path) -> list[NextTokens]:
    """Write the tokenizer of a file; returns what llama.cpp predicts, before the time of a conversion is spent."""
    with refused_by_loader(file), quiet(), panics_as_errors():
        tokenizer = tokenizer_of_gguf(file)
        Chat(tokenizer)  # of a template that fails, llama.cpp would only say that it cannot start
        with _llama_cpp(file) as server:
            demand_equal_tokens(tokenizer, file, server)
            expected = next_tokens(server)
    tokenizer.save_pretrained(folder)
    return expected


@contextlib.contextmanager
def _llama_cpp(file: GgufFile) -> Iterator[LlamaCpp]:
    """llama.cpp with a file, of whose parts it finds the others by their names."""
    check_template(file.first.path)  # llama.cpp renders it when it starts, without limits
    with contextlib.ExitStack() as stack:
        try:
            # More threads than cores that are free would make it very slow.
            server = stack.enter_context(LlamaCpp(file.first.path, CONTEXT, threads=choose_threads()[0]))
        except ModelError as error:
            raise ModelError(
                f"llama.cpp cannot run {file.first.path}, and a base in GGUF is compared with it.",
                error.why,
                "update it (`pip install --upgrade xllamacpp`), or download the file again.",
            ) from error
        yield server


def _write_whole(file: GgufFile, folder: Path) -> None:
    """Write a network that the loader of transformers reads in one piece."""
    path = file.first.path
    with refused_by_loader(file), quiet():
        network: Any = AutoModelForCausalLM.from_pretrained(
            path.parent,
            gguf_file=path.name,
            quantization_config=GgufConfig(dequantize=True),
            dtype=_format(file),
            local_files_only=True,
        )
        network.save_pretrained(folder)

"""Find the GGUF file of a base by its SHA-256, wherever it is on this machine and whatever its name is."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from gradschool.errors import DamagedError, ModelError, ResourceError, UsageError
from gradschool.model.gguf_base import HASHES, sha256_of_gguf
from gradschool.model.gguf_cache import cache_folder, source_of
from gradschool.model.gguf_file import SUFFIX, GgufFile, gguf_name, read_gguf
from gradschool.model.installed import lm_studio_files
from gradschool.model.named import NAMED
from gradschool.model.ollama_store import stores
from gradschool.model.opening import gguf_of
from gradschool.model.places import DIGITS, remembered
from gradschool.records import BaseIdentity, Work


def place_of_gguf(identity: BaseIdentity, near: Path) -> Work[Path]:
    """What to open as a base that is from GGUF: the folder that it was converted to, or else its file."""
    for folder in (cache_folder() / identity.gguf, *remembered(identity.weights)):
        if source_of(folder) == identity.gguf:
            return folder
    found = yield from find_gguf(identity, near)
    return found.first.path


def named_gguf(name: str, identity: BaseIdentity) -> Work[GgufFile]:
    """The GGUF file that a user names as the base of a specialist.

    Raises UsageError if it is no GGUF, DamagedError if it is another file than the one that the specialist is for.
    """
    path = gguf_of(name, Path())
    if path is None:
        raise UsageError(
            f"{name} is no GGUF file.",
            "llama.cpp runs nothing else.",
            f"name the file with the SHA-256 {identity.gguf[:DIGITS]}…, or leave out --runtime llama.",
        )
    file = read_gguf(path)
    if (found := (yield from sha256_of_gguf(file))) != identity.gguf:
        raise DamagedError(
            f"{path} is not the GGUF file that this specialist was made with.",
            f"Its SHA-256 is {found[:DIGITS]}…, not {identity.gguf[:DIGITS]}…: it is another model, was changed, or "
            "was quantized anew.",
            "name the file of the climb with --base; without it, it is looked for by its hash.",
        )
    return file


def find_gguf(identity: BaseIdentity, near: Path) -> Work[GgufFile]:
    """The GGUF file of a base; raises ModelError if it is nowhere.

    It is looked for where it was, among the bases with a name of their own, in Ollama's stores by the name of the blob,
    in the folder of the specialist (`near`), those around it, the current one and LM Studio's: files of the same name
    come first.
    """
    seen = set()
    for path in (*_known(identity.gguf), *_files(identity.name, near)):
        key = path.resolve()
        if key in seen:
            continue
        seen.add(key)
        with suppress(ModelError, ResourceError, OSError):  # no language model, or a file that cannot be read
            file = read_gguf(path)
            if (yield from sha256_of_gguf(file)) == identity.gguf:
                return file
    get = f"fetch it with `gradschool bases get {identity.name}`, " if identity.name in NAMED else ""
    raise ModelError(
        f"The GGUF file of the base {identity.name} is not on this machine, or not in a place that is known here.",
        f"It is recognized by its SHA-256, {identity.gguf[:DIGITS]}…. It was looked for next to the specialist, in "
        "this folder, in the stores of Ollama and LM Studio, and where it was used before.",
        f"{get}copy it into the folder that the specialist is in, or name it with --base FILE.",
    )


def _known(digest: str) -> Iterator[Path]:
    """Files that have this SHA-256 by what is remembered, or by their own name."""
    with suppress(ResourceError, DamagedError):
        yield from (Path(path) for path, (_, _, known) in HASHES.read().items() if known == digest)
    for named in NAMED.values():
        if named.sha256 == digest and (place := named.installed()):
            yield place
    yield from (store / "blobs" / f"sha256-{digest}" for store in stores())


def _files(name: str, near: Path) -> Iterator[Path]:
    """Files that may be the one: those of the same name first, since reading a large file takes time."""
    folders = dict.fromkeys((near / "base", near, *list(near.absolute().parents)[:2], Path.cwd()))
    found = [*(file for folder in folders for file in _in(folder)), *lm_studio_files()]
    yield from (file for file in found if gguf_name(file) == name)
    yield from (file for file in found if gguf_name(file) != name)


def _in(folder: Path) -> list[Path]:
    with suppress(OSError):
        return sorted(file for file in folder.iterdir() if file.suffix.lower() == SUFFIX)
    return []

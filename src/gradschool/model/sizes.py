"""How large a base is: its files, by which bases are compared, and the memory that its weights need at least."""

from collections.abc import Iterable
from pathlib import Path

from gradschool.model.engine import Engine
from gradschool.model.gguf_file import read_gguf
from gradschool.model.here import local_engine
from gradschool.model.opening import gguf_of, path_named
from gradschool.model.pocket_eyes import built_in


def file_bytes(name: str, folder: Path, engine: Engine) -> int:
    """The bytes of the files that hold the weights of an opened base, as a job in `folder` names it; 0 if unknown."""
    if file := gguf_of(name, folder):
        return read_gguf(file).bytes
    local = local_engine(engine)
    return _total(local.folder.glob("*.safetensors")) if local else 0


def weight_bytes(name: str, folder: Path) -> int:
    """The bytes of memory that the weights of a base need at least, before it is opened; 0 if that is not known.

    Raises ModelError for a GGUF file that cannot be read.
    """
    if file := gguf_of(name, folder):
        return 2 * read_gguf(file).parameters
    place = built_in(name) or path_named(name, folder)
    return _total(place.glob("*.safetensors")) if place and place.is_dir() else 0


def _total(files: Iterable[Path]) -> int:
    return sum(file.stat().st_size for file in files)

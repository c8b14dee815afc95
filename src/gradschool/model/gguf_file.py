"""GGUF files as bases: the parts of a split one, and a refusal with its reason for what is no language model."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from gradschool.errors import ModelError
from gradschool.files import open_file
from gradschool.model.gguf_header import MAGIC, Header, Tensor, read_header
from gradschool.model.gguf_sound import refuse_unsound

SUFFIX = ".gguf"
PART = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf", re.IGNORECASE)
ARCHITECTURE = "general.architecture"
TEMPLATE = "tokenizer.chat_template"
TOKENS = "tokenizer.ggml.tokens"
LORA = (".lora_a", ".lora_b", ".loraA", ".loraB")  # ends of names of tensors that are added to those of a base
# What other files in GGUF are, by a mark in `general.type` or in the architecture.
OTHERS = {
    "adapter": ("an adapter", "It holds layers that are added to a base.", "name the base that it was trained on."),
    "controlvector": ("an adapter", "It holds a vector that is added to a base.", "name that base."),
    "mmproj": ("a projector of images", "It turns images into input of another model.", "name the language model."),
    "clip": ("a projector of images", "It turns images into input of another model.", "name the language model."),
    "imatrix": ("an importance matrix", "It only serves to quantize a model.", "name the model."),
    "vocab": ("a vocabulary", "It holds no weights.", "name the model."),
    "bert": ("an embedder", "It turns texts into vectors, and cannot answer.", "name a language model."),
    "t5encoder": ("an embedder", "It turns texts into vectors, and cannot answer.", "name a language model."),
    "whisper": ("a recognizer of speech", "It writes down what is said.", "name a language model."),
}


@dataclass(frozen=True)
class GgufFile:
    """A language model in GGUF: the headers of its parts, of which the first one describes the model."""

    parts: tuple[Header, ...]

    @property
    def first(self) -> Header:
        """The header that describes the model."""
        return self.parts[0]

    @property
    def paths(self) -> tuple[Path, ...]:
        """All its files, in order."""
        return tuple(part.path for part in self.parts)

    @property
    def name(self) -> str:
        """The name of the file, without its suffix and the number of the part."""
        return gguf_name(self.first.path)

    @cached_property
    def parameters(self) -> int:
        """The number of parameters."""
        return sum(part.parameters for part in self.parts)

    @property
    def bytes(self) -> int:
        """The size of all its files."""
        return sum(path.stat().st_size for path in self.paths)

    @property
    def context_length(self) -> int:
        """The number of tokens that it was trained to read; 0 if the file names none."""
        return self.first.number(f"{self.first.architecture}.context_length")

    def tensor(self, name: str) -> tuple[Header, Tensor] | None:
        """A tensor with the header of the part that holds it; None if there is none."""
        return next(((part, one) for part in self.parts for one in part.tensors if one.name == name), None)

    @property
    def number_format(self) -> str:
        """The type of most of its weights, such as Q4_K."""
        sizes: dict[str, int] = {}
        for tensor in (tensor for part in self.parts for tensor in part.tensors):
            sizes[tensor.kind.name] = sizes.get(tensor.kind.name, 0) + tensor.bytes
        return max(sizes, key=lambda kind: sizes[kind], default="")


def gguf_name(path: Path) -> str:
    """The name of a model in a file: without the suffix and the number of the part."""
    found = PART.fullmatch(path.name)
    return found["stem"] if found else path.name.removesuffix(SUFFIX)


def gguf_at(path: Path) -> Path | None:
    """The GGUF file that a path means: itself, or the only model in a folder without a config; None if there is none.

    Raises ModelError for a folder with several.
    """
    if path.is_file():
        return path if path.suffix.lower() == SUFFIX or _begins_as_gguf(path) else None
    if not path.is_dir() or (path / "config.json").exists():
        return None
    files = [one for one in sorted(path.iterdir()) if one.suffix.lower() == SUFFIX and "mmproj" not in one.name.lower()]
    names = {gguf_name(one): one for one in reversed(files)}
    if len(names) > 1:
        raise ModelError(
            f"{path} holds {len(names)} models in GGUF.",
            f"They are {', '.join(sorted(one.name for one in names.values())[:6])}.",
            f"name the file, such as {files[0]}.",
        )
    return next(iter(names.values()), None)


def _begins_as_gguf(path: Path) -> bool:
    try:
        with open_file(path) as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def read_gguf(path: Path) -> GgufFile:
    """The language model in a GGUF file, with all parts of a split one.

    Raises ModelError for other files, for other kinds of GGUF, and for parts that are missing or of another model.
    """
    headers = tuple(map(read_header, _parts(path)))
    if number := headers[0].number("split.count"):
        if number != len(headers):
            raise _incomplete(path, f"The file says that it has {number} parts, and {len(headers)} are named.")
        if headers[0].number("split.no"):
            raise _incomplete(path, "The first part holds the number of another one.")
    _refuse_others(headers[0])
    refuse_unsound(headers)
    return GgufFile(headers)


def _parts(path: Path) -> Sequence[Path]:
    found = PART.fullmatch(path.name)
    if found is None:
        return [path]
    count = int(found["count"])
    names = [f"{found['stem']}-{number:05}-of-{found['count']}{path.suffix}" for number in range(1, count + 1)]
    if missing := [name for name in names if not (path.parent / name).is_file()]:
        raise _incomplete(path, f"Of {count} parts, {len(missing)} are not in the same folder, such as {missing[0]}.")
    return [path.parent / name for name in names]


def _incomplete(path: Path, why: str) -> ModelError:
    return ModelError(
        f"{path} is one part of a model, and the others do not go with it.",
        why,
        "put all parts of one download into one folder, with their own names.",
    )


def _refuse_others(header: Header) -> None:
    adds = header.tensors and all(tensor.name.endswith(LORA) for tensor in header.tensors)  # old files have no type
    marks = ("adapter" if adds else header.text("general.type"), header.architecture)
    for mark, (kind, why, fix) in OTHERS.items():
        if mark in marks or (mark == "bert" and "bert" in marks[1]):
            raise ModelError(f"{header.path} is {kind}, not a language model.", why, fix)
    if not header.architecture:
        raise ModelError(
            f"{header.path} does not say which network it holds.",
            f"The field {ARCHITECTURE} is missing.",
            "convert the model again with a current version of llama.cpp.",
        )
    if not header.tensors:
        raise ModelError(f"{header.path} holds no weights.", "It has no tensors.", "name the model.")
    if not header.number(TOKENS):
        raise ModelError(
            f"{header.path} has no tokenizer.",
            f"The field {TOKENS} is missing or empty.",
            "convert the model again, with its tokenizer.",
        )

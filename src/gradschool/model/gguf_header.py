"""The header of a GGUF file, read within bounds: fields, tensors, and whether all of their data is there.

The gguf package reads each element of each array, and goes on for hours if a hostile file names a length beyond its
end. Here every length is held against the size of the file first, and arrays are passed over.

Source: the specification of GGUF, https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

from gradschool.errors import ModelError
from gradschool.files import open_file

MAGIC = b"GGUF"
VERSIONS = (2, 3)
STRING, ARRAY = 8, 9
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
ALIGNMENT = 32  # of the data of tensors, if the file names no other
EMBEDDING, OUTPUT = "token_embd.weight", "output.weight"  # tensors that every family has, or may have
MAX_DIMENSIONS = 4
MAX_LIST = 1024  # numbers of a list that are read: one for each layer, at most; longer lists describe the vocabulary
MAX_ENTRIES = 100_000  # fields and tensors; the largest known models have some thousands
MAX_HEADER = 512 << 20  # bytes; vocabulary and merges of the largest known models take 30 MB
LENGTH = struct.Struct("<Q")  # of a text
SHORTEST = 8 + 4  # bytes of a field or a tensor: the length of its name, and its type


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor: its shape as in torch, its type, and the place of its data after the header, in bytes."""

    name: str
    shape: tuple[int, ...]
    kind: GGMLQuantizationType
    offset: int

    @property
    def bytes(self) -> int:
        """The size of its data."""
        block, size = GGML_QUANT_SIZES[self.kind]
        return prod(self.shape) // block * size


@dataclass(frozen=True, slots=True)
class Header:
    """What a GGUF file says about itself; of an array of texts or of many numbers, `fields` has the number of items.

    `start` is the byte at which the data of tensors begins.
    """

    path: Path
    fields: Mapping[str, Any]
    tensors: tuple[Tensor, ...]
    start: int

    @property
    def architecture(self) -> str:
        """The family of the network, as llama.cpp calls it; empty if the file names none."""
        return self.text("general.architecture")

    @property
    def parameters(self) -> int:
        """The number of parameters in this file."""
        return sum(prod(tensor.shape) for tensor in self.tensors)

    def text(self, key: str) -> str:
        """A field that is text; empty if it is missing or something else."""
        value = self.fields.get(key)
        return value if isinstance(value, str) else ""

    def number(self, key: str) -> int:
        """A field that is a whole number; 0 if it is missing or something else."""
        value = self.fields.get(key)
        return value if isinstance(value, int) else 0

    def own(self, key: str) -> Any:
        """A field of its family, such as context_length; None if it is missing."""
        return self.fields.get(f"{self.architecture}.{key}")


def damaged(path: Path, why: str) -> ModelError:
    """The error for a file whose content contradicts itself."""
    return ModelError(f"{path} is a damaged GGUF file.", why, "download or convert it again.")


def read_header(path: Path) -> Header:
    """The header of a GGUF file; raises ModelError for a file that is none, is damaged, or is not complete."""
    try:
        with open_file(path) as file:
            start = file.read(64)
            if not start.startswith(MAGIC):
                raise _no_gguf(path, start)
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                reader = _Reader(content)
                fields, tensors = reader.header()
                start_of_data, missing = reader.data(fields, tensors)
    except (ValueError, KeyError, struct.error, UnicodeDecodeError) as error:
        raise damaged(path, f"Its header cannot be read: {error}.") from error
    except OSError as error:
        why = f"The system reports: {error.strerror or error}."
        raise ModelError(f"{path} cannot be read.", why, "name a file that you may read.") from error
    if missing:
        raise ModelError(
            f"{path} is not complete.",
            f"{missing:,} of the bytes that its header announces are missing at the end.",
            "download it again.",
        )
    return Header(path, fields, tensors, start_of_data)


def _no_gguf(path: Path, start: bytes) -> ModelError:
    if start.startswith(b"version https://git-lfs"):
        why, fix = "It is a pointer of Git LFS to the file.", "fetch the file itself: git lfs pull."
    elif start.lstrip()[:1] == b"<":
        why, fix = "It begins like a page of the web: the download was redirected.", "download it again."
    elif not start:
        why, fix = "It is empty.", "download it again."
    elif start[3::-1] == MAGIC:
        why, fix = "It was written for machines of the other byte order.", "convert it for this kind of machine."
    else:
        why, fix = f"It begins with {start[:4]!r}, not with {MAGIC!r}.", "name a GGUF file, or a folder of a model."
    return ModelError(f"{path} is not a GGUF file.", why, fix)


class _Reader:
    """Reads values from the start of a file on; raises ValueError for a length that is beyond its end."""

    def __init__(self, content: mmap.mmap) -> None:
        self._content, self._end, self._at = content, min(len(content), MAX_HEADER), len(MAGIC)

    def header(self) -> tuple[dict[str, Any], tuple[Tensor, ...]]:
        version = self._scalar("I")
        if version not in VERSIONS:
            known = " and ".join(map(str, VERSIONS))
            raise ValueError(f"it has version {version}, and only {known} can be read")
        tensors, fields = self._scalar("Q"), self._scalar("Q")
        if tensors + fields > MAX_ENTRIES:
            raise ValueError(f"it names {tensors:,} tensors and {fields:,} fields")
        self._demand((tensors + fields) * SHORTEST)
        found: dict[str, Any] = {}
        for _ in range(fields):
            key = self._string()
            found[key] = self._value(self._scalar("I"))
        return found, tuple(self._tensor() for _ in range(tensors))

    def data(self, fields: Mapping[str, Any], tensors: tuple[Tensor, ...]) -> tuple[int, int]:
        """Where the tensors' data begin, and how many bytes of them are beyond the end of the file."""
        alignment = fields.get("general.alignment", ALIGNMENT)
        if not isinstance(alignment, int) or alignment < 1:
            raise ValueError(f"its alignment is {alignment}")
        start = -(-self._at // alignment) * alignment
        end = max((start + one.offset + one.bytes for one in tensors), default=start)
        return start, max(0, end - len(self._content))

    def _tensor(self) -> Tensor:
        name = self._string()
        dimensions = self._scalar("I")
        if dimensions > MAX_DIMENSIONS:
            raise ValueError(f"the tensor {name!r} has {dimensions} dimensions")
        shape = tuple(reversed([self._scalar("Q") for _ in range(dimensions)]))
        return Tensor(name, shape, GGMLQuantizationType(self._scalar("I")), self._scalar("Q"))

    def _value(self, kind: int) -> Any:
        if kind in SCALARS:
            return self._scalar(SCALARS[kind])
        if kind == STRING:
            return self._string()
        if kind != ARRAY:
            raise ValueError(f"a field has the unknown type {kind}")
        items, count = self._scalar("I"), self._scalar("Q")
        if items in SCALARS:
            start = self._at
            self._skip(count * struct.calcsize(SCALARS[items]))
            if count <= MAX_LIST:
                return struct.unpack_from(f"<{count}{SCALARS[items]}", self._content, start)
        elif items == STRING:
            self._demand(count * 8)
            self._skip_strings(count)
        else:
            raise ValueError(f"a field is a list of the unknown type {items}")
        return count

    def _skip_strings(self, count: int) -> None:
        """Pass over texts: in one loop, because a vocabulary has hundreds of thousands."""
        content, at, end, length_at = self._content, self._at, self._end, LENGTH.unpack_from
        for _ in range(count):
            if at > end - LENGTH.size:
                at = end + 1  # beyond it
                break
            at += LENGTH.size + length_at(content, at)[0]
        self._skip(at - self._at)

    def _string(self) -> str:
        length = self._scalar("Q")
        start = self._at
        self._skip(length)
        return self._content[start : self._at].decode()

    def _scalar(self, form: str) -> Any:
        size = struct.calcsize(form)
        self._demand(size)
        (value,) = struct.unpack_from(f"<{form}", self._content, self._at)
        self._at += size
        return value

    def _skip(self, size: int) -> None:
        self._demand(size)
        self._at += size

    def _demand(self, size: int) -> None:
        if size > self._end - self._at:
            raise ValueError(f"at byte {self._at:,}, it announces more than the file or {MAX_HEADER:,} bytes hold")

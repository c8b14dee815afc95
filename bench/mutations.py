"""Damage to valid files, as chance and as an attacker would do it: in their bytes, and in what their format holds."""

import contextlib
import io
import json
import random
import struct
import tomllib
import warnings
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import tomli_w

DEEP, HUGE = "@@DEEP@@", "@@HUGE@@"  # strings in whose place text is put that no value gives
RAW = {DEEP: b"[" * 50_000 + b"]" * 50_000, HUGE: b"9" * 5_000}
ODD_BYTES = (
    *(b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", "\u202e".encode(), "\u2028".encode(), b"\x1b]0;x\x07"),
    *(b'"', b"'", b"{", b"[" * 3_000, b"<" * 3_000, b"(" * 3_000, b"\n" * 3_000, b" " * 3_000, b"9" * 400),
    *(b"../../../etc/passwd", b"NaN", b"Infinity", b"-1", b"null", b"\r", b"\t", b";", b",", b"=?utf-8?b?" * 300),
)
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 0.5, float("nan"), float("inf"), 1 << 31, 1 << 63, -(1 << 63) - 1, 10**400, 1e308),
    *("", " ", "\0", "a" * 20_000, "\u202e", "\ud800", "\x1b[31m", "nan", "1e400", "é" * 40, "%s{0}", "ＡＢ①"),
    *(-0.5, 1e300, 1 << 62, "a" * 300, "CON", "a\nb", "owner/name", "(a|aa)+$", "pass\u200b"),
    *("../../etc/passwd", "/etc/passwd", "/proc/self/environ", "C:\\x", "~/x", "http://127.0.0.1:9/v1", "a/b/c"),
    *([], {}, [[]], [None], [{}], {"": ""}, {"a": {"b": {}}}, [1, "a", None], ["x"] * 2_000, DEEP, HUGE),
)


def mutated(name: str, content: bytes, chance: random.Random) -> bytes:
    """A file with some damage; its name says what it holds."""
    own = next((change for ending, change in BY_ENDING.items() if name.endswith(ending)), None)
    if own and chance.random() < 0.7:
        # The file may be damaged already, or the format may have no way to write the damage.
        with contextlib.suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # zipfile warns about names that occur twice
            return own(content, chance)
    return with_bytes(content, chance)


def with_bytes(content: bytes, chance: random.Random) -> bytes:
    """A file with some bytes changed, cut, repeated, or put in."""
    made = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at, size = chance.randrange(len(made) + 1), chance.choice((1, 1, 4, 30, 300))
        change = chance.choice(("flip", "random", "cut", "repeat", "odd", "odd", "end"))
        if change == "flip" and at < len(made):
            made[at] ^= 1 << chance.randrange(8)
        elif change == "random":
            made[at : at + size] = chance.randbytes(size)
        elif change == "cut":
            del made[at : at + size]
        elif change == "repeat":
            made[at:at] = made[at : at + size] * chance.choice((1, 2, 50))
        elif change == "odd":
            made[at:at] = chance.choice(ODD_BYTES)
        elif change == "end":
            del made[at:]
    return bytes(made)


def with_values(value: Any, chance: random.Random) -> Any:
    """A value of JSON or TOML with one part replaced, removed, renamed, repeated or wrapped."""
    if isinstance(value, dict) and value and chance.random() < 0.85:
        key = chance.choice(list(value))
        change = chance.choice(("in", "in", "in", "odd", "remove", "rename", "add"))
        rest = {name: part for name, part in value.items() if name != key}
        if change == "remove":
            return rest
        if change == "rename":
            return {**rest, str(chance.choice(("", "\0", "x" * 300, "__class__", key.upper()))): value[key]}
        if change == "add":
            return {**value, chance.choice(("", "extra", "\u202e", "id")): chance.choice(ODD_VALUES)}
        return {**value, key: chance.choice(ODD_VALUES) if change == "odd" else with_values(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.85:
        at = chance.randrange(len(value))
        change = chance.choice(("in", "in", "in", "odd", "remove", "repeat"))
        part = [] if change == "remove" else [value[at]] * 3 if change == "repeat" else [chance.choice(ODD_VALUES)]
        return [*value[:at], *([with_values(value[at], chance)] if change == "in" else part), *value[at + 1 :]]
    if isinstance(value, str) and chance.random() < 0.3:
        return with_bytes(value.encode("utf-8", "surrogatepass"), chance).decode("utf-8", "replace")
    return chance.choice(([value], {"value": value}, *ODD_VALUES))


def _raw(text: bytes) -> bytes:
    for sign, piece in RAW.items():
        text = text.replace(f'"{sign}"'.encode(), piece)
    return text


def _json(content: bytes, chance: random.Random) -> bytes:
    made = json.loads(content)
    for _ in range(chance.choice((1, 1, 2, 4))):
        made = with_values(made, chance)
    return _raw(json.dumps(made).encode())


def _jsonl(content: bytes, chance: random.Random) -> bytes:
    lines = content.splitlines()
    for _ in range(chance.choice((1, 1, 3, 10))):
        at = chance.randrange(len(lines))
        lines[at] = _json(lines[at], chance) if chance.random() < 0.8 else with_bytes(lines[at], chance)
    return b"\n".join(lines) + b"\n"


def _toml(content: bytes, chance: random.Random) -> bytes:
    made = tomllib.loads(content.decode())
    for _ in range(chance.choice((1, 1, 2, 4))):
        made = with_values(made, chance)
        if isinstance(made, dict) and made and chance.random() < 0.1:
            made[chance.choice(list(made))] = datetime(2020, 1, 1, tzinfo=UTC)
    made = _without_none(made)
    return _raw(tomli_w.dumps(made).encode("utf-8", "surrogatepass"))


def _without_none(value: Any) -> Any:
    """TOML has no null."""
    if isinstance(value, dict):
        return {key: _without_none(part) for key, part in value.items() if part is not None}
    return [_without_none(part) for part in value if part is not None] if isinstance(value, list) else value


def _safetensors(content: bytes, chance: random.Random) -> bytes:
    """Its header changed, its length included, or its numbers replaced by infinite ones."""
    (length,) = struct.unpack("<Q", content[:8])
    header, data = content[8 : 8 + length], content[8 + length :]
    change = chance.choice(("header", "header", "header", "length", "numbers", "short"))
    if change == "header":
        header = _json(header, chance)
    if change == "numbers":
        at = chance.randrange(0, max(1, len(data)), 4)
        data = data[:at] + struct.pack("<f", float(chance.choice(("nan", "inf", "-inf")))) + data[at + 4 :]
    if change == "short":
        data = data[: chance.randrange(len(data) + 1)]
    said = chance.choice((0, 1, length - 1, 1 << 40, (1 << 64) - 1)) if change == "length" else len(header)
    return struct.pack("<Q", said) + header + data


def _zip(content: bytes, chance: random.Random) -> bytes:
    """One of its files changed, renamed, repeated, made a link, or grown to a bomb."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        entries = source.infolist()
        chosen = chance.choice(entries)
        change = chance.choice(("content", "content", "content", "name", "twice", "link", "bomb", "remove"))
        for entry in entries:
            inner, info = source.read(entry), zipfile.ZipInfo(entry.filename)
            if entry is chosen and change == "remove":
                continue
            if entry is chosen and change == "content":
                inner = mutated(entry.filename, inner, chance)
            if entry is chosen and change == "name":
                info.filename = chance.choice(
                    ("../../up", "/tmp/absolute", "a\0b", "C:/x", "x" * 300, "\u202ea", "a/../b")
                )
            if entry is chosen and change == "link":
                info.external_attr, inner = 0o120777 << 16, b"/etc/passwd"
            if entry is chosen and change == "bomb":
                inner = inner + b" " * 30_000_000
            made.writestr(info, inner, zipfile.ZIP_DEFLATED)
            if entry is chosen and change == "twice":
                made.writestr(info, inner)
    return with_bytes(out.getvalue(), chance) if chance.random() < 0.1 else out.getvalue()


GGUF_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # bytes of numbers, by type
GGUF_TEXT, GGUF_LIST = 8, 9


def _gguf(content: bytes, chance: random.Random) -> bytes:
    """One number in its header changed (a count, a length, a type, a size, a place), or one of its weights."""
    places = list(_gguf_places(content))
    made = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4))):
        at, size = chance.choice(places)
        known = int.from_bytes(content[at : at + size], "little")
        odd: tuple[int, ...] = (
            0,
            1,
            2,
            3,
            9,
            known - 1,
            known + 1,
            2 * known,
            1 << 20,
            1 << 31,
            1 << 62,
            1 << 63,
            (1 << 64) - 1,
        )
        if chance.random() < 0.1:  # a weight that is no number, near the end
            at, size, odd = len(made) - 4 * chance.randrange(1, 200), 4, (0x7FC00000, 0x7F800000, 0xFF800000)
        made[at : at + size] = (chance.choice(odd) % (1 << 8 * size)).to_bytes(size, "little")
    return bytes(made)


def _gguf_places(content: bytes) -> Iterator[tuple[int, int]]:
    """Where the numbers of a header are, and their sizes; of long lists, the first and the last few."""
    at = 4

    def number(size: int) -> int:
        nonlocal at
        at += size
        return int.from_bytes(content[at - size : at], "little")

    yield from ((4, 4), (8, 8), (16, 8))
    _, tensors, fields = number(4), number(8), number(8)
    for _ in range(fields):
        yield at, 8
        at += number(8)  # its name
        yield at, 4
        kind, count = number(4), 1
        if kind == GGUF_LIST:
            yield from ((at, 4), (at + 4, 8))
            kind, count = number(4), number(8)
        for item in range(count):
            size = GGUF_SIZES.get(kind, 8)
            if item < 3 or item > count - 3:
                yield at, size
            length = number(size)
            at += length if kind == GGUF_TEXT else 0
    for _ in range(tensors):
        yield at, 8
        at += number(8)
        yield at, 4
        dimensions = number(4)
        yield from ((at + 8 * n, 8) for n in range(dimensions))
        at += 8 * dimensions
        yield from ((at, 4), (at + 4, 8))
        at += 12


BY_ENDING: dict[str, Callable[[bytes, random.Random], bytes]] = {
    ".jsonl": _jsonl,
    ".json": _json,
    ".toml": _toml,
    ".safetensors": _safetensors,
    ".gguf": _gguf,
    **dict.fromkeys((".zip", ".xlsx", ".docx", ".epub"), _zip),
}

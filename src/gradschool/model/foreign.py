"""What the config and the tokenizer of a model of others may not do: fetch code, or take any time and memory."""

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from gradschool.bounded import Limits, Stopped, replies
from gradschool.errors import ModelError
from gradschool.files import read_file, read_json, sha256

SYSTEM = ("/proc", "/sys")
CHILD = "gradschool.model.tokenizer_child"
LIMITS = Limits(seconds=20, seconds_per_mb=2, memory=4_000_000_000, waiting=300.0)
MAX_FILE, MAX_CONFIG = 200_000_000, 20_000_000  # bytes; the largest known tokenizers have 35 MB
SMALL = ("config.json", "generation_config.json", "tokenizer_config.json", "special_tokens_map.json")
TOKENIZERS = (
    "tokenizer*",
    "vocab*",
    "merges.txt",
    "*.model",
    "*.spm",
    "*.tiktoken",
    "tekken.json",
    "added_tokens.json",
)
# Files that add tokens to those of a tokenizer.json, each compared with all before.
ADDING, MAX_ADDED = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"), 20_000
# Keys with which a config chooses the code of attention and experts; "owner/kernel" would be fetched from the Hub.
KERNELS = ("attn_implementation", "experts_implementation")
OWN_BASES = Path(__file__).parents[1] / "bases"  # that come with gradschool


COUNTS, MAX_COUNT = re.compile(r".*(layers?|blocks?|experts)"), 10_000  # each one is built, before weights are read


def refuse_config(folder: Path, config: Any) -> None:
    """Raise ModelError for a config that names code on the Hub, or parts that no network has as many of."""
    refuse_kernels(folder, config)
    for key, value in _items(config):
        if isinstance(value, int) and value > MAX_COUNT and COUNTS.fullmatch(str(key)):
            raise ModelError(
                f"The config of the model in {folder} is damaged.",
                f"It says that {key} is {value:,}; at most {MAX_COUNT:,} are expected.",
                "download the model again.",
            )


def refuse_kernels(folder: Path, config: Any) -> None:
    """Raise ModelError if a config, or a part of one, chooses code by name, which would be fetched from the Hub."""
    if chosen := next(_chosen(config), None):
        key, value = chosen
        raise ModelError(
            f"The config of the model in {folder} names code that would be fetched from the Hub: {key} = {value!r}.",
            "Code that comes with a model is never run.",
            f"remove {key} from its config.json; the model computes the same without it.",
        )


def _chosen(config: Any) -> Iterator[tuple[str, str]]:
    for key, value in _items(config):
        if str(key).strip("_").removesuffix("_internal") in KERNELS:
            yield from ((key, name) for name in _names(value) if "/" in name)


def _items(config: Any) -> Iterator[tuple[Any, Any]]:
    """All keys of a config and of its parts, with their values."""
    for part in _parts(config):
        if isinstance(part, dict):
            yield from part.items()


def _parts(config: Any) -> Iterator[dict[Any, Any] | list[Any]]:
    """All objects and lists of a config."""
    parts = [config]
    while parts:
        part = parts.pop()
        if isinstance(part, dict | list):
            yield part
            parts.extend(part.values() if isinstance(part, dict) else part)


def _names(value: Any) -> list[str]:
    values = value.values() if isinstance(value, dict) else [value]
    return [one for one in values if isinstance(one, str)]


def refuse_special(folder: Path) -> None:
    """Raise ModelError for what is no file of a model, such as a pipe or a device: to read it may never end.

    Nor may a file in which the system describes itself, to which a link can lead.
    """
    for path in sorted(folder.iterdir()):
        if path.exists() and (not (path.is_file() or path.is_dir()) or _of_system(path)):
            raise ModelError(
                f"{path} is not a file of a model.",
                "It is a pipe or a device, or leads to a file of the system.",
                "download the model again.",
            )


def check_tokenizer(folder: Path, limits: Limits = LIMITS) -> None:
    """Raise ModelError for a tokenizer or a config that is too large, or takes too long to be read or used.

    A tokenizer.json is first tried in a child process, on long texts of every kind; the built-in ones are not.
    """
    refuse_special(folder)
    for patterns, most in ((SMALL, MAX_CONFIG), (TOKENIZERS, MAX_FILE)):
        for path in (path for pattern in patterns for path in folder.glob(pattern)):
            if path.is_file() and path.stat().st_size > most:
                size = f"It has {path.stat().st_size / 1e6:,.0f} MB; at most {most / 1e6:,.0f} MB are read."
                raise ModelError(f"{path} is too large.", size, "download the model again, or use another base_model.")
    for path in map(folder.joinpath, ADDING):
        if (added := _most_items(path)) > MAX_ADDED:
            raise ModelError(
                f"{path} adds too many tokens.",
                f"A list in it has {added:,} items; at most {MAX_ADDED:,} are read.",
                "download the model again, or use another base_model.",
            )
    file = folder / "tokenizer.json"
    if file.is_file() and not folder.resolve().is_relative_to(OWN_BASES):
        _try(file, sha256(file), limits)


def _most_items(path: Path) -> int:
    """The number of items of the longest list or object in a JSON file; 0 if there is none, or no JSON in it."""
    with suppress(OSError, ValueError):
        return max((len(part) for part in _parts(read_json(path))), default=0)
    return 0


def _of_system(path: Path) -> bool:
    return any(path.resolve().is_relative_to(place) for place in SYSTEM)


@lru_cache(maxsize=64)  # a process opens the same base several times
def _try(file: Path, digest: str, limits: Limits) -> None:
    """Raise ModelError if a tokenizer.json, whose content has this hash, cannot be used within the limits."""
    content = read_file(file)
    try:
        for _ in replies(CHILD, {}, content, limits):
            pass
    except Stopped as stopped:
        why = stopped.sentence("Reading it and encoding some texts", limits.of(len(content)), limits)
        raise ModelError(f"{file} cannot be used.", why, "download the model again, or use another base.") from stopped

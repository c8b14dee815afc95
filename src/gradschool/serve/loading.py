"""Specialists' folders to a service: bases that several of them share are opened once."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gradschool.errors import UsageError
from gradschool.files import sha256_of
from gradschool.model.engine import Engine
from gradschool.model.local import LocalEngine
from gradschool.model.remote import RemoteEngine
from gradschool.package.bundle import MANIFEST, open_verified, read_manifest, recipe_of
from gradschool.records import Note, Work
from gradschool.serve.llama import LlamaEngine, LlamaScheduler
from gradschool.serve.local import LocalScheduler
from gradschool.serve.scheduler import Scheduler
from gradschool.serve.service import Base, Limits, Served, Service
from gradschool.serve.threads import ThreadScheduler
from gradschool.serve.upstream import remote_scheduler
from gradschool.specialist import Specialist


def open_service(
    asked: Sequence[str],
    base_model: str | None = None,
    at_once: int | None = None,
    context_length: int | None = None,
    limits: Limits | None = None,
) -> Work[Service]:
    """Open specialists, each given as FOLDER or NAME=FOLDER, and put them behind one service.

    `at_once` requests are answered together over each base; `context_length` bounds the tokens of a question with its
    answer. Raises what `open_verified` raises, and UsageError where two have the same name.
    """
    manifests: dict[str, tuple[Path, dict[str, Any]]] = {}
    for word in asked:
        name, folder, manifest = _read(word)
        if name in manifests:
            raise UsageError(
                f"Two specialists are called {name!r}.",
                f"{manifests[name][0]} and {folder}; clients choose by name.",
                f"name one anew: OTHER={folder}",
            )
        manifests[name] = folder, manifest
    opened: dict[str, Specialist] = {}
    engines: dict[tuple[str, ...], tuple[Engine, str]] = {}
    for name, (folder, manifest) in manifests.items():
        known = engines.get(base_of(manifest))
        if known is None:
            opened[name] = yield from open_verified(folder, manifest, base_model)
            engines[base_of(manifest)] = opened[name].engine, name
        else:
            opened[name] = Specialist(known[0], recipe_of(folder, manifest))
            yield Note(f"{name} shares the weights of {known[1]}'s base.")
    bases: dict[int, Base] = {}
    for engine, _ in engines.values():
        over = [specialist for specialist in opened.values() if specialist.engine is engine]
        bases[id(engine)] = Base(scheduler_of(engine, over, at_once, context_length))
    served = {
        name: _served(name, *manifests[name], specialist, bases[id(specialist.engine)])
        for name, specialist in opened.items()
    }
    return Service(served, limits)


def open_gguf(
    word: str, file: Path, at_once: int | None = None, context_length: int | None = None, limits: Limits | None = None
) -> Work[Service]:
    """Open one specialist, given as FOLDER or NAME=FOLDER, over a GGUF file that was made of it.

    Its base is not needed. Raises what `read_manifest` and LlamaEngine raise.
    """
    name, folder, manifest = _read(word)
    recipe = replace(recipe_of(folder, manifest), adapter="", weights="")  # what was trained is in the file
    yield Note(f"llama.cpp runs {file.name} instead of the base.")
    engine = LlamaEngine(file, at_once, context_length)
    served = _served(name, folder, manifest, Specialist(engine, recipe), Base(LlamaScheduler(engine)))
    return Service({name: served}, limits)


def _read(word: str) -> tuple[str, Path, dict[str, Any]]:
    name, folder = named(word)
    manifest = read_manifest(folder)
    return name or str(manifest.get("name") or folder.resolve().name), folder, manifest


def _served(name: str, folder: Path, manifest: dict[str, Any], specialist: Specialist, base: Base) -> Served:
    made = int((folder / MANIFEST).stat().st_mtime)
    return Served(name, specialist, base, made, sha256_of(manifest), str(manifest.get("verdict", "")))


def named(word: str) -> tuple[str, Path]:
    """The name, or none, and the folder in FOLDER or NAME=FOLDER; a folder may have = in its own name."""
    name, equals, folder = word.partition("=")
    if not equals or Path(word).exists():
        return "", Path(word)
    if not name:
        raise UsageError(f"{word!r} names a specialist with nothing.", fix="write NAME=FOLDER, or FOLDER alone.")
    return name, Path(folder)


def base_of(manifest: dict[str, Any]) -> tuple[str, ...]:
    """What tells bases apart: the hashes of weights and template, or for a server its address and model."""
    base = manifest["base"]
    return tuple(str(base.get(part, "")) for part in ("kind", "weights", "template", "bits", "address", "model"))


def scheduler_of(
    engine: Engine, specialists: Sequence[Specialist], at_once: int | None, context_length: int | None
) -> Scheduler:
    """What answers for the specialists over one base."""
    if isinstance(engine, LocalEngine):
        return LocalScheduler(engine, specialists, at_once, context_length)
    if isinstance(engine, RemoteEngine):
        return remote_scheduler(engine, at_once, context_length)
    return ThreadScheduler(engine, at_once, context_length)

"""Specialists whose base in GGUF is run by llama.cpp (--runtime llama), with their own prompts and adapters."""

from collections.abc import Sequence
from pathlib import Path

from gradschool.errors import DamagedError, UsageError
from gradschool.model.gguf_file import gguf_name, read_gguf
from gradschool.model.gguf_found import find_gguf, named_gguf
from gradschool.model.llama_base import open_llama
from gradschool.model.llama_engine import WITHOUT_LLAMA, LlamaEngine
from gradschool.model.opening import gguf_of, has_own_name
from gradschool.package.manifest import Manifest
from gradschool.records import Note, Work
from gradschool.specialist import Recipe


def llama_engine(
    members: Sequence[tuple[Manifest, Recipe]],
    near: Path,
    base_model: str | None = None,
    at_once: int = 1,
    context_length: int | None = None,
) -> Work[LlamaEngine]:
    """One llama.cpp for specialists of the same base, each with its own adapter.

    The file is found by its hash, also in or near the folder `near`, or it is `base_model`. Raises UsageError for
    a specialist that llama.cpp cannot run, ModelError if the file is not here, DamagedError if it is another one.
    """
    for manifest, recipe in members:
        _demand_llama(manifest, recipe)
    manifest, base = members[0][0], members[0][0].base
    if base.bits:
        yield Note("The base was quantized to 4 bits for the test; llama.cpp runs the file as it is.", "warning")
    file = yield from named_gguf(base_model, base) if base_model else find_gguf(base, near)
    engine = yield from open_llama(
        file, manifest.base_name, [recipe.adapter for _, recipe in members], at_once, context_length
    )
    if engine.identity.template != base.template:
        engine.close()
        raise DamagedError(
            f"The chat template of {file.name} is not the one this specialist was made with.",
            "The file is the same, and its template is read differently by this version.",
            f"use the version of gradschool that made it, {manifest.gradschool}.",
        )
    return engine


def llama_base(path: Path) -> Work[LlamaEngine]:
    """A base alone in llama.cpp; raises UsageError if it is no GGUF file."""
    name = str(path)
    file = gguf_of(name, Path())
    if file is None:
        raise _no_gguf(f"{name} is not from a GGUF file.", "")
    return (yield from open_llama(read_gguf(file), name if has_own_name(name) else gguf_name(file)))


def _demand_llama(manifest: Manifest, recipe: Recipe) -> None:
    """Raise UsageError for a specialist that llama.cpp cannot run on the file of its base."""
    if recipe.weights:
        raise _no_gguf(f"{manifest.name} has weights of its own instead of a base.", manifest.name)
    if not manifest.base.gguf:
        raise _no_gguf(f"The base of {manifest.name}, {manifest.base_name}, is not from a GGUF file.", manifest.name)
    refuse_untested(manifest.name, recipe, WITHOUT_LLAMA)
    if recipe.decoding.compares:
        raise UsageError(
            f"{manifest.name} compares all labels by their probability, which it cannot do in llama.cpp.",
            "It would write labels instead, and that was not tested.",
            f"{WITHOUT_LLAMA}, or export it with --to gguf, which tests what it writes.",
        )


def _no_gguf(why: str, name: str) -> UsageError:
    exported = f", or export {name} with --to gguf and serve that file with --gguf" if name else ""
    return UsageError("--runtime llama needs a GGUF file, and none was given.", why, f"{WITHOUT_LLAMA}{exported}.")


def refuse_untested(name: str, recipe: Recipe, instead: str = "serve it without --gguf") -> None:
    """Raise UsageError if llama.cpp cannot do what a specialist was tested with; `instead` says what works.

    A specialist may abstain, or its base may judge passages: llama.cpp does not report the probabilities.
    """
    if recipe.abstention:
        raise UsageError(
            f"{name} abstains if it is not sure, which it cannot do in llama.cpp.",
            "Its score was tested for the answers that it gives; llama.cpp answers every question.",
            f"{instead}.",
        )
    if recipe.passages and recipe.search_weight < 1:
        raise UsageError(
            f"The base of {name} judges passages by probabilities, which llama.cpp does not report.",
            "With other passages, it would not answer as it was tested.",
            f"{instead}, or climb with ground.judge = false.",
        )

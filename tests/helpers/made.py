"""Small specialists over the built-in base, packed as a climb packs them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from finish import finish
from gradschool.ground.index import build_index
from gradschool.job import Job
from gradschool.model.adapter import save_adapter
from gradschool.model.copies import shared_copy
from gradschool.model.fake import FakeEngine
from gradschool.model.local import LocalEngine
from gradschool.model.lora import attach, lora_layers
from gradschool.package.bundle import pack
from gradschool.records import Answer, Decoding, Example, Message, RungResult, Scored, Source, Split
from gradschool.run import Run
from gradschool.settings import Ground, Settings
from gradschool.specialist import Recipe, Specialist, specialist_of

KINDS = ("plain", "tuned", "other", "grounded")
SHOWN = (Example("shown", (Message("user", "Bye."), Message("assistant", "Goodbye!")), "s", Source("f", 1)),)
HARBOUR = """# The harbour

The ferry to the island leaves at noon and comes back at six. A ticket costs twelve pounds.

# The market

Fish is sold on Fridays, from seven in the morning until it is gone.
"""


def recipe_of(kind: str, engine: LocalEngine, folder: Path) -> Recipe:
    """A recipe of a kind, its parts below `folder`."""
    recipe = Recipe("Answer in one short sentence.", decoding=Decoding(max_new_tokens=24))
    if kind == "plain":
        return replace(recipe, shots=1, examples=SHOWN)
    if kind == "grounded":
        (folder / "documents").mkdir(parents=True)
        (folder / "documents" / "harbour.md").write_text(HARBOUR)
        finish(build_index(folder / "documents", folder / "index", Ground(passage_words=20)))
        return replace(recipe, instructions="", passages=2, index=str(folder / "index"))
    network = shared_copy(engine.network)
    attach(network, rank=4, alpha=8, seed=0)
    with torch.no_grad():
        for number, (_, layer) in enumerate(lora_layers(network)):
            generator = torch.Generator().manual_seed(number + 1000 * KINDS.index(kind))
            layer.lora_b.copy_(torch.randn(layer.lora_b.shape, generator=generator) * 0.15)
    save_adapter(network, folder / "adapter", engine.name, None)
    return replace(recipe, adapter=str(folder / "adapter"))


def packed(kind: str, engine: LocalEngine, folder: Path) -> tuple[Specialist, Path]:
    """A specialist of a kind, and where it was packed."""
    specialist = specialist_of(engine, recipe_of(kind, engine, folder / "run" / "parts"))
    return specialist, pack_as(kind, specialist, engine.name, folder)


def echo(folder: Path, name: str = "echo") -> Path:
    """A packed specialist over the fake engine: it says back what it is asked."""
    return pack_as(name, Specialist(FakeEngine(), Recipe(decoding=Decoding(max_new_tokens=40))), "fake", folder)


def pack_as(name: str, specialist: Specialist, base: str, folder: Path, **settings: Any) -> Path:
    """Pack a specialist under a name; returns its folder."""
    run = Run.start(Job(name, folder, Settings(base_model=base, **settings)), folder / "run")
    result = RungResult("prompt", None)
    row = Scored("e1", "g1", "q", "a", Answer("a"), 1.0)
    place, _ = finish(pack(run, specialist, result, [result], [row], Split(("a",), ("b",), ("c",), "hash"), ()))
    return Path(place)

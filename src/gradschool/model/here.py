"""Whether the weights of a base are on this machine. Asked without PyTorch, which a report of a run does not need."""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from gradschool.errors import ModelError
from gradschool.model.engine import Engine
from gradschool.records import Example, Image

if TYPE_CHECKING:
    from gradschool.model.local import LocalEngine


def local_engine(engine: Engine) -> "LocalEngine | None":
    """The engine itself if its weights are on this machine: these can be trained, merged and exported."""
    if "gradschool.model.local" not in sys.modules:  # so nothing is of its class
        return None
    from gradschool.model.local import LocalEngine

    return engine if isinstance(engine, LocalEngine) else None


def pictures_of(engine: Engine) -> Callable[[Sequence[Image]], list[float]] | None:
    """What a base sees of images, as the mean over them of one vector each; None without eyes."""
    base = local_engine(engine)
    return base.pictured if base and base.eyes else None


def features_of(engine: Engine) -> Callable[[Example], list[float]] | None:
    """What a base sees of the images of an example; None without eyes."""
    seen = pictures_of(engine)
    return (lambda example: seen(example.images)) if seen else None


def demand_local(engine: Engine, use: str, fix: str) -> "LocalEngine":
    """The engine itself; raises ModelError, with `fix`, if it has no weights that could be `use`d ("trained")."""
    if found := local_engine(engine):
        return found
    base = engine.identity
    place = f"is on the server {base.address}" if base.address else f"({base.name or base.kind}) has no weights"
    raise ModelError(f"Only a base with weights on this machine can be {use}.", f"This one {place}.", fix)

"""How many tokens a training may read at once on this machine, and whether it must compute layers twice for it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gradschool.errors import ResourceError
from gradschool.model.chat import Rendered
from gradschool.model.memory import gigabytes
from gradschool.tune.need import Need, Shape, need_of
from gradschool.tune.rows import MOST_TOKENS, shared_prefix

SHARE = 0.85  # of what is free may be planned with


@dataclass(frozen=True, slots=True)
class Room:
    """Tokens read at once, whether layers are computed again on the way back, and why."""

    tokens: int = MOST_TOKENS
    checkpointing: bool = False
    reason: str = ""
    tight: bool = False  # so near to what is free that it should be tried before the training begins


ROOMY = Room()


def largest_portion(shape: Shape, rows: Sequence[Rendered], rows_per_step: int) -> Shape:
    """A shape with the largest portion that a training may read: a step's worth of rows as long as the longest."""
    longest = max(len(row.token_ids) for row in rows)
    prefix = shared_prefix(rows)
    tokens = prefix + rows_per_step * (longest - prefix)
    return replace(shape, longest=longest, prefix=prefix, tokens=min(MOST_TOKENS, tokens))


def room_for(shape: Shape, free: int, loaded: int) -> Room:
    """As many tokens at once as fit into `free` bytes, with `loaded` bytes of weights there already.

    Layers are computed again on the way back only where not even one row would fit otherwise. Raises ResourceError
    where it does not fit so either.
    """
    budget = int(SHARE * free)
    need = need_of(shape)
    for checkpointing in (False, True):
        tokens = shape.tokens
        while True:
            tried = replace(shape, tokens=max(tokens, shape.longest), checkpointing=checkpointing)
            need = need_of(tried)
            if need.total - loaded <= budget:
                return _room(tried, need, free, loaded)
            if tokens <= shape.longest:
                break
            tokens //= 2
    raise ResourceError(
        "There is not enough memory to train.",
        f"Even one row at a time needs {gigabytes(need.total - loaded)} more, and {gigabytes(free)} are free.",
        "take a smaller base_model, a smaller [tune] rank or max_tokens, or close other programs.",
    )


def _room(shape: Shape, need: Need, free: int, loaded: int) -> Room:
    more = need.total - loaded
    reason = f"up to {shape.tokens:,} tokens at once; that needs {gigabytes(more)} more of {gigabytes(free)} free"
    if shape.checkpointing:
        reason += ", and layers are computed again on the way back, since what they keep would not fit"
    return Room(shape.tokens, shape.checkpointing, reason, tight=more > free / 3)

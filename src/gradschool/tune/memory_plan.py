"""How many tokens a training may read at once on this machine, and whether it must compute layers twice for it."""

from dataclasses import dataclass

from gradschool.errors import ResourceError
from gradschool.model.memory import gigabytes
from gradschool.tune.memory import Needs
from gradschool.tune.rows import MAX_TOKENS

SHARE = 0.85  # of what is free may be planned with


@dataclass(frozen=True, slots=True)
class Room:
    """Tokens read at once, whether layers are computed again on the way back, and why."""

    tokens: int = MAX_TOKENS
    checkpointing: bool = False
    reason: str = ""
    tight: bool = False  # so near to what is free that it should be tried before the training begins


ROOMY = Room()


def room_for(needs: Needs, rows_per_step: int, free: int, loaded: int = 0) -> Room:
    """As many tokens of a step at once as fit into `free` bytes, with `loaded` bytes of weights there already.

    Layers are computed again on the way back only where not even one row would fit otherwise. Raises ResourceError
    where it does not fit so either.
    """
    shape = needs.shape
    step = min(MAX_TOKENS, shape.prefix + rows_per_step * (shape.longest - shape.prefix))
    for checkpointing in (False, True):
        tokens = max(step, shape.longest)
        while True:
            more = needs.at(tokens, checkpointing).total - loaded
            if more <= SHARE * free:
                return Room(tokens, checkpointing, _reason(tokens, checkpointing, more, free), more > free / 3)
            if tokens == shape.longest:
                break
            tokens = max(tokens // 2, shape.longest)
    raise ResourceError(
        "There is not enough memory to train.",
        f"Even one row at a time needs {gigabytes(more)} more, and {gigabytes(free)} are free.",
        "take a smaller base_model, a smaller [tune] rank or max_tokens, or close other programs.",
    )


def _reason(tokens: int, checkpointing: bool, more: int, free: int) -> str:
    reason = f"up to {tokens:,} tokens at once; that needs {gigabytes(more)} more of {gigabytes(free)} free"
    if checkpointing:
        reason += ", and layers are computed again on the way back, since what they keep would not fit"
    return reason

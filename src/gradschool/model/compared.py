"""Labels compared by their probability as the answer, instead of being written token by token.

A written label is decided by its first tokens. Compared, each label counts as a whole, and a bias towards some labels
can be corrected (rungs/comparing.py).
"""

import time
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from gradschool.model.engine import Engine, too_long
from gradschool.model.signals import CONFIDENCE, DIGITS
from gradschool.records import Answer, Constraint, Conversation

TOGETHER = 16  # questions of which the labels are read together


def compared(
    engine: Engine, conversations: Sequence[Conversation], constraint: Constraint, adapter: str = ""
) -> Iterator[tuple[int, Answer]]:
    """Answer conversations that fit with the likeliest of the labels, after its bias; yields (position, answer).

    The signal CONFIDENCE is the probability of the label among all labels.
    """
    for start in range(0, len(conversations), TOGETHER):
        some, began = conversations[start : start + TOGETHER], time.perf_counter()
        read = label_log_probs(engine, some, constraint.choices, adapter)
        seconds = (time.perf_counter() - began) / len(some)
        for position, (conversation, log_probs) in enumerate(zip(some, read, strict=True), start):
            if log_probs is None:
                yield position, too_long(engine.count_tokens(conversation), engine.context_length)
                continue
            shares = softmax(log_probs - np.array(constraint.bias))
            best = int(shares.argmax())
            sure = {CONFIDENCE: round(float(shares[best]), DIGITS)}
            yield (
                position,
                Answer(constraint.choices[best], "stop", engine.count_tokens(conversation), 1, seconds, signals=sure),
            )


def label_log_probs(
    engine: Engine, conversations: Sequence[Conversation], labels: Sequence[str], adapter: str = ""
) -> list[NDArray[np.float64] | None]:
    """The log-probability of each label as the whole answer, in nats: (labels,) for each conversation.

    None for a conversation that the chat template or the context does not allow.
    """
    read = engine.continuations(conversations, [labels] * len(conversations), adapter, ended=True)
    return [None if its is None else np.array([-one.loss for one in its]) for its in read]

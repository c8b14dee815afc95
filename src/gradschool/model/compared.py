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
        read = label_shares(engine, some, constraint, adapter)
        seconds = (time.perf_counter() - began) / len(some)
        for position, (conversation, shares) in enumerate(zip(some, read, strict=True), start):
            yield position, label_answer(engine, conversation, constraint, shares, seconds)


def label_shares(
    engine: Engine, conversations: Sequence[Conversation], constraint: Constraint, adapter: str = ""
) -> list[NDArray[np.float64] | None]:
    """The probability of each label among all labels, after their bias: (labels,); None as `label_log_probs`."""
    read = label_log_probs(engine, conversations, constraint.choices, adapter)
    return [None if its is None else softmax(its - np.array(constraint.bias)) for its in read]


def label_answer(
    engine: Engine,
    conversation: Conversation,
    constraint: Constraint,
    shares: NDArray[np.float64] | None,
    seconds: float = 0.0,
) -> Answer:
    """The most probable label as the answer to a conversation, a failure for one without shares."""
    tokens = engine.count_tokens(conversation)
    if shares is None:
        return too_long(tokens, engine.context_length)
    best = int(shares.argmax())
    sure = {CONFIDENCE: round(float(shares[best]), DIGITS)}
    return Answer(constraint.choices[best], "stop", tokens, 1, seconds, signals=sure)


def label_log_probs(
    engine: Engine, conversations: Sequence[Conversation], labels: Sequence[str], adapter: str = ""
) -> list[NDArray[np.float64] | None]:
    """The log-probability of each label as the whole answer, in nats: (labels,) for each conversation.

    None for a conversation that the chat template or the context does not allow.
    """
    read = engine.continuations(conversations, [labels] * len(conversations), adapter, ended=True)
    return [None if its is None else np.array([-one.loss for one in its]) for its in read]

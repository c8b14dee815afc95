"""Labels compared by their probability as the answer, instead of being written token by token.

A written label is decided by its first tokens. Compared, each label counts as a whole, and a bias towards some labels
can be corrected (rungs/comparing.py).
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

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
        for position, (conversation, its) in enumerate(zip(some, read, strict=True), start):
            yield position, label_answer(engine, conversation, constraint, its, seconds)


def label_answer(
    engine: Engine,
    conversation: Conversation,
    constraint: Constraint,
    read: NDArray[np.float64] | None,
    seconds: float = 0.0,
) -> Answer:
    """The likeliest label as the answer to a conversation, after its bias; a failure for one that was not read.

    `read` is what `label_log_probs` gives.
    """
    tokens = engine.count_tokens(conversation)
    if read is None:
        return too_long(tokens, engine.context_length)
    known = () if any(constraint.bias) else tuple(read.round(DIGITS).tolist())
    return _chosen(Answer("", "stop", tokens, 1, seconds, label_log_probs=known), constraint, read)


def corrected(answer: Answer, constraint: Constraint) -> Answer:
    """An answer with `label_log_probs` as another bias of the same labels would have made it; a failure stays one."""
    if answer.failure:
        return answer
    return _chosen(replace(answer, label_log_probs=()), constraint, np.array(answer.label_log_probs))


def _chosen(answer: Answer, constraint: Constraint, read: NDArray[np.float64]) -> Answer:
    shares = label_shares(read, constraint)
    best = int(shares.argmax())
    sure = {CONFIDENCE: round(float(shares[best]), DIGITS)}
    return replace(answer, text=constraint.choices[best], signals=answer.signals | sure)


def label_shares(read: NDArray[np.float64], constraint: Constraint) -> NDArray[np.float64]:
    """The probability of each label among all labels, after their bias: (labels,)."""
    shares: NDArray[np.float64] = softmax(read - np.array(constraint.bias))
    return shares


def label_log_probs(
    engine: Engine, conversations: Sequence[Conversation], labels: Sequence[str], adapter: str = ""
) -> list[NDArray[np.float64] | None]:
    """The log-probability of each label as the whole answer, in nats: (labels,) for each conversation.

    None for a conversation that the chat template or the context does not allow.
    """
    read = engine.continuations(conversations, [labels] * len(conversations), adapter, ended=True)
    return [None if its is None else np.array([-one.loss for one in its]) for its in read]

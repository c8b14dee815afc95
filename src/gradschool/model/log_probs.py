"""The log-probabilities in the reply of a chat completion, in the forms in which servers send them."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from gradschool.errors import RemoteError
from gradschool.model.signals import Likelihood

FIELDS = {"logprobs": True, "top_logprobs": 2}  # of a request
NAMED = re.compile(r"log[_ ]?prob", re.IGNORECASE)  # in the message of a refusal
LEAST = -1e4  # nats, for tokens whose log-probability is minus infinity


def likelihoods_in(choice: Mapping[str, Any], answer: str) -> list[Likelihood]:
    """The likelihoods of the tokens of an answer; empty if the server reports none, or what cannot be read.

    Tokens before the answer are those of reasoning, which is not a part of it.
    """
    try:
        tokens = _tokens(choice.get("logprobs"))
    except (LookupError, TypeError, ValueError, AttributeError):
        return []
    found, length = list[Likelihood](), len(answer.strip())
    for text, likelihood in reversed(tokens):
        found.append(likelihood)
        length -= len(text)
        if length <= 0 and text.strip():
            break
    return found[::-1]


def _tokens(reported: Any) -> list[tuple[str, Likelihood]]:
    """Each token with its likelihood: OpenAI's list of objects, or the three lists of older APIs."""
    if not reported:
        return []
    if content := reported.get("content"):
        return [
            (
                str(one["token"]),
                _likelihood(one["token"], one["logprob"], {top["token"]: top["logprob"] for top in _tops(one)}),
            )
            for one in content
        ]
    tokens, values = reported["tokens"], reported["token_logprobs"]
    tops = reported.get("top_logprobs") or [None] * len(tokens)
    return [
        (str(token), _likelihood(token, value, top or {}))
        for token, value, top in zip(tokens, values, tops, strict=True)
    ]


def _tops(one: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return one.get("top_logprobs") or ()


def _likelihood(token: str, value: Any, tops: Mapping[str, Any]) -> Likelihood:
    own = _number(value)
    others = [_number(other) for text, other in tops.items() if text != token]
    return Likelihood(own, own - max(others) if others else None)


def _number(value: Any) -> float:
    """A log-probability; raises ValueError for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value <= 1e-3:
        raise ValueError(f"{str(value)[:20]} is not a log-probability")
    return float(max(LEAST, value))  # an integer in JSON may be too large for a float


def not_reported(address: str, why: str) -> RemoteError:
    """The error for a server without log-probabilities, from which a specialist would know when to abstain."""
    return RemoteError(
        f"{address} does not return the log-probabilities of its answers.",
        f"goal.min_answered needs them: they show how sure an answer is. {why}",
        "use a server or a model that returns them (`logprobs`), or remove goal.min_answered.",
    )

"""How sure an answer is: signals from the log-probabilities of its tokens, by name; higher is surer."""

from collections.abc import Sequence
from dataclasses import dataclass

MEAN, LOWEST, MARGIN, RELEVANCE = "mean log-probability", "lowest log-probability", "lowest margin", "relevance"
CONFIDENCE = "confidence"
SIGNALS = {  # what each one measures, in words
    MEAN: "the mean log-probability of its tokens",
    LOWEST: "the log-probability of its least likely token",
    MARGIN: "how much likelier its tokens are than the next best ones, at the closest of them",
    RELEVANCE: "the score of the best passage",
    CONFIDENCE: "the probability of its label among all labels",
}
DIGITS = 6  # of a signal; more would only record rounding


@dataclass(frozen=True, slots=True)
class Likelihood:
    """The log-probability of a generated token, and how much higher it is than that of the best other token.

    Both in nats. The margin is negative if the token was sampled although another one is likelier, and None if it is
    unknown. `top` are the likeliest tokens there with their log-probabilities, as many as were asked for.
    """

    log_prob: float
    margin: float | None
    top: tuple[tuple[int, float], ...] = ()


def signals_of(tokens: Sequence[Likelihood]) -> dict[str, float]:
    """The signals of an answer from its tokens, the stop token included if there is one; empty without tokens."""
    if not tokens:
        return {}
    log_probs = [token.log_prob for token in tokens]
    margins = [token.margin for token in tokens if token.margin is not None]
    found = {MEAN: sum(log_probs) / len(log_probs), LOWEST: min(log_probs)}
    if len(margins) == len(tokens):
        found[MARGIN] = min(margins)
    return {name: round(value, DIGITS) for name, value in found.items()}

"""The packaged file must answer as the specialist that was scored: read the same, expect the same, say as good."""

import math
from collections.abc import Mapping, Sequence

from gradschool.records import Answer, Gate

MIN_SAME = 0.95  # batches of other shapes round differently, which may turn a tie
MAX_DROP = 0.02  # of the mean score; where that is less than one example, one example
MAX_DIVERGENCE = 0.1  # nats in the mean, for formats that keep the weights nearly as they are
SCORE_KEPT = "the score is kept"
MIN_PROBABILITY = 1e-9  # of all tokens that are not among the likeliest, so that nothing is divided by zero


def same_answers(scored: Sequence[Answer], packaged: Sequence[Answer], least: float = MIN_SAME) -> Gate:
    """Refuse a package whose answers differ from those that were scored."""
    same = sum(a.text == b.text for a, b in zip(scored, packaged, strict=True))
    share = same / len(scored) if scored else 0.0
    return Gate("the package answers as scored", share >= least, f"{same} of {len(scored)} test answers are the same")


def same_prompts(ours: Sequence[Sequence[int]], theirs: Sequence[Sequence[int]]) -> Gate:
    """Refuse a file that reads a question as other tokens than those it was tested with."""
    different = [i for i, (a, b) in enumerate(zip(ours, theirs, strict=True)) if list(a) != list(b)]
    same = len(ours) - len(different)
    evidence = f"{same} of {len(ours)} prompts are the same tokens"
    if different:
        a, b = ours[different[0]], theirs[different[0]]
        place = first_difference(a, b)
        evidence += f"; question {different[0] + 1} parts at token {place + 1}: {b[place : place + 4]}, "
        evidence += f"not {list(a[place : place + 4])}"
    return Gate("prompts are the same tokens", bool(ours) and not different, evidence)


def same_expectations(divergences: Sequence[float], most: float = MAX_DIVERGENCE) -> Gate:
    """Refuse a file that expects other words: KL divergences of the next token, in nats, one per probe."""
    mean = math.fsum(divergences) / len(divergences) if divergences else math.inf
    return Gate(
        "next tokens are as likely", mean <= most, f"they diverge by {mean:.4f} nats in the mean, at most {most:g} may"
    )


def still_ends(before: Sequence[Answer], after: Sequence[Answer], least: float = MIN_SAME) -> Gate:
    """Refuse a file whose answers run on where the specialist's ended by themselves."""
    ended = [b for a, b in zip(before, after, strict=True) if a.stop == "stop"]
    still = sum(answer.stop == "stop" for answer in ended)
    held = still >= least * len(ended)
    return Gate("answers still end by themselves", held, f"{still} of {len(ended)} that ended before do")


def score_kept(before: Sequence[float], after: Sequence[float], most: float = MAX_DROP) -> Gate:
    """Refuse a file that scores worse on the same questions, by more than `most` in the mean or one example."""
    drop = math.fsum(a - b for a, b in zip(before, after, strict=True)) / len(before) if before else math.inf
    allowed = max(most, 1 / len(before)) if before else most
    evidence = f"the mean score changes by {0.0 - drop:+.3f}, by {-allowed:+.3f} it may"
    return Gate(SCORE_KEPT, drop <= allowed + 1e-9, evidence)


def divergence(ours: Mapping[int, float], theirs: Mapping[int, float]) -> float:
    """The Kullback-Leibler divergence of two next-token distributions, in nats, from their likeliest tokens.

    Both map tokens to log probabilities. Tokens that only ours names are taken as likely as they can be at most: as
    the least likely that theirs names, or all that theirs leaves. All other tokens count as one. Infinite where
    nothing is known.
    """
    if not ours or not theirs:
        return math.inf
    untold = max(MIN_PROBABILITY, 1 - math.fsum(math.exp(q) for q in theirs.values()))
    floor = min(math.log(untold), *theirs.values())
    pairs = [(p, theirs.get(token, floor)) for token, p in ours.items()]
    told = math.fsum(math.exp(p) * (p - q) for p, q in pairs)
    rest_p = max(MIN_PROBABILITY, 1 - math.fsum(math.exp(p) for p, _ in pairs))
    rest_q = max(MIN_PROBABILITY, 1 - math.fsum(math.exp(q) for _, q in pairs))
    return max(0.0, told + rest_p * math.log(rest_p / rest_q))


def first_difference(one: Sequence[object] | str, other: Sequence[object] | str) -> int:
    """The first place at which two rows differ: the shorter's length where one begins the other.

    >>> first_difference("a cat", "a car")
    4
    """
    pairs = zip(one, other, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))

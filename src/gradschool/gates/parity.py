"""Parity: a package or an export must answer as the specialist that was scored."""

import math
from collections.abc import Iterable, Mapping, Sequence

from gradschool.gates.gate import Measurements, Pair, answered, at_least, failed
from gradschool.model.prefix import common_prefix
from gradschool.records import Answer, Gate

MIN_SAME = 0.95  # batches of other shapes round differently, which can flip a near tie
MAX_DIVERGENCE = 0.1  # mean KL in nats, for formats that change the weights little
SCORE_KEPT = "the score is kept"
MIN_PROBABILITY = 1e-9  # of all unlisted tokens together, which avoids a division by zero


def same_answers(measured: Measurements) -> Gate | None:
    """Reject a package whose answers differ from those that were scored.

    Where rounding depends on the batch, scores are measured too: then the score decides, and the evidence says how many
    answers are the same.
    """
    if measured.answers is None:
        return None
    name = "the package answers as scored"
    if kept := score_kept(measured):
        return Gate(name, kept.held, kept.evidence)
    scored, packaged = measured.answers
    pairs = [(a, b) for a, b in zip(scored, packaged, strict=True) if answered(a)]
    same = sum(a.text == b.text for a, b in pairs)
    what = f" test answers are the same{failed(len(scored) - len(pairs))}"
    return at_least(name, same, len(pairs), MIN_SAME, what)


def same_abstentions(measured: Measurements) -> Gate | None:
    """Reject a package that answers other questions than those that were scored as answered."""
    if measured.given is None:
        return None
    scored, packaged = measured.given
    same = sum(a == b for a, b in zip(scored, packaged, strict=True))
    what = " questions are answered, or not, as before"
    return at_least("the package abstains as scored", same, len(scored), MIN_SAME, what)


def same_prompts(measured: Measurements) -> Gate | None:
    """Reject a file that tokenizes a question differently than the specialist it was made from."""
    if measured.prompts is None:
        return None
    pairs = [(list(a), list(b)) for a, b in zip(*measured.prompts, strict=True)]
    different = [(number, a, b) for number, (a, b) in enumerate(pairs, 1) if a != b]
    evidence = f"{len(pairs) - len(different)} of {len(pairs)} prompts are the same tokens"
    if different:
        number, a, b = different[0]
        place = common_prefix([a, b])
        evidence += f"; question {number} differs at token {place + 1}: {b[place : place + 4]}, "
        evidence += f"not {a[place : place + 4]}"
    return Gate("prompts are the same tokens", bool(pairs) and not different, evidence)


def same_expectations(measured: Measurements) -> Gate | None:
    """Reject a file that predicts other next tokens."""
    if measured.divergences is None:
        return None
    each = measured.divergences
    mean = math.fsum(each) / len(each) if each else math.inf
    evidence = f"mean KL {mean:.4f} nats (limit {MAX_DIVERGENCE:g})"
    return Gate("next tokens are as likely", mean <= MAX_DIVERGENCE, evidence)


def still_stop(measured: Measurements) -> Gate | None:
    """Reject a file whose answers run on although the specialist's stopped."""
    if measured.answers is None:
        return None
    stopped = [b for a, b in zip(*measured.answers, strict=True) if a.stop == "stop"]
    still = sum(answer.stop == "stop" for answer in stopped)
    evidence = f"{still} of {len(stopped)} that stopped before (at least {100 * MIN_SAME:g} %)"
    return Gate("answers still stop", still >= MIN_SAME * len(stopped), evidence)


def score_kept(measured: Measurements) -> Gate | None:
    """Reject a file whose mean score on the same questions is lower by more than `max_drop`, or by one example."""
    if measured.scores is None:
        return None
    before, after = measured.scores
    drop = math.fsum(a - b for a, b in zip(before, after, strict=True)) / len(before) if before else math.inf
    limit = max(measured.max_drop, 1 / len(before)) if before else measured.max_drop
    evidence = f"the mean score changes by {0.0 - drop:+.3f} (limit {-limit:+.3f})"
    if measured.answers is not None:
        evidence += f"; {_identical(measured.answers)} of {len(before)} answers are the same"
    return Gate(SCORE_KEPT, drop <= limit + 1e-9, evidence)


def _identical(answers: Pair[Sequence[Answer]]) -> int:
    return sum(a.text == b.text for a, b in zip(*answers, strict=True))


def divergence(ours: Mapping[int, float], theirs: Mapping[int, float]) -> float:
    """The Kullback-Leibler divergence of two next-token distributions, in nats, from their most likely tokens.

    Both map tokens to log-probabilities. A token that only `ours` lists gets the highest probability that it can have
    in `theirs`: that of the least likely listed token, or all that is left if that is less. All tokens that `ours` does
    not list count as one. Infinite if one of them is empty.
    """
    if not ours or not theirs:
        return math.inf
    lowest = min(math.log(_unlisted(theirs.values())), *theirs.values())
    pairs = [(p, theirs.get(token, lowest)) for token, p in ours.items()]
    listed = math.fsum(math.exp(p) * (p - q) for p, q in pairs)
    rest_p, rest_q = (_unlisted(column) for column in zip(*pairs, strict=True))
    return max(0.0, listed + rest_p * math.log(rest_p / rest_q))


def _unlisted(log_probs: Iterable[float]) -> float:
    """The probability that listed tokens leave to all others."""
    return max(MIN_PROBABILITY, 1 - math.fsum(math.exp(log_prob) for log_prob in log_probs))

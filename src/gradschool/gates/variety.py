"""Whether answers differ: a specialist that says nearly the same to all questions has not learned the task."""

from collections import Counter
from collections.abc import Sequence

from gradschool.data.normalize import WORD, normalize
from gradschool.gates.gate import Measurements, answered, failed
from gradschool.records import Gate

SAME_WORDS = 0.9  # fraction of common words (Jaccard) from which two texts are nearly the same
MAX_SAME = 0.9  # fraction of answers that may be nearly the same, if ideal answers differ
CLIP = 60  # characters of an answer that are shown


def answers_differ(measured: Measurements) -> Gate | None:
    """Reject a specialist whose answers are nearly all the same, although the ideal answers to its questions differ.

    If many ideal answers are the same, more answers may be: up to half-way between their fraction and all. Few answers
    can be the same by chance, so one ideal answer more is counted as the same.
    """
    if measured.with_ideals is None:
        return None
    pairs = [(answer.text, ideal) for answer, ideal in zip(*measured.with_ideals, strict=True) if answered(answer)]
    if not pairs:
        return None
    answers, ideals = zip(*pairs, strict=True)
    (same, text), (right, _) = nearly_same(answers), nearly_same(ideals)
    expected = min(1.0, (right + 1) / len(pairs))
    limit = max(MAX_SAME, (1 + expected) / 2)
    shown = " ".join(text.split())
    shown = shown if len(shown) <= CLIP else f"{shown[:CLIP].rstrip()}…"
    said = f"{same} of {len(pairs)} validation answers are nearly the same"
    evidence = f"{said}, “{shown}” (ideal answers: {right})"
    return Gate(
        "answers differ", same <= limit * len(pairs), evidence + failed(len(measured.with_ideals[0]) - len(pairs))
    )


def nearly_same(texts: Sequence[str]) -> tuple[int, str]:
    """The text that most texts are nearly the same as, and how many these are, itself included."""
    words = [frozenset(WORD.findall(normalize(text))) for text in texts]
    counts = Counter(words)
    totals = {one: sum(count for other, count in counts.items() if _common(one, other) >= SAME_WORDS) for one in counts}
    most = max(totals, key=lambda one: totals[one])
    return totals[most], texts[words.index(most)]


def _common(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one or other else 1.0

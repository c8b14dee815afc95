"""Copies among passages: equal ones are searched once, and near ones do not crowd a result."""

from collections.abc import Iterable, Sequence

from gradschool.data.normalize import compose, words
from gradschool.records import Passage

LONG = 12  # words from which equal texts are copies whatever their headings; "Daily 9 to 17" may be two facts
ALIKE = 0.9  # Jaccard similarity of the words of near copies, whose numbers are equal


def originals(passages: Sequence[Passage]) -> list[int]:
    """The first passage with the heading and the text of each passage, as its position; its own if it is not a copy."""
    first: dict[tuple[str, str], int] = {}
    return [
        first.setdefault((_plain(passage.heading), _plain(passage.text)), number)
        for number, passage in enumerate(passages)
    ]


def spread(ranked: Iterable[tuple[Passage, float]]) -> list[tuple[Passage, float]]:
    """Ranked passages, in which near copies of better ones come last, and repetitions of a longer text are left out."""
    taken: list[tuple[Passage, float]] = []
    copies: list[tuple[Passage, float]] = []
    texts: set[str] = set()
    known: list[tuple[set[str], set[str]]] = []
    for passage, score in ranked:
        text = _plain(passage.text)
        if text in texts and len(words(text)) >= LONG:
            continue
        texts.add(text)
        own = set(words(f"{passage.heading} {text}"))
        numbers = {word for word in own if any(map(str.isdigit, word))}
        if any(numbers == others and _alike(own, other) for other, others in known):
            copies.append((passage, score))
        else:
            taken.append((passage, score))
            known.append((own, numbers))
    return [*taken, *copies]


def _alike(one: set[str], other: set[str]) -> bool:
    return len(one & other) >= ALIKE * len(one | other)


def _plain(text: str) -> str:
    return " ".join(compose(text).casefold().split())

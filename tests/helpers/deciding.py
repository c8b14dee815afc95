"""Decide who the agent of some dialogues is."""

from collections.abc import Iterable, Sequence

from gradschool.prepare.agents import Agents, Census, decided
from gradschool.prepare.dialogue import Dialogue


def agents_of(dialogues: Iterable[Dialogue], named: Sequence[str]) -> Agents:
    """The agents of dialogues, given the names that the user states."""
    census = Census()
    for dialogue in dialogues:
        census.add(dialogue)
    return decided(census, named)

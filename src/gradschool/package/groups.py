"""The groups of a packaged specialist's examples, without their names: those are often of patients or customers.

Only which examples share a group matters, to the bounds of a score.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from gradschool.records import Example, Scored

Row = TypeVar("Row", Example, Scored)


@dataclass
class GroupNumbers:
    """Gives each group a number, in the order in which they come; an example that is its own group keeps its id."""

    known: dict[str, str] = field(default_factory=dict)

    def of(self, rows: Iterable[Row]) -> list[Row]:
        """The rows with numbers in place of the names of their groups."""
        return [row if row.group == row.id else replace(row, group=self._number(row.group)) for row in rows]

    def _number(self, name: str) -> str:
        return self.known.setdefault(name, f"group {len(self.known) + 1}")


def numbered(test: Sequence[Example], *answered: Sequence[Scored]) -> tuple[list[Example], tuple[list[Scored], ...]]:
    """Test examples, and what was answered to them, with numbers in place of the names of their groups."""
    numbers = GroupNumbers()
    return numbers.of(test), tuple(numbers.of(rows) for rows in answered)

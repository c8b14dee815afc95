"""Columns of ticks: if some rows of a file have a tick in `train`, the rows without one are not meant."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gradschool.data.assessment_names import name_of, word_of
from gradschool.data.assessment_words import GOOD_IF_TRUE, TICKS, TRUE, USES


@dataclass(frozen=True, slots=True)
class Cells:
    """The columns of one row that may hold ticks: those with a value, and those without."""

    filled: frozenset[str]
    empty: frozenset[str]


NO_CELLS = Cells(frozenset(), frozenset())  # of most rows


@dataclass(slots=True)
class Ticks:
    """The columns of a file with ticks.

    In `ticked`, rows have a tick such as "x"; in `used`, they have another word for yes, and the column says whether a
    row is used.
    """

    ticked: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)

    def add(self, row: Mapping[str, Any]) -> Cells:
        """Note the ticks of a row; returns its cells."""
        cells = {key: _word(value) for key, value in row.items() if name_of(key) in GOOD_IF_TRUE}
        if not cells:
            return NO_CELLS
        self.ticked |= {key for key, word in cells.items() if word in TICKS}
        self.used |= {key for key, word in cells.items() if word in TRUE and name_of(key) in USES}
        filled = frozenset(key for key, word in cells.items() if word)
        return Cells(filled, frozenset(cells) - filled)

    def missing(self, cells: Cells) -> str:
        """What a row without a tick lacks, in words; empty if nothing is missing. Needs the ticks of all rows."""
        lacks = sorted(self.ticked - cells.filled) or sorted(self.used & cells.empty)
        return f"`{lacks[0]}` is empty, and other rows are marked there: not to be trained on" if lacks else ""


def _word(value: Any) -> str:
    return word_of(value if isinstance(value, str) else "" if value is None else str(value)).strip()

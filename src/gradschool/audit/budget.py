"""How much an audit may compute: counted in tokens, so that its result does not depend on how busy a machine is.

A part takes its cases in small batches, in a drawn order, until its share of the budget is used up. What is left out
is counted: a gate with too few cases says that it is not measured.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
WRITTEN = 3  # what a written token costs, in tokens that are read: few rows are written at once (measured: 2 to 6)


class Budget:
    """What an audit may still compute, in tokens that it reads; without a number, everything.

    `spent` is what was computed. `repeated` are the batches of an earlier audit that this one must take too, so that
    both can be compared; `batches_of` are those that it took, by what they measure. `left_out` is that for which there
    was too little time.
    """

    def __init__(self, tokens: float | None = None, repeated: dict[str, int] | None = None) -> None:
        self.tokens, self.spent = tokens, 0.0
        self._part_end = self._until = float("inf") if tokens is None else tokens
        self.repeated, self.batches_of = repeated or {}, dict[str, int]()
        self.left_out: list[str] = []

    @property
    def limited(self) -> bool:
        """Whether not everything may be computed: then what a bound has already decided is not measured further."""
        return self.tokens is not None

    @property
    def left(self) -> float:
        """What may still be computed."""
        return float("inf") if self.tokens is None else self.tokens - self.spent

    def begin_part(self, fraction: float) -> None:
        """Allow the part that comes next a fraction of what is left."""
        self._part_end = self._until = self.spent + fraction * max(0.0, self.left)

    def share(self, fraction: float) -> None:
        """Allow what comes next a fraction of what is left of its part."""
        self._until = self.spent + fraction * max(0.0, self._part_end - self.spent)

    def batches(
        self, what: str, cases: Sequence[T], size: int, decided: Callable[[], bool] = bool
    ) -> Iterator[list[T]]:
        """The cases in batches, in a drawn order, as long as another one is likely to fit, and nothing is decided.

        All of them in one batch, in their order, if everything may be computed.
        """
        if not self.limited:
            yield list(cases)
            return
        drawn = random.Random(0).sample(list(cases), len(cases))
        cost = 0.0
        for number, start in enumerate(range(0, len(drawn), size)):
            if decided():
                return
            if self.spent + max(cost, 1.0) > self._until and number >= self.repeated.get(what, 0):
                self.left_out.append(what)
                return
            before = self.spent
            yield drawn[start : start + size]
            cost = self.spent - before
            self.batches_of[what] = number + 1

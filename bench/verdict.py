"""How often climbs pass falsely, how often good specialists pass, and what trivial answers score, by simulation.

    python -m bench.verdict [PART ...]

Each row is 10,000 simulated climbs of four rungs, with the bounds, the error budget and the early end of a look as they
are in gradschool. Answers of the rungs are correlated, as they are to the same questions. In the rows of false passes
the true score of every rung is the pass mark, which is the hardest case. Rows that are named "unprotected" leave out
what gradschool does against the error, so that they show that the simulation detects it. Writes
bench/results/verdict.json.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from bench.cheats import cheats
from bench.usage import documented
from gradschool.data.power import best_cap
from gradschool.data.proof import VALIDATION_LEVEL, Looks, look_level, part_of_later_climb
from gradschool.environment import environment
from gradschool.files import read_json, write_json
from gradschool.records import Verdict
from gradschool.score.certain import ask_until, certain, decide_by
from gradschool.score.dirichlet import chance_at_most

RESULT = Path(__file__).parent / "results" / "verdict.json"
CLIMBS, RUNGS, BUDGET, MARK = 10_000, 4, 0.05, 0.8
VALIDATION = 0.4  # validation examples for each test example
AGAIN, REPAIRED = 10, 0.2  # climbs on one test set; fraction of the answers that change from one to the next
Vector: TypeAlias = NDArray[np.float64]
Random: TypeAlias = np.random.Generator


@dataclass(frozen=True, slots=True)
class Test:
    """One rung's test: the sum of the scores and the size of each group, and the upper bound on validation."""

    sums: Vector
    sizes: Vector
    highest: float = 1.0


Draw: TypeAlias = Callable[[Random], list[Test]]  # the tests of a climb's rungs


@functools.cache
def _chance(mean: float, clusters: tuple[tuple[float, float], ...], extra: float) -> float:
    sums, sizes = np.array(clusters).T
    return chance_at_most(mean, sums, sizes, extra)


def chance(mean: float, sums: Vector, sizes: Vector) -> float:
    """The chance that decides whether the lower bound is above a mean; cached for right-or-wrong answers, and pairs."""
    extra = float(sizes.max())
    if (sizes == 1).all() and np.isin(sums, (0, 0.5, 1)).all():
        return _chance(mean, tuple(sorted(zip(sums.tolist(), sizes.tolist(), strict=True))), extra)
    return chance_at_most(mean, sums, sizes, extra)


def passes(tests: Sequence[Test], mark: float, budget: float = BUDGET, even: bool = False) -> tuple[bool, float]:
    """Whether a climb passes a rung, and what it spends; with `even`, each rung has a fixed part of the budget."""
    looks = Looks(budget, len(tests))
    for test in tests:
        level = look_level(budget, len(tests)) if even else looks.level
        taken = even or test.highest >= mark
        looks = looks.after(taken)
        if taken and chance(mark, test.sums, test.sizes) <= 1 - level:
            return True, budget - looks.budget
    return False, budget - looks.budget


def highest_of(random: Random, truth: float, number: int) -> float:
    """The upper bound on validation, for right-or-wrong answers."""
    right = int(random.binomial(number, truth))
    return _highest(right, number)


@functools.cache
def _highest(right: int, number: int) -> float:
    return 1.0 if right == number else float(beta.ppf(VALIDATION_LEVEL, right + 1, number - right))


def independent(truths: Sequence[float], number: int, graded: bool = False) -> Draw:
    """Tests of independent questions whose difficulty is the same for all rungs, for every other answer."""

    def draw(random: Random) -> list[Test]:
        hardness, tests = random.random(number), []
        for truth in truths:
            luck = np.where(random.random(number) < 0.5, hardness, random.random(number))
            values = luck ** (1 / truth - 1) if graded else (luck < truth).astype(float)  # both have the mean `truth`
            highest = 1.0 if graded else highest_of(random, truth, round(VALIDATION * number))
            tests.append(Test(values, np.ones(number), highest))
        return tests

    return draw


def paired(truth: float, other: float, number: int) -> Draw:
    """Differences between a rung and other answers to the same questions, as values from 0 to 1.

    About half of the pairs are right or wrong by the same chance.
    """

    def draw(random: Random) -> list[Test]:
        hardness, tests = random.random(number), []
        theirs = np.where(random.random(number) < 0.7, hardness, random.random(number)) < other
        for _ in range(RUNGS):
            mine = np.where(random.random(number) < 0.7, hardness, random.random(number)) < truth
            tests.append(Test((mine.astype(float) - theirs + 1) / 2, np.ones(number)))
        return tests

    return draw


def grouped(
    sizes_of: Callable[[Random], Vector], cap: bool = False, ignored: bool = False, unlinked: float = 0
) -> Draw:
    """Tests in groups with a score of their own each, whose mean is the pass mark.

    With `cap`, only some examples of each group are tested; with `ignored`, the groups are not known to the bounds.
    Of the fraction `unlinked` of the groups, one example is taken for a group of its own.
    """

    def draw(random: Random) -> list[Test]:
        sizes, tests = sizes_of(random), []
        if cap and (most := best_cap([int(size) for size in sizes], MARK, look_level(BUDGET, RUNGS))):
            sizes = np.minimum(sizes, most)
        apart = (random.random(len(sizes)) < unlinked) & (sizes > 1) if unlinked else np.zeros(len(sizes), dtype=bool)
        of = np.concatenate((np.arange(len(sizes)), np.flatnonzero(apart)))
        sizes = np.concatenate((sizes - apart, np.ones(apart.sum())))
        for _ in range(RUNGS):
            rights = random.binomial(sizes.astype(int), random.beta(0.8, 0.2, of.max() + 1)[of]).astype(float)
            if ignored:
                pairs = zip(rights.astype(int), sizes.astype(int), strict=True)
                rights = np.concatenate([np.repeat([1.0, 0.0], [right, size - right]) for right, size in pairs])
            tests.append(Test(rights, np.ones(len(rights)) if ignored else sizes))
        return tests

    return draw


def unequal(number: int) -> Callable[[Random], Vector]:
    """Sizes of groups of which a few hold most of the examples."""
    return lambda random: np.clip(np.ceil(random.pareto(1.1, number)), 1, 40)


def false_passes(draw: Draw, mark: float = MARK, climbs: int = CLIMBS) -> dict[str, float]:
    """How often climbs pass, and how often one of their bounds misses, if every true score is the pass mark."""
    random, counts = np.random.default_rng(1), np.zeros(3)
    for _ in range(climbs):
        looks, passed, low_missed, high_missed = Looks(BUDGET, RUNGS), False, False, False
        for test in draw(random):
            error, taken = 1 - looks.level, test.highest >= mark
            looks = looks.after(taken)
            low = chance(mark, test.sums, test.sizes) < error
            passed |= low and taken
            low_missed |= low
            high_missed |= chance(1 - mark, test.sizes - test.sums, test.sizes) < error
        counts += passed, low_missed, high_missed
    names = ("false passes", "lower bounds miss", "upper bounds miss")
    return dict(zip(names, (counts / climbs).tolist(), strict=True))


def climbed_again(ledger: bool, chosen: bool = False, fresh: bool = False, number: int = 110) -> float:
    """How often one of ten climbs on one test set passes falsely, with small repairs between them.

    With `ledger`, climbs share an error budget. With `chosen`, a repair is kept only if the test score rose. With
    `fresh`, each climb has new test examples, and the fraction is that of single climbs.
    """
    random, passed = np.random.default_rng(2), 0
    for _ in range(CLIMBS // 10 if fresh else CLIMBS):
        values, spent = (random.random(number) < MARK).astype(float), 0.0
        for climb in range(AGAIN):
            if climb:
                new = np.where(random.random(number) < REPAIRED, random.random(number) < MARK, values).astype(float)
                values = new if not chosen or new.sum() >= values.sum() else values
            if fresh:
                values = (random.random(number) < MARK).astype(float)
            budget = BUDGET * part_of_later_climb(spent / BUDGET) if ledger and not fresh else BUDGET
            good, used = passes([Test(values, np.ones(number))], MARK + 1e-9, budget)
            spent += used
            passed += good
            if good and not fresh:
                break
    return passed / CLIMBS


def power(number: int) -> dict[str, float]:
    """How often a specialist of .92 passes a mark of .8 after three hopeless rungs, by the old and the present rule."""
    draw, result = independent((0.1, 0.3, 0.5, 0.92), number), {}
    for name, even in (("even budget", True), ("budget where it can be won", False)):
        random = np.random.default_rng(3)
        result[name] = sum(passes(draw(random), MARK, even=even)[0] for _ in range(CLIMBS)) / CLIMBS
    return result


def stopped(truth: float, number: int = 110, climbs: int = 1000) -> dict[str, float]:
    """The mean fraction of questions that are asked, and how often the verdict is another one than that of all."""
    random, asked, changed = np.random.default_rng(4), 0, 0
    known = functools.cache(decide_by([str(place) for place in range(number)], MARK, look_level(BUDGET, RUNGS)))

    def decide(values: Sequence[float]) -> Verdict:
        return known(tuple(sorted(values)))

    for _ in range(climbs):
        values = (random.random(number) < truth).astype(float).tolist()
        end = 0
        while (more := ask_until(decide, values[:end], number)) > end:
            end = more
        asked += end
        changed += certain(decide, values[:end], number) not in (None, decide(values))
    return {"asked": asked / climbs / number, "other verdicts": changed / climbs}


def worlds() -> dict[str, Draw]:
    """Data on which every pass is false."""
    same = (MARK,) * RUNGS
    return {
        "independent, right or wrong": independent(same, 110),
        "independent, graded": independent(same, 110, graded=True),
        "30 groups of 4": grouped(lambda random: np.full(30, 4.0)),
        "30 unequal groups": grouped(unequal(30)),
        "30 unequal groups, capped": grouped(unequal(30), cap=True),
        "34 near-duplicates of 3 each": grouped(lambda random: np.full(34, 3.0)),
        "unprotected: near-duplicates count as independent": grouped(lambda random: np.full(34, 3.0), ignored=True),
        "unprotected: unequal groups are not known": grouped(unequal(30), ignored=True),
    }


def further() -> dict[str, tuple[Draw, float]]:
    """More data on which every pass is false, each with its true mean: missed links, and differences in pairs."""
    return {
        "34 near-duplicates of 3 each, one of a tenth of them missed": (
            grouped(lambda random: np.full(34, 3.0), unlinked=0.1),
            MARK,
        ),
        "in pairs: a margin of 0.05 worse than the incumbent": (paired(MARK - 0.05, MARK, 110), (1 - 0.05) / 2),
        "in pairs: as good as a floor": (paired(MARK, MARK, 110), 0.5),
    }


def again() -> dict[str, float]:
    """How often one of ten climbs passes falsely."""
    return {
        "ten climbs, repairs without regard to the test": climbed_again(ledger=True),
        "ten climbs, repairs kept if the test score rose": climbed_again(ledger=True, chosen=True),
        "unprotected: no ledger, repairs without regard to the test": climbed_again(ledger=False),
        "unprotected: no ledger, repairs kept if the test score rose": climbed_again(ledger=False, chosen=True),
        "each of ten climbs on fresh test examples": climbed_again(ledger=True, fresh=True),
    }


PARTS: dict[str, Callable[[], Any]] = {
    "false passes": lambda: {name: false_passes(draw) for name, draw in worlds().items()},
    "further false passes": lambda: {name: false_passes(draw, mean) for name, (draw, mean) in further().items()},
    "climbed again": again,
    "power": lambda: {str(number): power(number) for number in (30, 60, 110, 300)},
    "stopped": lambda: {str(truth): stopped(truth) for truth in (0.3, 0.6, 0.8, 0.92, 0.99)},
    "cheats": lambda: cheats(Path(__file__).parents[1] / "examples"),
}


def main(parts: Sequence[str]) -> None:
    """Simulate and write the results; those of other parts are kept."""
    result: dict[str, Any] = {"command": "python -m bench.verdict", "climbs": CLIMBS, "budget": BUDGET, "mark": MARK}
    kept = read_json(RESULT) if RESULT.exists() else {}
    for name, make in PARTS.items():
        result[name] = make() if name in parts else kept.get(name)
        print(name, result[name], flush=True)
    write_json(RESULT, result | {"environment": asdict(environment())})


if __name__ == "__main__":
    parser = documented(__doc__)
    parser.add_argument("part", nargs="*", metavar="PART", help=f"default: all of {', '.join(PARTS)}")
    chosen = parser.parse_args().part
    if unknown := set(chosen) - set(PARTS):
        parser.error(f"unknown parts: {', '.join(sorted(unknown))}")
    main(chosen or list(PARTS))

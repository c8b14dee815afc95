"""What a rung is: its inputs, the candidate it makes, and the choice among recipes on validation."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TypeAlias

from gradschool.data.proof import VALIDATION_LEVEL
from gradschool.evaluate import Measure, evaluate
from gradschool.files import sha256_of
from gradschool.gates.gate import Measurements
from gradschool.gates.run import ANSWER_GATES, run_gates
from gradschool.job import Job
from gradschool.model.engine import Engine
from gradschool.records import Abstention, Constraint, Decoding, Example, Gate, Note, Scored, Work
from gradschool.run import Run
from gradschool.run_keys import Key
from gradschool.score.calibration import Calibration, calibration_of
from gradschool.score.causes import Causes
from gradschool.score.judge import mean
from gradschool.score.stats import bounds
from gradschool.settings import Settings
from gradschool.specialist import Recipe, Specialist, specialist_of


@dataclass(frozen=True, slots=True)
class RungInputs:
    """What a rung may read: the run with its settings, train and validation examples, but no test examples."""

    run: Run
    train: Sequence[Example]
    validation: Sequence[Example]
    measure: Measure
    decoding: Decoding | None = None  # of trained bases; default: that of the best specialist so far
    near: Sequence[Sequence[str]] = ()  # clusters of ids of near-duplicates
    constraint: Constraint | None = None  # that answers may be tried with
    writer: Engine | None = None  # rewrites instructions

    @property
    def settings(self) -> Settings:
        """The job's settings."""
        return self.run.job.settings


@dataclass(frozen=True, slots=True)
class Candidate:
    """The result of a rung: the best recipe it found and the mean score of that recipe on validation."""

    recipe: Recipe
    validation: float
    tried: tuple[tuple[str, float], ...] = ()  # each alternative with its score or loss, for the report
    gates: tuple[Gate, ...] = ()
    seconds: float = 0.0  # to make it, without the test
    tokens_trained: int = 0
    advice: tuple[str, ...] = ()  # remedies that the rung measured
    abstention: Abstention | None = None  # when it abstains, if the job allows that
    calibration: Calibration | None = None  # on validation, if it compares labels
    causes: Causes | None = None  # of its citations on validation, if it cites passages
    highest: float = 1.0  # upper bound of the score on validation, with VALIDATION_LEVEL confidence; 1 in older runs

    @property
    def sound(self) -> bool:
        """Whether it passed all gates."""
        return all(gate.held for gate in self.gates)


@dataclass(frozen=True, slots=True)
class Rung:
    """One rung of the ladder.

    `make` takes the best specialist so far and returns a candidate. `reason_to_skip` returns why the rung cannot run
    for a job and a base, or an empty string. `summary` says in a few words what the rung does, for the report.
    """

    name: str
    make: Callable[[Specialist, RungInputs], Work[Candidate]]
    reason_to_skip: Callable[[Job, Engine], str]
    summary: str
    trains: bool = False  # on the train examples
    adds_facts: bool = False  # helps only where answers need facts


# The fields of a recipe when its hash was defined.
ALWAYS_HASHED = frozenset(
    ("instructions", "shots", "nearest", "examples", "passages", "index", "adapter", "weights", "decoding", "task_only")
)
Tried: TypeAlias = tuple[Recipe, list[Scored]]


def candidate_key(rung: str) -> Key[Candidate]:
    """The key of a rung's candidate in a run."""
    return Key(rung, Candidate)


def try_all(best: Specialist, recipes: Iterable[Recipe], inputs: RungInputs, rung: str) -> Work[list[Tried]]:
    """Score each recipe on validation, in the order given."""
    tried: list[Tried] = []
    for recipe in recipes:
        rows = yield from on_validation(best.engine, recipe, inputs, rung)
        yield Note(f"{rung}: {recipe.describe()} scores {mean(rows):.3f} on validation.")
        tried.append((recipe, rows))
    return tried


def on_validation(engine: Engine, recipe: Recipe, inputs: RungInputs, rung: str) -> Work[list[Scored]]:
    """The scored answers of a recipe to the validation questions; the run keeps them, and none is asked twice."""
    what, answers = f"{rung}: trying {recipe.describe()}", validation_answers(recipe, inputs, rung)
    return (yield from evaluate(specialist_of(engine, recipe), inputs.validation, inputs.measure, answers, what))


def validation_answers(recipe: Recipe, inputs: RungInputs, rung: str) -> Path:
    """The file of the run for the answers of a recipe to validation questions."""
    return inputs.run.answers(f"{rung}-validation-{recipe_hash(recipe)[:12]}")


def with_constraint(recipe: Recipe, constraint: Constraint | None) -> Recipe:
    """The same recipe with answers that are constrained so; None leaves them free."""
    return replace(recipe, decoding=replace(recipe.decoding, constraint=constraint))


def free_and_constrained(recipes: Iterable[Recipe], inputs: RungInputs) -> Iterator[Recipe]:
    """Each recipe with free answers and, if the job's answers allow it, with constrained ones."""
    for recipe in recipes:
        for constraint in dict.fromkeys((None, inputs.constraint)):
            yield with_constraint(recipe, constraint)


def best_of(tried: Sequence[Tried]) -> Tried:
    """The recipe with the best mean score; of equals the first, which is the simplest."""
    return max(tried, key=lambda pair: mean(pair[1]))


def made(
    recipe: Recipe,
    rows: Sequence[Scored],
    began: float,
    tried: Sequence[tuple[str, float]] = (),
    gates: Sequence[Gate] = (),
) -> Candidate:
    """A candidate with its scores on validation and the gates of its answers; `began` is when the rung began to work.

    `rows` are its validation answers, `tried` and `gates` those of the rung.
    """
    return Candidate(
        recipe=recipe,
        validation=mean(rows),
        tried=tuple(tried),
        gates=(*gates, *answer_gates(rows)),
        seconds=time.monotonic() - began,
        calibration=calibration_of(rows),
        highest=highest(rows),
    )


def answer_gates(rows: Sequence[Scored]) -> tuple[Gate, ...]:
    """The gates of a candidate's validation answers."""
    said = Measurements(with_ideals=([row.answer for row in rows], [row.ideal for row in rows]))
    return run_gates(ANSWER_GATES, said)


def highest(rows: Sequence[Scored]) -> float:
    """The upper bound of the mean score of rows on validation.

    The best of several recipes scores a little too well there, which makes the bound too high rather than too low.
    """
    return bounds([row.value for row in rows], [row.group for row in rows], VALIDATION_LEVEL).high


def scores_of(tried: Sequence[Tried]) -> tuple[tuple[str, float], ...]:
    """Each recipe in a few words with its mean score, for the report."""
    return tuple((recipe.describe(), mean(rows)) for recipe, rows in tried)


def recipe_hash(recipe: Recipe) -> str:
    """A hash of a recipe, under which its answers are saved: a resumed climb reuses them, a changed recipe does not.

    Old runs are resumed too, so the hashed names must not change, and a field that they lack is hashed only if it has
    another value than its default.
    """
    plain = type(recipe)()
    facts = {
        name: getattr(recipe, name)
        for name in (part.name for part in fields(recipe))
        if name in ALWAYS_HASHED or getattr(recipe, name) != getattr(plain, name)
    }
    facts["brief"] = facts.pop("task_only")  # its name in old runs
    if recipe.decoding.constraint:
        facts["constraint"] = recipe.decoding.constraint.facts
    return sha256_of(facts | {"examples": [e.id for e in recipe.examples], "decoding": repr(recipe.decoding)})

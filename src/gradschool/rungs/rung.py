"""What all rungs share: what they work with, what they make, and how they choose among candidates."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from gradschool.evaluate import Measure, evaluate, mean
from gradschool.files import sha256_of
from gradschool.job import Job
from gradschool.model.engine import Engine
from gradschool.records import Example, Gate, Note, Scored, Work
from gradschool.run import Run
from gradschool.settings import Settings
from gradschool.specialist import Recipe, Specialist, specialist_of


@dataclass(frozen=True, slots=True)
class RungInputs:
    """What a rung may look at: the settings, train and validation examples. Test examples are not among it."""

    run: Run
    train: Sequence[Example]
    validation: Sequence[Example]
    measure: Measure

    @property
    def settings(self) -> Settings:
        """The job's settings."""
        return self.run.job.settings


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a rung made: the best recipe it found, its mean score on validation, and all that it tried."""

    recipe: Recipe
    validation: float
    tried: tuple[tuple[str, float], ...] = ()
    gates: tuple[Gate, ...] = ()
    seconds: float = 0.0  # to make it, without the verdict
    tokens_trained: int = 0


@dataclass(frozen=True, slots=True)
class Rung:
    """One rung: `make` finds a candidate; `reason_to_skip` says in a sentence why it cannot run here, or nothing."""

    name: str
    make: Callable[[Specialist, RungInputs], Work[Candidate]]
    reason_to_skip: Callable[[Job, Engine], str]


Tried: TypeAlias = tuple[Recipe, list[Scored]]


def try_all(best: Specialist, recipes: Iterable[Recipe], inputs: RungInputs, rung: str) -> Work[list[Tried]]:
    """Score each recipe on validation, in the order given."""
    tried: list[Tried] = []
    for recipe in recipes:
        # Answers are kept under the recipe's hash: a resumed climb asks nothing twice, a changed recipe asks anew.
        kept = inputs.run.answers(f"{rung}-validation-{sha256_of(_facts(recipe))[:12]}")
        what = f"{rung}: trying {recipe.describe()}"
        specialist = specialist_of(best.engine, recipe)
        rows = yield from evaluate(specialist, inputs.validation, inputs.measure, kept, what)
        yield Note(f"{rung}: {recipe.describe()} scores {mean(rows):.3f} on validation.")
        tried.append((recipe, rows))
    return tried


def best_of(tried: Sequence[Tried]) -> Tried:
    """The recipe with the best mean; among equals the first, which is the simplest."""
    return max(tried, key=lambda pair: mean(pair[1]))


def table(tried: Sequence[Tried]) -> tuple[tuple[str, float], ...]:
    """What was tried, for the report."""
    return tuple((recipe.describe(), mean(rows)) for recipe, rows in tried)


def _facts(recipe: Recipe) -> dict[str, object]:
    facts = {name: getattr(recipe, name) for name in Recipe.__dataclass_fields__}
    return facts | {"examples": [e.id for e in recipe.examples], "decoding": repr(recipe.decoding)}

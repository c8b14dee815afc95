"""Put a specialist to the questions, keep every answer, and score them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from gradschool.errors import DamagedError
from gradschool.files import append_line, read_lines
from gradschool.records import Answer, Example, Progress, Scored, Work
from gradschool.score.evaluate import score
from gradschool.score.metrics import Metric
from gradschool.specialist import Specialist

_answer: TypeAdapter[Answer] = TypeAdapter(Answer)


@dataclass(frozen=True, slots=True)
class Measure:
    """How answers are scored: the metric that decides, and those that are only reported."""

    decides: Metric
    also: Mapping[str, Metric]


def evaluate(
    specialist: Specialist, examples: Sequence[Example], measure: Measure, kept: Path, what: str
) -> Work[list[Scored]]:
    """Answer examples and score the answers, in the order of the examples.

    Each answer is written to `kept` as it comes; those that stand there from an earlier, interrupted call are not
    asked again.
    """
    try:
        answers = {row["id"]: _answer.validate_python(row["answer"]) for row in read_lines(kept)}
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedError(
            f"{kept} cannot be read.", str(error), "delete it; its questions are asked again."
        ) from error
    missing = [example for example in examples if example.id not in answers]
    if missing:
        yield Progress(what, len(answers), len(examples))
        for position, answer in specialist.answer([example.question for example in missing]):
            answers[missing[position].id] = answer
            append_line(kept, {"id": missing[position].id, "answer": _answer.dump_python(answer, mode="json")})
            yield Progress(what, len(answers), len(examples))
    return score(examples, [answers[example.id] for example in examples], measure.decides, measure.also)


def mean(rows: Sequence[Scored]) -> float:
    """The mean score of rows."""
    return sum(row.value for row in rows) / len(rows)

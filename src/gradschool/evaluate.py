"""Put a specialist to the questions, keep every answer, and score them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from gradschool.errors import DamagedError
from gradschool.files import append_line, read_lines
from gradschool.model.engine import Engine
from gradschool.records import Answer, Decoding, Example, Note, Progress, Scored, Work
from gradschool.score.judge import score
from gradschool.score.metrics import Metric
from gradschool.score.style import MIN_WORDS, Style
from gradschool.score.text import token_f1
from gradschool.specialist import Recipe, Specialist

STYLE_QUESTIONS = 40  # training questions that each base answers, for the metric style
STYLE_WORDS = 12  # of a message of others; shorter ones are instructions and titles
_answer: TypeAdapter[Answer] = TypeAdapter(Answer)


@dataclass(frozen=True, slots=True)
class Measure:
    """How answers are scored: the metric that decides, and those that are only reported."""

    decides: Metric
    also: Mapping[str, Metric]

    @property
    def wants_style(self) -> bool:
        """Whether a metric has to learn an author first."""
        return any(
            isinstance(metric, Style) and metric.learnt is None for metric in (self.decides, *self.also.values())
        )

    def with_style(self, style: Style) -> "Measure":
        """The same with a style that has learnt its author."""
        also = {name: style if isinstance(metric, Style) else metric for name, metric in self.also.items()}
        return Measure(style if isinstance(self.decides, Style) else self.decides, also)


def untrained(engine: Engine, instructions: str, decoding: Decoding) -> list[Specialist]:
    """The base alone, and with instructions where there are any: how it writes before it has learnt anything."""
    spoken = dict.fromkeys(("", instructions))
    return [Specialist(engine, Recipe(words, decoding=decoding)) for words in spoken]


def learn_style(measure: Measure, bases: Sequence[Specialist], train: Sequence[Example], kept: Path) -> Work[Measure]:
    """Let the metric style learn its author: against what other people write, and what the base writes without school.

    Each of `bases` (see `untrained`) answers some of the training questions; the answers are written to files beside
    `kept`.
    """
    # By the order of the split, which is drawn from contents: an even sample.
    asked = train[:STYLE_QUESTIONS]
    others = [m.content for example in train for m in example.question if m.role == "user" and not _short(m.content)]
    plain = Measure(token_f1, {})
    for number, base in enumerate(bases):
        place = kept.with_name(f"{kept.stem}-{number}{kept.suffix}")
        rows = yield from evaluate(base, asked, plain, place, "style: how the base writes")
        others += [row.answer.text for row in rows if len(row.answer.text.split()) >= MIN_WORDS]
    style = Style().learn(train, others)
    assert style.learnt is not None
    yield Note(
        f"style: {style.learnt.own_recognised:.0%} of the author's training texts are recognised, each unseen, and "
        f"{style.learnt.others_refused:.0%} of {len(others)} texts of others refused."
    )
    return measure.with_style(style)


def _short(text: str) -> bool:
    return len(text.split()) < STYLE_WORDS


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

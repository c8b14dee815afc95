"""Ask a specialist the questions of examples, save every answer, and score them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from pydantic import TypeAdapter

from gradschool.durable import sync
from gradschool.errors import UsageError
from gradschool.files import append_line, read_rows, write_lines
from gradschool.model.engine import Engine
from gradschool.model.remote import new_notes
from gradschool.records import Answer, Decoding, Example, Note, Progress, SavedAnswer, Scored, Work
from gradschool.score.judge import complete, score_each
from gradschool.score.metric import FittedMetric, FitText, Metric
from gradschool.score.metrics import find_metrics
from gradschool.score.time_limit import demand_small_fit
from gradschool.settings import Goal
from gradschool.specialist import Recipe, Specialist

Ask: TypeAlias = Callable[[Sequence[Example]], Iterable[tuple[int, Answer]]]  # yields (position, answer) in any order
_answer: TypeAdapter[Answer] = TypeAdapter(Answer)
_texts: TypeAdapter[list[FitText]] = TypeAdapter(list[FitText])


@dataclass(frozen=True, slots=True)
class Measure:
    """How answers are scored: by the metric that decides, and by extra metrics that are only reported."""

    decides: Metric
    extra: Mapping[str, Metric]

    @property
    def unfitted(self) -> list[FittedMetric]:
        """The metrics that must be fitted before anything can be scored."""
        metrics = (self.decides, *self.extra.values())
        return [metric for metric in metrics if isinstance(metric, FittedMetric) and not metric.fitted]

    def replaced(self, old: Metric, new: Metric) -> "Measure":
        """The same measure with another metric in the place of `old`."""
        extra = {name: new if metric is old else metric for name, metric in self.extra.items()}
        return Measure(new if self.decides is old else self.decides, extra)

    def score(self, examples: Sequence[Example], answers: Sequence[Answer]) -> list[Scored]:
        """Score each answer against its example, in their order."""
        return self.complete(self.score_each(examples, answers), examples)

    def score_each(self, examples: Sequence[Example], answers: Sequence[Answer]) -> list[Scored]:
        """Score each answer by itself; `complete` makes these rows what `score` returns."""
        return score_each(examples, answers, self.decides, self.extra)

    def complete(self, rows: Sequence[Scored], examples: Sequence[Example]) -> list[Scored]:
        """The same rows with the parts that need all of them together."""
        return complete(rows, examples, self.decides, self.extra)


def evaluate(
    specialist: Specialist, examples: Sequence[Example], measure: Measure, saved: Path | None, what: str
) -> Work[list[Scored]]:
    """Answer examples and score the answers, in the order of the examples; `what` names the step in progress events.

    A specialist that may abstain is scored on all answers; see `score.abstention` for those that it would give.

    Each answer is appended to the file `saved` at once. A repeated call asks only what the file does not hold yet.
    """
    answers = yield from answer_all(_asking(specialist), examples, what, saved, partial(new_notes, specialist.engine))
    return measure.score(examples, answers)


def evaluate_until(
    until: Callable[[Sequence[Scored]], int],
    specialist: Specialist,
    examples: Sequence[Example],
    measure: Measure,
    saved: Path | None,
    what: str,
) -> Work[list[Scored]]:
    """As `evaluate`, but in steps: `until` says from the rows so far how many examples the next step should reach.

    It ends if no more than have been answered.
    """
    rows: list[Scored] = []
    ask, notes = _asking(specialist), partial(new_notes, specialist.engine)
    while (end := until(rows)) > len(rows):
        answers = yield from answer_all(ask, examples[:end], what, saved, notes, len(examples))
        new = slice(len(rows), end)
        rows += measure.score_each(examples[new], answers[new])
    return measure.complete(rows, examples[: len(rows)])


def answer_all(
    ask: Ask,
    examples: Sequence[Example],
    what: str,
    saved: Path | None = None,
    notes: Callable[[], list[str]] = list,
    total: int | None = None,
) -> Work[list[Answer]]:
    """Collect the answers to examples, in the order of the examples; see `evaluate`.

    `notes` gives what the engine has found out meanwhile, for the user. Progress is out of `total`, by default all.
    Raises DamagedError if the file of saved answers cannot be read.
    """
    known, total = _read_answers(saved) if saved else {}, total or len(examples)
    answers = {example.id: known[example.id] for example in examples if example.id in known}  # it may hold others too
    missing = [example for example in examples if example.id not in answers]
    if missing:
        yield Progress(what, len(answers), total)
        for position, answer in ask(missing):
            answers[missing[position].id] = answer
            if saved:
                append_line(saved, {"id": missing[position].id, "answer": _answer.dump_python(answer, mode="json")})
            yield from (Note(note, "warning") for note in notes())
            yield Progress(what, len(answers), total)
    if saved and answers:  # what is saved about them must not outlast them
        sync(saved)
        sync(saved.parent)
    return [answers[example.id] for example in examples]


def _asking(specialist: Specialist) -> Ask:
    return lambda examples: specialist.drafts([example.question for example in examples])


def _read_answers(path: Path) -> dict[str, Answer]:
    rows = read_rows(path, SavedAnswer, "delete it; its questions are asked again.")
    return {row.id: row.answer for row in rows}


def untrained(engine: Engine, instructions: str, decoding: Decoding) -> list[Specialist]:
    """The base without instructions, and with them if there are any: the contrast that metrics are fitted against."""
    variants = dict.fromkeys(("", instructions))
    return [Specialist(engine, Recipe(text, decoding=decoding)) for text in variants]


def fit_metrics(
    measure: Measure,
    bases: Sequence[Specialist],
    train: Sequence[Example],
    others: Sequence[str],
    saved: Callable[[str], Path | None] = lambda name: None,
    file: Path | None = None,
) -> Work[Measure]:
    """Fit the metrics that need it to training examples, texts of others, and answers of `bases` (see `untrained`).

    Each base answers the first training questions; the order of a split is drawn from contents, so that these are an
    even sample. `saved` gives the file for answers by its name, if they are kept. All texts of the fit are written to
    `file`, from which `measure_of` repeats it.
    """
    texts: list[FitText] = []
    for metric in measure.unfitted:
        answers: list[Answer] = []
        for number, base in enumerate(bases):
            what = f"{metric.name}: answers of the base"
            name = saved(f"{metric.name}-{number}")
            answers += yield from answer_all(
                _asking(base), train[: metric.questions], what, name, partial(new_notes, base.engine)
            )
        own = metric.fit_texts(train, others, [answer.text for answer in answers])
        fitted = metric.fit(own)
        yield Note(f"{metric.name}: {fitted.summary()}")
        measure, texts = measure.replaced(metric, fitted), [*texts, *own]
    if texts and file:
        write_lines(file, _texts.dump_python(texts, mode="json"))
    return measure


def measure_of(goal: Goal, folder: Path, examples: Sequence[Example], file: Path) -> Measure:
    """How a run or a package is scored, with its metrics fitted again to the texts in `file` (see `fit_metrics`).

    `folder` is the job's. Raises UsageError if the texts are missing, DamagedError if they cannot be read, and the
    errors of `find_metrics`.
    """
    measure = Measure(*find_metrics(goal, folder, examples))
    if not measure.unfitted:
        return measure
    if not file.exists():
        raise UsageError(
            f"{file} does not exist, so the metric {measure.unfitted[0].name} cannot be fitted again.",
            "It holds the texts of the fit; earlier versions did not write it.",
            "delete done/package.json in the folder of the run and resume the run: both then hold the texts.",
        )
    demand_small_fit(file.stat().st_size)
    texts = read_rows(file, FitText)
    for metric in measure.unfitted:
        measure = measure.replaced(metric, metric.fit([text for text in texts if text.metric == metric.name]))
    return measure

"""The test questions of a run with the answers of all rungs next to each other."""

import math
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace

from gradschool.data.check import check
from gradschool.data.decided import job_examples
from gradschool.data.split import verify_split
from gradschool.errors import DataError, GradschoolError
from gradschool.evaluate import measure_of
from gradschool.files import read_rows
from gradschool.images.data_url import data_url
from gradschool.job import Job
from gradschool.messages import shown_content
from gradschool.package.image_files import in_package
from gradschool.package.manifest import EVIDENCE, QUESTIONS, TEST_FILE
from gradschool.records import Answer, Example, Image, Scored
from gradschool.report.facts import Facts
from gradschool.saved_job import JOB_FILE, may_read_job
from gradschool.score.time_limit import scoring_within

MAX_PICTURED, MAX_SIDE = 60, 160  # questions with their images on the page, and pixels of an image


@dataclass(frozen=True, slots=True)
class RungAnswer:
    """The answer of one rung; `value` is None if it could not be scored again, or if the question was not asked."""

    rung: str
    answer: Answer
    value: float | None
    failure: str
    parts: dict[str, float]
    asked: bool = True


@dataclass(frozen=True, slots=True)
class Question:
    """A test question with the answers of all rungs."""

    id: str
    question: str
    ideal: str
    answers: list[RungAnswer]
    incumbent: str = ""  # its answer
    images: tuple[str, ...] = ()  # as data: URLs

    @property
    def failed(self) -> bool:
        """Whether the answer of any rung is a failure."""
        return any(answer.failure for answer in self.answers)


@dataclass(frozen=True, slots=True)
class _Scores:
    """The text of each question and its ideal answer by id, and scored rows by rung and id."""

    texts: dict[str, tuple[str, str]]
    rows: dict[str, dict[str, Scored]]
    images: dict[str, tuple[Image, ...]] = field(default_factory=dict)


def questions_of(facts: Facts, most: int = MAX_PICTURED) -> tuple[list[Question], str]:
    """The test questions, failures and lowest scores of the chosen rung first, and a note.

    Answers are scored again with the job's own examples or, without the job, the test examples in the package. If that
    fails, the saved scores of the packaged rung are used, and the note says why; otherwise it is empty. Only the first
    `most` questions have their images.
    """
    note = ""
    try:
        with scoring_within():
            scores = _score_again(facts)
    except (GradschoolError, OSError) as error:
        scores = _saved_scores(facts)
        what = error.what if isinstance(error, GradschoolError) else str(error)
        shown = "Only the saved scores of the packaged rung are shown." if scores.rows else "No scores are shown."
        note = f"The answers could not be scored again: {what} {shown}"
    ids = dict.fromkeys(id_ for answers in facts.answers.values() for id_ in answers)
    questions = [_question(id_, facts, scores) for id_ in ids]
    judged = facts.chosen.rung if facts.chosen else next(reversed(facts.answers), "")
    ordered = sorted(questions, key=lambda question: _rank(question, judged))
    pictured = [replace(one, images=tuple(_pictures(scores.images.get(one.id, ())))) for one in ordered[:most]]
    return pictured + ordered[most:], note


def _pictures(images: Iterable[Image]) -> Iterator[str]:
    """Images as data: URLs; those that cannot be read any more are left out."""
    for image in images:
        with suppress(DataError):
            yield data_url(image, MAX_SIDE)


def failure_examples(questions: Iterable[Question]) -> dict[str, str]:
    """One reason for each kind of failure."""
    failures = [answer.failure for question in questions for answer in question.answers if answer.failure]
    return {kind: reason for kind, _, reason in (failure.partition(": ") for failure in reversed(failures))}


def _score_again(facts: Facts) -> _Scores:
    job, own = facts.run.job, may_read_job(facts.run.folder / JOB_FILE)
    examples = _test_examples(job, facts, own)
    # The job that a run of others names is not read: its package has the files that score.
    folder = job.folder if own else facts.run.specialist / EVIDENCE
    measure = measure_of(job.settings.goal, folder, list(examples.values()), facts.run.fit_texts)
    rows = {}
    for rung, answers in facts.answers.items():
        known = [examples[id_] for id_ in answers if id_ in examples]
        scored = measure.score(known, [answers[example.id] for example in known])
        rows[rung] = {row.id: row for row in scored}
    texts = {id_: (_text(example), example.ideal) for id_, example in examples.items()}
    return _Scores(texts, rows, {id_: example.images for id_, example in examples.items() if example.images})


def _saved_scores(facts: Facts) -> _Scores:
    if facts.manifest is None:
        return _Scores({}, {})
    rows = {row.id: row for row in read_rows(facts.run.specialist / EVIDENCE / TEST_FILE, Scored)}
    texts = {row.id: (row.question, row.ideal) for row in rows.values()}
    return _Scores(texts, {facts.manifest.rung: rows} if rows else {})


def _test_examples(job: Job, facts: Facts, own: bool) -> dict[str, Example]:
    """The job's examples by id, if they are still those that were split; without the job, those of the package."""
    there = own and all(path.exists() for path in job.examples)
    if not there and (packaged := read_rows(facts.run.specialist / EVIDENCE / QUESTIONS, Example)):
        return {example.id: example for example in in_package(packaged, facts.run.specialist)}
    if not own:
        raise DataError("This run was not begun here, so that the files of the job that it names are not read.")
    examples = check(job_examples(job)).examples
    split = facts.split
    if split is None:
        raise DataError("This run has no split yet.")
    try:
        verify_split(examples, split)
    except DataError:
        # Examples that are too long for the base are not in the split, and only the base itself can name them.
        verify_split([example for example in examples if example.id in split.ids], split)
    return {example.id: example for example in examples}


def _text(example: Example) -> str:
    turns = [message for message in example.question if message.role != "system"]
    if len(turns) == 1:
        return shown_content(turns[0])
    return "\n\n".join(f"{turn.role}: {shown_content(turn)}" for turn in turns)


def _question(id_: str, facts: Facts, scores: _Scores) -> Question:
    """A question with the answer of each rung; one that was certain of its verdict before may not have been asked."""
    stopped = {result.rung for result in facts.tested if result.report and result.report.use.unasked}
    answers = [
        _rung_answer(rung, given[id_], scores.rows.get(rung, {}).get(id_))
        if id_ in given
        else RungAnswer(rung, Answer(""), None, "", {}, asked=False)
        for rung, given in facts.answers.items()
        if id_ in given or rung in stopped
    ]
    now = facts.incumbent.get(id_)
    return Question(id_, *scores.texts.get(id_, ("", "")), answers, now[0].text if now else "")


def _rung_answer(rung: str, answer: Answer, row: Scored | None) -> RungAnswer:
    failure = row.failure if row else answer.failure
    reason = f"{failure.kind}: {failure.reason}" if failure else ""
    return RungAnswer(rung, answer, row.value if row else None, reason, row.parts if row else {})


def _rank(question: Question, judged: str) -> tuple[bool, float]:
    """Sort key, by the answer of the `judged` rung: failures, then low scores, then questions without an answer."""
    answer = next((answer for answer in question.answers if answer.rung == judged), None)
    if answer is None:
        return True, math.inf
    return not answer.failure, math.inf if answer.value is None else answer.value

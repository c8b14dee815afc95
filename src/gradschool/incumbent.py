"""The incumbent, which is what the user has now: find its answers to the questions of a job, and score them."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from gradschool.data.example_files import example_files
from gradschool.data.given_answers import Given, read_given
from gradschool.data.normalize import normalize
from gradschool.errors import DataError
from gradschool.evaluate import Measure
from gradschool.files import hash_of, read_rows, refuse_links, sha256_of
from gradschool.job import Job
from gradschool.package.manifest import EVIDENCE, MANIFEST, QUESTIONS, TEST_FILE
from gradschool.records import Answer, Conversation, Example, Note, Scored
from gradschool.run import PACKED
from gradschool.score.incumbent import MarginProof, margin_proof
from gradschool.settings import Data, Goal
from gradschool.visible import shortened

PLANNED = 300  # train questions from which the incumbent's score is estimated before the test
NAMED = 5  # questions or lines that a note names
SHOWN = 200  # characters of each of them
MAX_ANSWERS = 20  # answers to one question that count, since each is scored for every example that asks it
LONG = 3  # words from which an answer is a text, not a label
COPIED = 0.9  # fraction of equal answers from which the ideal answers seem to be the incumbent's own
Parts: TypeAlias = tuple[Sequence[Example], Sequence[Example]]  # validation and test examples


@dataclass(frozen=True, slots=True)
class Incumbent:
    """The answers of the incumbent by the id of the example, and what the user should know about them."""

    name: str
    answers: Mapping[str, tuple[Answer, ...]]
    notes: tuple[Note, ...] = ()

    def answered(self, examples: Iterable[Example]) -> list[Example]:
        """The examples whose questions it answered."""
        return [example for example in examples if example.id in self.answers]

    def unanswered(self, examples: Iterable[Example]) -> list[str]:
        """The ids of the examples whose questions it did not answer."""
        return [example.id for example in examples if example.id not in self.answers]

    def rows(self, examples: Sequence[Example], measure: Measure) -> list[Scored]:
        """Its scored answers to the questions that it answered; of several different answers, the mean counts."""
        asked = self.answered(examples)
        rows = measure.score(asked, [self.answers[example.id][0] for example in asked])
        for place, example in enumerate(asked):
            if others := self.answers[example.id][1:]:
                values = [row.value for row in measure.score([example] * len(others), others)]
                rows[place] = replace(rows[place], value=math.fsum([rows[place].value, *values]) / (1 + len(values)))
        return rows


@dataclass(frozen=True, slots=True)
class Compared:
    """What the verdict is paired with: the incumbent's scored answers to validation and test questions.

    They are empty if the metric is not fitted yet, as in `check`. `unanswered` are the ids of test questions without an
    answer, and `proof` says what the others can prove.
    """

    name: str
    validation: Sequence[Scored]
    test: Sequence[Scored]
    unanswered: tuple[str, ...]
    proof: MarginProof


def compared(
    found: Incumbent, goal: Goal, measure: Measure, train: Sequence[Example], data: Parts, level: float
) -> Compared:
    """Score an incumbent; raises DataError if it answered no test question. `level` is the confidence of a bound.

    `data` are the validation and the test examples.
    """
    validation, test = data
    answered = found.answered(test)
    if not answered:
        raise DataError(
            f"{found.name}: the incumbent answers none of the {len(test)} test questions.",
            f"It answers {len(found.answers)} questions of train and validation examples, which prove nothing.",
            "add its answers to all questions of the job; the test set is drawn from all examples.",
        )
    fitted = not measure.unfitted
    checked = found.rows(validation, measure) if fitted else []
    planned = [*checked, *(found.rows(train[:PLANNED], measure) if fitted else [])]
    proof = margin_proof(
        found.name,
        goal.margin,
        [example.group for example in answered],
        len(test),
        [row.value for row in planned],
        level,
    )
    rows = found.rows(test, measure) if fitted else []
    return Compared(found.name, checked, rows, tuple(found.unanswered(test)), proof)


def without_answer(comparison: Compared) -> str:
    """Which test questions the incumbent did not answer."""
    number = len(comparison.unanswered)
    return (
        f"{comparison.name}: {_count(number, 'test question has', 'test questions have')} no answer of the incumbent "
        f"and {'is' if number == 1 else 'are'} left out of the comparison: {_listed(comparison.unanswered)}."
    )


def incumbent_files(names: str | Sequence[str], folder: Path) -> dict[str, Path]:
    """The files of an incumbent by the names that the user knows them by; of a specialist or a run, its answers.

    Raises DataError if there is no such file, and DamagedError for a specialist with links in it.
    """
    paths: list[Path] = []
    for name in [names] if isinstance(names, str) else names:
        path = folder / name
        packed = next((one for one in (path, path / PACKED) if (one / MANIFEST).is_file()), None)
        if packed:
            refuse_links(packed)  # it may be someone else's
        paths.append(packed / EVIDENCE / TEST_FILE if packed else path)
        if not paths[-1].exists() and not any(sign in path.name for sign in "*?["):
            raise DataError(
                f"goal.incumbent = {name!r}: {paths[-1]} does not exist.",
                "It names a file with the answers of what you have now; the path is relative to the job's folder.",
                "correct it, or remove the key. Every report compares with the base in any case.",
            )
    return example_files(paths)[0]


def incumbent_hash(job: Job) -> dict[str, str]:
    """One hash over all files of the job's incumbent, by their names in the job; empty if it names none."""
    names = job.settings.goal.incumbent
    if names is None:
        return {}
    files = incumbent_files(names, job.folder).values()
    hashes = [hash_of(path) for path in (*files, *filter(None, map(_questions, files)))]
    return {names if isinstance(names, str) else ", ".join(names): sha256_of(hashes)}


def _questions(file: Path) -> Path | None:
    """The file with the whole questions of a specialist's evidence, which holds their last messages."""
    questions = file.parent / QUESTIONS
    return questions if file.name == TEST_FILE and questions.is_file() else None


def find_incumbent(names: str | Sequence[str], folder: Path, data: Data, examples: Sequence[Example]) -> Incumbent:
    """Read the answers of an incumbent, and match them to examples by the contents of their questions.

    Raises DataError if a file cannot be read or if it answers none of the questions.
    """
    files = incumbent_files(names, folder)
    asked = {
        example.id: example.question
        for file in filter(None, map(_questions, files.values()))
        for example in read_rows(file, Example)
    }
    given = read_given(files, data, asked)
    name = ", ".join(files) if len(files) <= NAMED else f"{len(files)} files"
    found = match(examples, given.answers)
    if not found.answers:
        raise DataError(
            f"{name}: the incumbent answers none of the {len(examples)} questions of the job.",
            f"Its first row is {given.answers[0].source} ({_shown(given.answers[0])}), and the job asks, for example, "
            f"{shortened(examples[0].last_user)!r}.",
            "its rows need the questions as the examples have them, without a template around them, or their ids.",
        )
    notes = [*_notes(name, examples, found), *_unreadable(name, given.unreadable)]
    return Incumbent(name, found.answers, tuple(notes))


@dataclass(frozen=True, slots=True)
class Matched:
    """The answers by example, and those that answer no example or could be meant for several different ones."""

    answers: Mapping[str, tuple[Answer, ...]]
    unmatched: Sequence[Given]
    ambiguous: Sequence[Given]
    failed: Sequence[Given]  # those without an answer
    further: int  # answers to questions that have MAX_ANSWERS others
    by_id: int  # answers whose rows hold no question


def match(examples: Sequence[Example], given: Sequence[Given]) -> Matched:
    """Match answers to examples: by the same conversation, or by the same one without its system message.

    Conversations are the same if they differ in case, punctuation and spacing alone. Rows without a conversation are
    matched by the id of their question.
    """
    known = [_Asked.of(example.question) for example in examples]
    places = [_places(getattr(asked, form) for asked in known) for form in FORMS]
    by_name = {example.id: [place] for place, example in enumerate(examples)}
    answers: dict[str, list[Answer]] = {}
    unmatched, ambiguous, failed, by_id = list[Given](), list[Given](), list[Given](), 0
    taken, unclear = Counter[int](), dict[int, bool]()  # by the list of places
    for one in given:
        if one.failure:
            failed.append(one)
            continue
        asked = _Asked.of(one.question)
        forms = FORMS[-1:] if one.last_only else FORMS[:-1] if one.question else ()
        found = next((hit for form in forms if (hit := places[FORMS.index(form)].get(getattr(asked, form)))), [])
        if not one.question:
            found = by_name.get(one.id, [])
            by_id += bool(found)
        if not found:
            unmatched.append(one)
            continue
        if id(found) not in unclear:
            unclear[id(found)] = len({known[place].whole for place in found}) > 1
        if unclear[id(found)]:
            ambiguous.append(one)
            continue
        taken[id(found)] += 1
        if taken[id(found)] <= MAX_ANSWERS:
            for place in found:
                answers.setdefault(examples[place].id, []).append(Answer(one.text, one.stop))
    further = sum(max(0, number - MAX_ANSWERS) for number in taken.values())
    return Matched({id_: tuple(texts) for id_, texts in answers.items()}, unmatched, ambiguous, failed, further, by_id)


Turns: TypeAlias = tuple[tuple[str, str], ...]  # role and normalized text


@dataclass(frozen=True, slots=True)
class _Asked:
    """The forms in which a conversation is compared, the closest first."""

    exact: Conversation
    whole: Turns  # normalized, without empty messages, and with those of one role after another as one
    turns: Turns  # without system messages: the incumbent may have had other instructions
    last: Turns  # the last message of the user

    @classmethod
    def of(cls, conversation: Conversation) -> "_Asked":
        whole: list[tuple[str, str]] = []
        for message in conversation:
            text = normalize(message.content)
            if whole and whole[-1][0] == message.role:
                whole[-1] = (message.role, f"{whole[-1][1]} {text}")
            elif text:
                whole.append((message.role, text))
        turns = tuple(turn for turn in whole if turn[0] != "system")
        return cls(conversation, tuple(whole), turns, tuple(turn for turn in turns if turn[0] == "user")[-1:])


FORMS = ("exact", "whole", "turns", "last")


def _places(forms: Iterable[object]) -> dict[object, list[int]]:
    places: dict[object, list[int]] = {}
    for place, form in enumerate(forms):
        places.setdefault(form, []).append(place)
    return places


def _notes(name: str, examples: Sequence[Example], found: Matched) -> Iterator[Note]:
    """What the user should know about the answers of an incumbent; the first note counts them."""
    yield Note(f"{name}: the incumbent answers {len(found.answers)} of {len(examples)} questions of the job.")
    if found.by_id:
        matched = _count(found.by_id, "answer is matched by its id", "answers are matched by their ids")
        yield Note(f"{name}: {matched}, because no question is known for {'it' if found.by_id == 1 else 'them'}.")
    differing = [id_ for id_, texts in found.answers.items() if len({answer.text for answer in texts}) > 1]
    repeated = sum(len(texts) - 1 for texts in found.answers.values()) - sum(
        len(found.answers[id_]) - 1 for id_ in differing
    )
    if repeated:
        yield Note(f"{name}: {_count(repeated, 'answer is', 'answers are')} given again in the same words.")
    if differing:
        several = _count(len(differing), "question has", "questions have")
        yield Note(
            f"{name}: {several} several different answers, whose mean score counts: {_listed(differing)}.", "warning"
        )
    if found.further:
        yield Note(
            f"{name}: of several answers to the same question, {MAX_ANSWERS} count; "
            f"{_count(found.further, 'further one is', 'further ones are')} not used.",
            "warning",
        )
    if found.unmatched:
        lines = [f"{one.source} ({_shown(one)})" for one in found.unmatched]
        yield Note(
            f"{name}: {_count(len(lines), 'row answers', 'rows answer')} no question of the job, and "
            f"{'is' if len(lines) == 1 else 'are'} not used: {_listed(lines)}.",
            "warning",
        )
    if found.ambiguous:
        lines = [str(one.source) for one in found.ambiguous]
        yield Note(
            f"{name}: {_count(len(lines), 'answer fits', 'answers fit')} examples that differ in their system message "
            f"or in earlier turns, and {'is' if len(lines) == 1 else 'are'} not used: {_listed(lines)}.",
            "warning",
        )
    if found.failed:
        lines = [f"{one.source} ({one.failure})" for one in found.failed]
        yield Note(f"{name}: {_count(len(lines), 'row', 'rows')} without an answer: {_listed(lines)}.", "warning")
    yield from _copied(name, examples, found)


def _copied(name: str, examples: Sequence[Example], found: Matched) -> Iterator[Note]:
    """A warning if the ideal answers seem to be those of the incumbent, which is then compared with itself."""
    answered = [example for example in examples if example.id in found.answers]
    equal = [example for example in answered if normalize(example.ideal) in _texts(found, example)]
    texts = sum(len(example.ideal.split()) > LONG for example in equal)
    if len(equal) == len(answered) or (2 * texts > len(equal) and len(equal) >= COPIED * len(answered)):
        yield Note(
            f"{name}: {len(equal)} of its {len(answered)} answers are the ideal answers themselves. If these were "
            "written by the incumbent, its score says nothing: it is compared with itself.",
            "warning",
        )


def _texts(found: Matched, example: Example) -> set[str]:
    return {normalize(answer.text) for answer in found.answers[example.id]}


def _unreadable(name: str, lines: Sequence[str]) -> Iterator[Note]:
    if lines:
        yield Note(
            f"{name}: {_count(len(lines), 'line gives', 'lines give')} no answer: {_listed(lines, '; ')}.", "warning"
        )


def _shown(one: Given) -> str:
    if one.question:
        return shortened(one.question[-1].content)
    return f"id {shortened(one.id)!r}" if one.id else "no question, no id"


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _listed(names: Sequence[str], separator: str = ", ") -> str:
    return separator.join(shortened(name, SHOWN) for name in names[:NAMED]) + (", …" if len(names) > NAMED else "")

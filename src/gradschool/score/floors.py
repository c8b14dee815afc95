"""Floors: the scores of trivial answers, which need no model. A specialist must be proven better than each of them.

Both claims must hold, that the score reaches the pass mark and that it is above the floor, so both are tested with the
error of one look: a specialist that fails either claim passes falsely with at most that probability (the
intersection-union test; Berger 1982, "Multiparameter Hypothesis Testing and Acceptance Sampling").
"""

import itertools
import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, TypeVar

import numpy as np

from gradschool.data.nearest import NearestQuestions, some_text, word_vectorizer
from gradschool.records import (
    Answer,
    Difference,
    Example,
    Floor,
    FloorKind,
    Interval,
    Note,
    Report,
    Score,
    Scored,
    Verdict,
    Work,
)
from gradschool.run_keys import Key
from gradschool.score.judge import score
from gradschool.score.metric import Metric
from gradschool.score.metric_info import metric_info
from gradschool.score.probe import Features, image_answers
from gradschool.score.stats import bounds, difference, more_examples

T = TypeVar("T")
Pair: TypeAlias = tuple[float, float, str]  # the values of a rung's and of a trivial answer, and their group
ROUNDING = 1e-6  # of values, which other machines compute slightly differently
LETTER = "x"  # in place of an empty answer, which counts as a failure
MAX_TRAIN, MAX_CHARACTERS = 20_000, 10_000_000  # train examples among which the nearest question is searched
CANDIDATES = 12  # texts that are tried as the constant answer: half of them frequent, the others typical
ROUNDS = ((25, 4), (100, 1))  # train examples that candidates are scored on, and how many candidates are left
TYPICAL_OF = 2_000  # train answers among which typical ones are searched
# Characters; if answers are longer on average, candidates are scored on fewer of them, because the time of some metrics
# grows with the square of the length.
LONG = 1_000
MIN_ASKED = 5
PRACTICAL = 4  # more test examples are advised up to this multiple of the present ones


@dataclass(frozen=True, slots=True)
class Trivial:
    """One kind of trivial answers with the value of each answer, by the id of its test example; see `Floor`."""

    kind: FloorKind
    values: dict[str, float]
    answer: str = ""
    binding: bool = True

    @property
    def mean(self) -> float:
        """The mean value."""
        return sum(self.values.values()) / max(1, len(self.values))


FLOORS: Key[tuple[Trivial, ...]] = Key("floors", tuple[Trivial, ...])


def find_floors(
    train: Sequence[Example],
    test: Sequence[Example],
    metric: Metric,
    name: str,
    features: Features | None = None,
) -> Work[tuple[Trivial, ...]]:
    """Score trivial answers to the test questions; all choices are made on train. `name` is that of the metric.

    With the `features` of questions with images, a linear probe and a nearest image are scored too, which need not be
    beaten: they are trained.
    """
    yield Note("Scoring trivial answers, which a specialist must be better than.", "detail")
    pool = _short_enough(drawn(train, MAX_TRAIN))
    nearest = NearestQuestions(pool)
    answers: dict[FloorKind, list[str]] = {
        "constant": [best_constant(train, metric)] * len(test),
        "nearest": [pool[nearest.places(example.last_user, 1)[0]].ideal for example in test],
        "question": [example.last_user for example in test],
        "letter": [LETTER] * len(test),
    }
    if features and (seen := image_answers(train, test, features)):
        yield Note("Scored a linear probe and a nearest neighbour on the features of the images.", "detail")
        answers |= seen
    return _scored(answers, test, metric, name)


def packaged_floors(constant: str, test: Sequence[Example], metric: Metric, name: str) -> tuple[Trivial, ...]:
    """As `find_floors`, without train examples: the constant answer is that of the climb, if it is known."""
    answers: dict[FloorKind, list[str]] = {
        "question": [example.last_user for example in test],
        "letter": [LETTER] * len(test),
    }
    return _scored({"constant": [constant] * len(test), **answers} if constant else answers, test, metric, name)


def _scored(
    answers: Mapping[FloorKind, Sequence[str]], test: Sequence[Example], metric: Metric, name: str
) -> tuple[Trivial, ...]:
    to_beat = metric_info(name).floors
    return tuple(
        Trivial(
            kind,
            {row.id: row.value for row in score(test, [Answer(text) for text in texts], metric, {})},
            texts[0] if kind == "constant" else "",
            kind in to_beat,
        )
        for kind, texts in answers.items()
        if kind != "letter" or kind in to_beat
    )


def floor_to_beat(trivial: Sequence[Trivial], test: Sequence[Example]) -> list[float]:
    """The values of the best trivial answer that a rung must beat, for each test example; empty if there is none."""
    best = max((one for one in trivial if one.binding), key=lambda one: one.mean, default=None)
    return [best.values[example.id] for example in test] if best else []


def is_of_test(trivial: Sequence[Trivial], test: Sequence[Example]) -> bool:
    """Whether trivial answers are to exactly these test questions."""
    ids = {example.id for example in test}
    return all(one.values.keys() == ids for one in trivial)


def are_same(trivial: Sequence[Trivial], others: Sequence[Trivial]) -> bool:
    """Whether two times the same kinds of trivial answers have the same values, up to rounding."""
    known = {one.kind: one for one in others}
    return known.keys() == {one.kind for one in trivial} and all(
        one.binding == known[one.kind].binding
        and all(abs(value - known[one.kind].values.get(id_, math.inf)) <= ROUNDING for id_, value in one.values.items())
        for one in trivial
    )


def best_constant(train: Sequence[Example], metric: Metric) -> str:
    """The train answer that scores best as the answer to all train questions, among frequent and typical ones."""
    candidates = _candidates([example.ideal for example in train])
    asked = drawn(train, ROUNDS[-1][0])
    length = sum(len(example.ideal) for example in asked) / len(asked)
    for number, left in ROUNDS:
        if len(candidates) == 1:
            break
        few = max(MIN_ASKED, round(number * min(1.0, LONG / max(1.0, length)) ** 2))
        means = {text: _mean(text, asked[:few], metric) for text in candidates}
        candidates = sorted(candidates, key=lambda text: -means[text])[:left]
    return candidates[0]


def _candidates(ideals: Sequence[str]) -> list[str]:
    """Frequent texts, then the ones nearest to the mean of all in tf-idf."""
    counts = Counter(ideals)
    frequent = [text for text, count in counts.most_common(CANDIDATES // 2) if count > 1 and text.strip()]
    texts = drawn([text for text in counts if text.strip()], TYPICAL_OF)
    if not texts:
        return [LETTER]
    matrix = word_vectorizer().fit_transform([some_text(text[:LONG]) for text in texts])
    center = np.asarray(matrix.mean(axis=0)).ravel()
    typical = [texts[place] for place in np.argsort(-(matrix @ center), kind="stable")]
    return list(dict.fromkeys([*frequent, *typical]))[:CANDIDATES]


def _short_enough(examples: Sequence[Example]) -> list[Example]:
    """The first examples, until their questions have too many characters to compare them all."""
    ends = itertools.accumulate(len(example.last_user) for example in examples)
    return [
        example
        for number, (example, end) in enumerate(zip(examples, ends, strict=True))
        if not number or end <= MAX_CHARACTERS
    ]


def _mean(text: str, examples: Sequence[Example], metric: Metric) -> float:
    rows = score(examples, [Answer(text)] * len(examples), metric, {})
    return sum(row.value for row in rows) / len(rows)


def drawn(items: Sequence[T], count: int) -> list[T]:
    """At most `count` of the items in a random order, the same each time."""
    return random.Random(0).sample(list(items), min(count, len(items)))


def above_floors(
    report: Report, rows: Sequence[Scored], trivial: Sequence[Trivial], unasked: Sequence[Example] = ()
) -> Report:
    """The report with floors: "passed" stays only if the rows are proven better than each floor to beat.

    It becomes "failed" if they are proven worse than one of them. `unasked` are test examples that were not asked: the
    bounds hold whatever the answers to them are.
    """
    level = report.score.interval.level
    compared = [(one, pairs) for one in trivial if (pairs := _pairs(rows, one))]
    rest = [(one, [(one.values[example.id], example.group) for example in unasked]) for one, _ in compared]
    found = zip(compared, rest, strict=True)
    report = replace(report, floors=tuple(_floor(one, pairs, more, level) for (one, pairs), (_, more) in found))
    if not report.unbeaten or report.verdict == "failed":
        return report
    kinds = {floor.kind for floor in report.unbeaten}
    needed = [_more(pairs, level) for one, pairs in compared if one.kind in kinds]
    if report.verdict == "not proven":
        needed.append(report.more_examples)
    worse = any(floor.difference.interval.high < 0 for floor in report.unbeaten)
    verdict: Verdict = "failed" if worse else "not proven"
    known = [number for number in needed if number is not None]
    settles = not worse and len(known) == len(needed)
    return replace(report, verdict=verdict, more_examples=max(known) if settles else None)


def _pairs(rows: Sequence[Scored], one: Trivial) -> list[Pair]:
    return [(row.value, one.values[row.id], row.group) for row in rows if row.id in one.values]


def _floor(one: Trivial, pairs: Sequence[Pair], rest: Sequence[tuple[float, str]], level: float) -> Floor:
    """A floor on all test questions; `rest` are its values and groups for those that the rung was not asked."""
    worst, best = ([*pairs, *((value, theirs, group) for theirs, group in rest)] for value in (0.0, 1.0))
    _, theirs, groups = zip(*worst, strict=True)
    score = Score(sum(theirs) / len(theirs), bounds(theirs, groups, level), len(theirs), len(set(groups)))
    mean = _apart(pairs, level)[0]
    low, high = _apart(worst, level)[1].low, _apart(best, level)[1].high
    apart = Difference(one.kind, mean, Interval(min(low, mean), max(high, mean), level))
    return Floor(one.kind, score, apart, one.answer, one.binding)


def _apart(pairs: Sequence[Pair], level: float) -> tuple[float, Interval]:
    ours, theirs, groups = zip(*pairs, strict=True)
    return difference(ours, theirs, groups, level)


def _more(pairs: Sequence[Pair], level: float) -> int | None:
    """How many more examples would probably prove a rung better than a floor; None if no practical number would."""
    halves = [(1 + ours - theirs) / 2 for ours, theirs, _ in pairs]
    if sum(halves) <= len(halves) / 2:
        return None
    number = more_examples(halves, [group for _, _, group in pairs], 0.5, level)
    return number if number is not None and number <= PRACTICAL * len(pairs) else None

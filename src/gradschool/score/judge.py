"""Score answers one by one, and judge all of them together: the verdict."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from gradschool.errors import DataError, UsageError
from gradschool.records import Answer, Cost, Difference, Example, Failure, Interval, Report, Score, Scored, Verdict
from gradschool.score.certain import bounds_of_part
from gradschool.score.incumbent import Now, against
from gradschool.score.metric import ABOUT_TEXT, Comparing, Metric, ReadsTogether, Unscorable
from gradschool.score.stats import difference, more_examples, verdict, verdict_on_all
from gradschool.settings import Goal

NO_SCORE = "no score"
Rival: TypeAlias = tuple[str, Sequence[Scored]]  # another candidate: its name and its rows


def score(
    examples: Sequence[Example], answers: Sequence[Answer], metric: Metric, extra: Mapping[str, Metric]
) -> list[Scored]:
    """Score each answer against the ideal answer: one row of evidence per example, in their order.

    A failure (of the engine, an empty answer, a metric that cannot score) has the value 0 and a reason. A truncated
    answer is scored, and is a failure only if its score is 0. Rules are parts under their own names; parts of extra
    metrics are named "metric: part". If an extra metric cannot score an answer, its part is 0 and the part
    "metric: no score" is 1. Metrics that compare (see `Comparing`) also get all answers together, and limit the values.
    """
    return complete(score_each(examples, answers, metric, extra), examples, metric, extra)


def score_each(
    examples: Sequence[Example], answers: Sequence[Answer], metric: Metric, extra: Mapping[str, Metric]
) -> list[Scored]:
    """The rows of `score` without what needs all answers together."""
    for one in (metric, *extra.values()):
        if isinstance(one, ReadsTogether):
            one.read([answer.text for answer in answers], examples)
    return [_row(example, answer, metric, extra) for example, answer in zip(examples, answers, strict=True)]


def complete(
    scored: Sequence[Scored], examples: Sequence[Example], metric: Metric, extra: Mapping[str, Metric]
) -> list[Scored]:
    """Rows of `score_each` with what needs all answers together."""
    rows = [replace(row, parts=dict(row.parts)) for row in scored]
    _compare(rows, examples, metric, extra)
    gaps = {f"{name}: {NO_SCORE}" for name in extra} & {part for row in rows for part in row.parts}
    for row in rows:
        if row.parts:  # the mean of a part needs the rows without the gap too
            row.parts.update({gap: row.parts.get(gap, 0.0) for gap in sorted(gaps)})
    return rows


def _row(example: Example, answer: Answer, metric: Metric, extra: Mapping[str, Metric]) -> Scored:
    value, parts, failure = 0.0, dict[str, float](), _failure(answer)
    if failure is None:
        try:
            result = metric(answer.text, example)
            value, parts = result.value, {**result.parts, **_parts(answer.text, example, extra, set(result.parts))}
        except Unscorable as error:
            failure = Failure("metric", str(error))
    if failure is None and value == 0 and answer.stop == "length":
        failure = Failure("cut off", f"The answer was truncated after {answer.new_tokens} tokens.")
    return Scored(example.id, example.group, example.last_user, example.ideal, answer, value, parts, failure)


def _compare(rows: list[Scored], examples: Sequence[Example], metric: Metric, extra: Mapping[str, Metric]) -> None:
    for name, one in [("", metric), *extra.items()]:
        if not isinstance(one, Comparing):
            continue
        places = [place for place, row in enumerate(rows) if row.failure is None]
        found = one.compare([rows[place].answer.text for place in places], [examples[place] for place in places])
        for place, result in zip(places, found, strict=True):
            row, prefix = rows[place], f"{name}: " if name else ""
            row.parts.update({prefix + part: value for part, value in result.parts.items()})
            if name:
                row.parts[name] = min(row.parts[name], result.value)
            else:
                rows[place] = replace(row, value=min(row.value, result.value))


def _failure(answer: Answer) -> Failure | None:
    if answer.failure is not None:
        return answer.failure
    if answer.stop == "error":
        return Failure("no answer", "The engine reported an error without a reason.")
    if not answer.text.strip():
        return Failure("empty answer", "The answer holds no text.")
    return None


def _parts(answer: str, example: Example, extra: Mapping[str, Metric], taken: set[str]) -> dict[str, float]:
    parts: dict[str, float] = {}
    for name, metric in extra.items():
        try:
            result = metric(answer, example)
        except Unscorable:
            parts |= {name: 0.0, f"{name}: {NO_SCORE}": 1.0}
            continue
        parts[name] = result.value
        for part, value in result.parts.items():
            parts[part if name == "rules" and part not in taken else f"{name}: {part}"] = value
    return parts


def judge(
    rows: Sequence[Scored],
    goal: Goal,
    level: float,
    start: Rival | None = None,
    best: Rival | None = None,
    group_name: str = "",
    validation_high: float | None = None,
    now: Now | None = None,
    difference_high: float | None = None,
    unasked: Sequence[Example] = (),
) -> Report:
    """Judge rows of evidence: the score with its bounds, the verdict, parts, failures and cost.

    `level` is the confidence of each bound. `start` is the name and the rows of the candidate that this one was built
    on, and `best` those of the best one so far, for paired comparisons on the examples that both answered. `group_name`
    is the column of the groups. With `validation_high`, the upper bound of a score on validation that is below the pass
    mark, the verdict is "failed" and the test score is only reported; `difference_high` does the same for the margin to
    `now`, the name and the rows of the incumbent. With a pass mark and an incumbent, both decide. `unasked` are test
    examples that were not asked: the bounds of the score and of the differences hold whatever the answers to them are.

    The mean of a part is taken over the examples that have it and over failures, which count as 0; that of a part about
    the answers' text (see `ABOUT_TEXT`) only over the former. Raises UsageError if the goal has neither a pass mark nor
    an incumbent, DataError if there are no rows.
    """
    demand_mark(goal)
    if not rows:
        raise DataError("There are no answers to judge.", "A score needs at least one test example.", "add examples.")
    values, groups = [row.value for row in rows], [row.group for row in rows]
    total = _score(values, groups, level, [example.group for example in unasked])
    pass_mark, found, more = goal.pass_mark, list[Verdict](), list[int | None]()
    if pass_mark is not None:
        found.append("failed" if validation_high is not None else verdict(total.interval, pass_mark))
        more += [more_examples(values, groups, pass_mark, level)] if found == ["not proven"] else []
    paired = against(rows, now, goal.margin, level, difference_high) if now else None
    if paired:
        found.append(paired.verdict)
        more += [paired.more_examples] if paired.verdict == "not proven" else []
    elif goal.incumbent is not None:  # its answers to these questions are unknown
        found.append("not proven")
        more.append(None)
    decided = verdict_on_all(found)
    return Report(
        metric=goal.metric,
        score=total,
        verdict=decided,
        pass_mark=pass_mark,
        more_examples=most_of(more) if decided == "not proven" else None,
        parts=_part_scores(rows, level),
        failures=dict(Counter(row.failure.kind for row in rows if row.failure).most_common()),
        cost=_cost([row.answer for row in rows]),
        difference=compared(rows, *start, level, unasked) if start else None,
        best_difference=compared(rows, *best, level, unasked) if best else None,
        group_name=group_name,
        validation_high=validation_high,
        incumbent=paired,
    )


def demand_mark(goal: Goal) -> None:
    """Raise UsageError if a goal has neither a pass mark nor an incumbent, or parts that do not go together."""
    if goal.incumbent is not None and goal.min_answered is not None:
        raise UsageError(
            "The goal names an incumbent and min_answered.",
            "A specialist that abstains is judged on the questions that it answers, an incumbent on all of them.",
            "leave out one of them.",
        )
    if goal.pass_mark is None and goal.incumbent is None:
        raise UsageError(
            "The job names no pass mark.",
            "A verdict says whether a score is proven to reach it.",
            "write pass_mark = 0.8 (or whatever is good enough) under [goal], or give --pass-mark 0.8; or name the "
            "answers of what you have now with incumbent.",
        )


def most_of(counts: Sequence[int | None]) -> int | None:
    """The largest number of further examples; None if one of the claims needs more than is practical, or no claim."""
    known = [count for count in counts if count is not None]
    return max(known) if known and len(known) == len(counts) else None


def _score(values: Sequence[float], groups: Sequence[str], level: float, unasked: Sequence[str] = ()) -> Score:
    interval = bounds_of_part(values, groups, unasked, level)
    return Score(sum(values) / len(values), interval, len(values), len(set(groups)))


def _part_scores(rows: Sequence[Scored], level: float) -> dict[str, Score]:
    scores = {}
    for part in dict.fromkeys(part for row in rows for part in row.parts):
        about_text = part.rpartition(": ")[2] in ABOUT_TEXT
        scored = [row for row in rows if part in row.parts or (row.failure and not about_text)]
        values = [row.parts.get(part, 0.0) for row in scored]
        scores[part] = _score(values, [row.group for row in scored], level)
    return scores


def _cost(answers: Sequence[Answer]) -> Cost:
    number = len(answers)
    return Cost(
        sum(answer.prompt_tokens for answer in answers) / number,
        sum(answer.new_tokens for answer in answers) / number,
        sum(answer.seconds for answer in answers) / number,
    )


def compared(
    rows: Sequence[Scored], name: str, others: Sequence[Scored], level: float, unasked: Sequence[Example] = ()
) -> Difference | None:
    """The paired difference on the examples that both candidates answered; None if there are none.

    The bounds also count the examples that one of them was not asked, with the values that make them widest.
    """
    ours, theirs = ({row.id: row.value for row in one} for one in (rows, others))
    both = [id_ for id_ in ours if id_ in theirs]
    if not both:
        return None
    groups = {row.id: row.group for row in rows} | {one.id: one.group for one in unasked}
    groups |= {row.id: row.group for row in others if row.id not in groups}

    def interval(mine: float, other: float) -> Interval:  # the values of answers that are missing
        values = [ours.get(id_, mine) for id_ in groups], [theirs.get(id_, other) for id_ in groups]
        return difference(*values, [*groups.values()], level)[1]

    worst, best = interval(0.0, 1.0), interval(1.0, 0.0)
    mean = math.fsum(ours[id_] - theirs[id_] for id_ in both) / len(both)
    return Difference(name, mean, Interval(min(worst.low, mean), max(best.high, mean), level))


def mean(rows: Sequence[Scored]) -> float:
    """The mean score of rows."""
    return sum(row.value for row in rows) / len(rows)

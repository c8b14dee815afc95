"""Does the promise hold for specialists that abstain? Simulated climbs, and splits of real data sets.

    python -m bench.abstention [DATA_DIR] [--climbs N]

A simulated climb has three rungs, each better than the one before. Each chooses its threshold on validation answers and
is judged on test answers, as a climb does it, until one passes. A false pass is one whose true score on the answered
questions is below the pass mark, or whose true answered fraction is below the wanted one. `bounds broken` counts first
looks with a lower bound above the truth.

On real sets, the specialist is a naive Bayes classifier; its signals are the log-probability of its label and the
margin to the next one. It is trained on a part of the questions. Of the rest, each split draws validation
and test examples, and all others show the truth. Writes bench/results/abstention.json.
"""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.naive_bayes import MultinomialNB

from bench.usage import documented
from gradschool.data.proof import Levels, Looks, levels_of
from gradschool.environment import environment
from gradschool.files import read_json, write_json
from gradschool.model.signals import MARGIN, MEAN
from gradschool.records import Abstention, Answer, Report, Scored
from gradschool.score.abstention import judge_answered, keeps
from gradschool.score.stats import bounds
from gradschool.score.threshold import Look, choose
from gradschool.settings import Goal

RESULT = Path(__file__).parent / "results" / "abstention.json"
BUDGET, LOOKS = 0.05, 3
VALIDATION, TEST = 60, 110
CHECKED = 50  # every such climb, the decision is compared with the whole report
SPLITS, MODELS, TRAIN = 1500, 10, 3000
Values = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """How right answers depend on the signal: `chance` maps it to the probability that an answer is right."""

    chance: Callable[[Values, int], Values]  # by rung: 0, 1, 2
    validation: int = VALIDATION
    group: int = 1  # answers of a group are equal
    climbs: float = 1.0  # fraction of the climbs; bounds with groups take longer
    pass_mark: float = 0.9
    min_share: float = 0.5


@dataclass(frozen=True)
class Decision:
    """Whether a look passes, the lower bounds of the score and of the answered fraction, and that fraction."""

    passed: bool
    low: float
    share_low: float
    share: float


def logistic(sharp: float, middle: float) -> Callable[[Values, int], Values]:
    """Better rungs are right at lower signals."""
    return lambda sure, rung: 1 / (1 + np.exp(-sharp * (sure - middle + 0.4 * rung)))


WORLDS = {
    "useful signal": World(logistic(3.0, -0.3)),
    "useless signal, just below the mark": World(lambda sure, rung: np.full_like(sure, 0.89)),
    "right on just fewer than wanted": World(lambda sure, rung: np.where(sure > 0.03, 0.98, 0.3)),
    "30 validation examples": World(logistic(3.0, -0.3), validation=30, climbs=0.2),
    "groups of three, just below the mark": World(lambda sure, rung: np.full_like(sure, 0.89), group=3, climbs=0.2),
}


def drawn(world: World, rung: int, examples: int, draw: np.random.Generator) -> list[Scored]:
    """Answers of a rung to new questions."""
    groups = -(-examples // world.group)
    sure, noise = draw.normal(size=groups), draw.normal(size=groups)
    right = draw.random(groups) < world.chance(sure, rung)
    return [
        Scored(
            f"{place}",
            f"{place // world.group}",
            "",
            "",
            Answer("x", signals={"noise": float(noise[one]), "sure": float(sure[one])}),
            float(right[one]),
        )
        for place in range(examples)
        if (one := place // world.group) < groups
    ]


class Truth:
    """The true score and answered fraction at any threshold of a rung."""

    def __init__(self, world: World, rung: int) -> None:
        self._sure = np.sort(np.random.default_rng(1).normal(size=400_000))[::-1]
        self._chance = np.cumsum(world.chance(self._sure, rung)) / np.arange(1, len(self._sure) + 1)

    def at(self, abstention: Abstention | None) -> tuple[float, float]:
        """The score and the fraction; noise is independent of both."""
        if abstention is None:
            return float(self._chance[-1]), 1.0
        kept = int(np.searchsorted(-self._sure, -abstention.threshold, side="right"))
        score = self._chance[-1] if abstention.signal == "noise" else self._chance[max(kept, 1) - 1]
        return float(score), kept / len(self._sure)


def simulate(world: World, climbs: int, seed: int = 0) -> dict[str, float]:
    """Climb many times."""
    draw, goal = np.random.default_rng(seed), goal_of(world.pass_mark, world.min_share)
    truths = [Truth(world, rung) for rung in range(LOOKS)]
    passes = false = broken = 0
    shares: list[float] = []
    for climb in range(climbs):
        looks = Looks(BUDGET, LOOKS)
        for rung in range(LOOKS):
            validation, test = drawn(world, rung, world.validation, draw), drawn(world, rung, TEST, draw)
            abstention, found = decided(validation, test, goal, looks.level)
            score, share = truths[rung].at(abstention)
            if rung == 0:
                broken += found.low > score or found.share_low > share
                if climb % CHECKED == 0:
                    assert (judged(validation, test, goal, looks.level)[1].verdict == "passed") == found.passed
            looks = looks.after(True)
            if found.passed:
                passes += 1
                false += score < world.pass_mark or share < world.min_share
                shares.append(found.share)
                break
    return {
        "climbs": climbs,
        "passes": passes / climbs,
        "false passes": false / climbs,
        "bounds broken": broken / climbs,
        "promised at most": BUDGET,
        "answered if passed": float(np.mean(shares)) if shares else 0.0,
    }


def decided(
    validation: Sequence[Scored], test: Sequence[Scored], goal: Goal, level: float
) -> tuple[Abstention | None, Decision]:
    """Choose on validation and decide on test, without the rest of a report; `judged` must agree."""
    assert goal.pass_mark is not None and goal.min_answered is not None
    abstention = choose(validation, Look(len({row.group for row in test}), level, goal.pass_mark, goal.min_answered))
    levels = levels_of(level) if abstention else Levels(level, level)
    answered = [abstention is None or keeps(abstention, row.answer) for row in test]
    kept = [row for row, sure in zip(test, answered, strict=True) if sure]
    score = bounds([row.value for row in kept], [row.group for row in kept], levels.score)
    share = bounds([float(sure) for sure in answered], [row.group for row in test], levels.share)
    low = share.low if abstention else 1.0
    passed = score.low >= goal.pass_mark and low >= goal.min_answered
    return abstention, Decision(passed, score.low, low, len(kept) / len(test))


def judged(
    validation: Sequence[Scored], test: Sequence[Scored], goal: Goal, level: float
) -> tuple[Abstention | None, Report]:
    """Choose on validation, and judge on test."""
    assert goal.pass_mark is not None and goal.min_answered is not None
    groups = len({row.group for row in test})
    abstention = choose(validation, Look(groups, level, goal.pass_mark, goal.min_answered))
    return abstention, judge_answered(test, abstention, goal, level)


def is_broken(report: Report, score: float, share: float) -> bool:
    """Whether a lower bound is above the truth."""
    return report.score.interval.low > score or (
        report.coverage is not None and report.coverage.share.interval.low > share
    )


def goal_of(pass_mark: float, min_share: float) -> Goal:
    """A goal for labels."""
    return Goal(metric="label", pass_mark=pass_mark, min_answered=min_share, error_budget=BUDGET)


def banking77(data: Path) -> tuple[list[str], list[str]]:
    """Questions of bank customers and their intents."""
    rows = [row for name in ("train", "test") for row in csv.DictReader((data / f"banking77/{name}.csv").open())]
    return [row["text"] for row in rows], [row["category"] for row in rows]


def snips(data: Path) -> tuple[list[str], list[str]]:
    """Requests, and as a label their intent with the number of its slots, which is harder than the intent."""
    rows = [json.loads(line) for line in (data / "snips/train.jsonl").read_text().splitlines()]
    return [row["input"] for row in rows], [f"{row['output']['intent']} {len(row['output']['slots'])}" for row in rows]


def answers_of(texts: Sequence[str], labels: Sequence[str], seed: int) -> list[Scored]:
    """Train a classifier on a part of the questions; its scored answers to the rest, in random order."""
    order = np.random.default_rng(seed).permutation(len(texts))
    train, rest = order[:TRAIN], order[TRAIN:]
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    model = MultinomialNB(alpha=0.05)
    model.fit(vectorizer.fit_transform([texts[i] for i in train]), [labels[i] for i in train])
    log_probs = model.predict_log_proba(vectorizer.transform([texts[i] for i in rest]))
    top = np.sort(log_probs, axis=1)[:, -2:]
    said = model.classes_[log_probs.argmax(1)]
    return [
        Scored(
            str(i),
            str(i),
            texts[i],
            labels[i],
            Answer(str(label), signals={MEAN: float(best), MARGIN: float(best - second)}),
            float(label == labels[i]),
        )
        for i, label, (second, best) in zip(rest, said, top, strict=True)
    ]


def real(texts: Sequence[str], labels: Sequence[str], pass_mark: float, min_share: float) -> dict[str, Any]:
    """Splits of the questions of a set; the rest of the questions shows the truth."""
    goal = goal_of(pass_mark, min_share)
    found = list(_splits(texts, labels, goal))
    passed = [one for one in found if one["passed"]]
    return {
        "splits": len(found),
        "score of all answers": float(np.mean([one["all"] for one in found])),
        "passes": len(passed) / len(found),
        "false passes": sum(one["false"] for one in found) / len(found),
        "bounds broken": sum(one["broken"] for one in found) / len(found),
        "promised at most": BUDGET,
        "answered if passed": float(np.mean([one["share"] for one in passed])) if passed else 0.0,
        "score if passed": float(np.mean([one["score"] for one in passed])) if passed else 0.0,
    }


def _splits(texts: Sequence[str], labels: Sequence[str], goal: Goal) -> Iterator[dict[str, float]]:
    assert goal.pass_mark is not None and goal.min_answered is not None
    for model in range(MODELS):
        rows = answers_of(texts, labels, model)
        draw = np.random.default_rng(model)
        for _ in range(SPLITS // MODELS):
            order = [rows[i] for i in draw.permutation(len(rows))]
            validation, test, rest = order[:100], order[100:300], order[300:]
            abstention, report = judged(validation, test, goal, 1 - BUDGET)
            kept = [row.value for row in rest if abstention is None or keeps(abstention, row.answer)]
            score, share = float(np.mean(kept)), len(kept) / len(rest)
            passed = report.verdict == "passed"
            yield {
                "all": float(np.mean([row.value for row in rest])),
                "passed": passed,
                "false": passed and (score < goal.pass_mark or share < goal.min_answered),
                "broken": is_broken(report, score, share),
                "share": share,
                "score": score,
            }


def main(data: Path | None, climbs: int) -> None:
    """Measure everything, print it, and write it; a part that is not measured keeps its earlier result."""
    results: dict[str, Any] = read_json(RESULT) if RESULT.exists() else {"simulated": {}, "real": {}}
    results["environment"] = asdict(environment())
    if data:
        sets = (("banking77", banking77(data), 0.9, 0.4), ("snips", snips(data), 0.65, 0.2))
        for name, (texts, labels), pass_mark, min_share in sets:
            results["real"][name] = real(texts, labels, pass_mark, min_share)
            print(name, results["real"][name], flush=True)
            write_json(RESULT, results)
    for name, world in WORLDS.items() if climbs else ():
        results["simulated"][name] = simulate(world, round(climbs * world.climbs))
        print(name, results["simulated"][name], flush=True)
        write_json(RESULT, results)


if __name__ == "__main__":
    parser = documented(__doc__)
    parser.add_argument("data", metavar="DATA_DIR", nargs="?", type=Path)
    parser.add_argument("--climbs", type=int, default=10_000)
    given = parser.parse_args()
    main(given.data, given.climbs)

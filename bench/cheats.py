"""Scores of answers that know nothing: a constant one, that to the nearest question, a copied question, no text, …"""

import json
import random
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from gradschool.data.nearest import NearestQuestions
from gradschool.data.read import read_examples
from gradschool.job import read_job
from gradschool.records import Answer, Example, Message
from gradschool.score.judge import score
from gradschool.score.metric import FittedMetric, Metric
from gradschool.score.metrics import find_metrics, trust_code
from gradschool.settings import Goal

TRAIN = 0.7  # of the examples; the others are scored
AT_ONCE = 10  # different training answers that one answer lists
PLAIN = ("exact_match", "token_f1", "rouge_l", "chrf")


def _shuffled(text: str) -> str:
    words = text.split()
    random.Random(0).shuffle(words)
    return " ".join(words)


def answers_of(train: Sequence[Example]) -> dict[str, Callable[[Example], str]]:
    """Each cheat: a function from an example to its answer."""
    counts = Counter(example.ideal for example in train)
    constant, nearest = counts.most_common(1)[0][0], NearestQuestions(train)
    at_once = "\n".join(text for text, _ in counts.most_common(AT_ONCE))
    return {
        "constant": lambda example: constant,
        "nearest": lambda example: train[nearest.places(example.last_user, 1)[0]].ideal,
        "many at once": lambda example: at_once,
        "copied question": lambda example: example.last_user,
        "right words, shuffled": lambda example: _shuffled(example.ideal),
        "one letter": lambda example: "x",
        "empty": lambda example: "",
    }


def cheats(folder: Path) -> dict[str, dict[str, float]]:
    """The mean score of each cheat by each metric, on the example jobs in a folder."""
    found: dict[str, dict[str, float]] = {}
    for name in ("contracts", "support", "letters"):
        job = read_job(folder / name)
        examples = read_examples(job.examples, job.settings.data).examples
        cut = round(TRAIN * len(examples))
        train, test = examples[:cut], examples[cut:]
        trust_code(job.settings.goal, job.folder)
        decides, extra = find_metrics(job.settings.goal, job.folder, examples)
        metrics: dict[str, Metric] = {job.settings.goal.metric: decides, **extra}
        if name == "support":
            plain, rest = find_metrics(Goal(metric=PLAIN[0], extra_metrics=PLAIN[1:]), job.folder, examples)
            rules, _ = find_metrics(Goal(metric="rules", rules=job.settings.goal.rules), job.folder, examples)
            metrics |= {PLAIN[0]: plain, **rest, "rules": rules}
        for metric, scorer in metrics.items():
            fitted = scorer
            if isinstance(scorer, FittedMetric) and not scorer.fitted:
                others = [example.last_user for example in train]
                fitted = scorer.fit(scorer.fit_texts(train, others, []))
            found[f"{metric} ({name})"] = _scores(fitted, train, test)
        if name == "contracts":
            topics = [_topic(example) for example in examples]
            of_label, _ = find_metrics(Goal(metric="label"), job.folder, topics)
            found["label (contracts, topics alone)"] = _scores(of_label, topics[:cut], topics[cut:])
    return found


def _topic(example: Example) -> Example:
    return replace(example, messages=(*example.question, Message("assistant", json.loads(example.ideal)["topic"])))


def _scores(metric: Metric, train: Sequence[Example], test: Sequence[Example]) -> dict[str, float]:
    means = {}
    for name, answer in answers_of(train).items():
        if all(answer(example) == example.ideal for example in test):  # no cheat, such as the words of single words
            continue
        rows = score(test, [Answer(answer(example)) for example in test], metric, {})
        means[name] = statistics.mean(row.value for row in rows)
    return means

"""A linear probe and a nearest image: what is seen without a language model."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from gradschool.evaluate import Measure
from gradschool.records import IMAGE, Example, Image, Message, Source
from gradschool.score.floors import find_floors
from gradschool.score.metrics import find_metrics
from gradschool.score.probe import image_answers
from gradschool.settings import Goal


def examples(count: int, start: int = 0) -> list[Example]:
    """Examples of two labels in turn, each with an image of its own."""
    made = []
    for number in range(start, start + count):
        asked = Message("user", IMAGE, images=(Image(f"{number:064x}"),))
        answer = Message("assistant", ("cat", "dog")[number % 2])
        made.append(Example(str(number), (asked, answer), str(number), Source("x", number)))
    return made


def seen(example: Example) -> list[float]:
    """Features of which one shows the label, with noise, and the others are noise."""
    noise = np.random.default_rng(int(example.id)).normal(0, 1, 6)
    noise[2] = noise[2] * 0.3 + (1.5 if example.ideal == "dog" else -1.5)
    return [float(one) for one in noise]


def test_a_probe_finds_what_the_features_show() -> None:
    train, test = examples(120), examples(60, 200)
    found = image_answers(train, test, seen)
    right = {kind: sum(a == e.ideal for a, e in zip(answers, test, strict=True)) for kind, answers in found.items()}
    assert right["probe"] >= 57 and 40 <= right["nearest image"] <= right["probe"]


def test_without_labels_or_images_nothing_is_probed() -> None:
    train, test = examples(40), examples(10, 100)
    text = replace(test[0], messages=(Message("user", "What?"), test[0].messages[1]))
    assert image_answers(train, [text, *test], seen) == {}
    free = [replace(one, messages=(one.messages[0], Message("assistant", f"text {one.id}"))) for one in train]
    assert image_answers(free, test, seen) == {}


def test_floors_of_images_are_reported_and_need_not_be_beaten() -> None:
    train, test = examples(60), examples(20, 100)
    metric = Measure(*find_metrics(Goal(metric="label"), Path(), train)).decides
    work = find_floors(train, test, metric, "label", seen)
    try:
        while True:
            next(work)
    except StopIteration as end:
        found = {one.kind: one for one in end.value}
    assert found["probe"].mean > 0.9 and not found["probe"].binding and not found["nearest image"].binding
    assert found["constant"].binding

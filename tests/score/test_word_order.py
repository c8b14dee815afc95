"""The order of words: texts of the author are in one, the same words with some changes are not."""

import random

import numpy as np
import pytest

from gradschool.score.readings import Counts, Reading
from gradschool.score.word_order import WordOrder, learn_order

WHO = ("the baker", "a pilot", "my sister", "the gardener", "an engineer", "our teacher", "the captain", "a farmer")
DID = ("carried", "painted", "found", "repaired", "sold", "borrowed", "noticed", "measured", "wanted", "described")
WHAT = ("a ladder", "the engine", "an umbrella", "the old clock", "two boats", "the map", "a basket", "the window")
WHERE = ("near the river", "behind the station", "in the garden", "under a bridge", "at the market", "on the hill")
WHEN = ("before breakfast", "after the storm", "on Monday", "last winter", "because it rained", "while we waited")


def text(seed: int) -> str:
    chance = random.Random(seed)
    made = (" ".join(map(chance.choice, (WHO, DID, WHAT, WHERE, WHEN))) for _ in range(6))
    return " ".join(f"{sentence[0].upper()}{sentence[1:]}." for sentence in made)


def replaced(words: list[str], every: int, seed: int) -> list[str]:
    chance, pool = random.Random(seed), text(seed + 1).split()
    return [chance.choice(pool) if place % every == 0 else word for place, word in enumerate(words)]


@pytest.fixture(scope="module")
def order() -> WordOrder:
    return learn_order([text(seed) for seed in range(40)], [f"g{seed // 2}" for seed in range(40)])


def accepted(order: WordOrder, texts: list[str]) -> float:
    return float(np.mean([order.accepts(one) for one in texts]))


def test_new_texts_of_the_author_are_accepted_and_disorder_is_not(order: WordOrder) -> None:
    new = [text(seed) for seed in range(100, 120)]
    assert accepted(order, new) >= 0.9
    chance = random.Random(1)
    assert accepted(order, [" ".join(chance.sample(one.split(), len(one.split()))) for one in new]) == 0
    assert accepted(order, [" ".join(replaced(one.split(), 7, 3)) for one in new]) <= 0.2
    fragments = [" ".join(" ".join(one.split()[at : at + 5]) for one in new[at : at + 12]) for at in range(8)]
    assert accepted(order, fragments) <= 0.2
    assert order.disordered_rejected > 0.9


def test_any_text_has_a_score(order: WordOrder) -> None:
    assert all(np.isfinite(order.score(one)) for one in ("", "x", "…", "灯在二楼", "\n\n"))


def test_what_is_left_out_does_not_count() -> None:
    texts = [text(seed) for seed in range(5)]
    reading = Reading.of(texts, None)
    left_out = reading.counts_of(texts[:1])
    without = Reading(reading.frequent, None, reading.numbers, reading.counts_of(texts[1:]))
    found, expected = reading.features(texts[0], left_out), without.features(texts[0], None)
    pairs = [-3, -2, -1]  # the columns of counts
    assert np.array_equal(found[:, pairs], expected[:, pairs])
    assert not np.array_equal(reading.features(texts[0], None)[:, pairs], expected[:, pairs])


def test_runs_are_counted_by_hand() -> None:
    counts = Counts.of([np.array([1, 2, 1, 2])], 3)
    assert counts.count(0, np.array([1, 2, 0])).tolist() == [2, 2, 0]
    assert counts.count(1, np.array([1 * 3 + 2, 2 * 3 + 1, 2 * 3 + 2])).tolist() == [2, 1, 0]

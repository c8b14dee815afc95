"""Copies are found in pieces as well; what an author often says is a habit."""

import random

import numpy as np

from gradschool.score.copies import RUNS, covered, own_runs

WORDS = [
    f"{one}{two}" for one in ("bar", "len", "mos", "tur", "vik", "pol", "zan") for two in ("ter", "gan", "ow", "ish")
]


def text(chance: random.Random, words: int = 60) -> str:
    return " ".join(chance.choices(WORDS, k=words)) + " as I always say to everybody."


def test_fragments_of_texts_are_copied_and_new_text_is_not() -> None:
    chance = random.Random(1)
    texts = [text(chance) for _ in range(30)]
    runs = own_runs(texts, [str(number) for number in range(30)])
    pieces = [chance.choice(texts).split() for _ in range(9)]
    fragments = " ".join(" ".join(words[at : at + 7]) for at, words in enumerate(pieces, 5))
    assert runs.copied(fragments).all()
    assert runs.copied(text(chance)).mean() < 0.2


def test_words_replaced_in_a_copy_leave_it_a_copy() -> None:
    chance = random.Random(2)
    texts = [text(chance) for _ in range(30)]
    runs = own_runs(texts, [str(number) for number in range(30)])
    words = texts[3].split()
    assert runs.copied(" ".join("new" if at % 7 == 6 else word for at, word in enumerate(words))).mean() > 0.7


def test_habits_are_no_copies() -> None:
    chance = random.Random(3)
    runs = own_runs([text(chance) for _ in range(30)], [str(number) for number in range(30)])
    assert not runs.copied("as I always say to everybody").any()


def test_runs_are_longer_for_an_author_who_repeats_himself() -> None:
    chance = random.Random(4)
    phrases = [" ".join(chance.choices(WORDS, k=4)) for _ in range(40)]
    texts = [" ".join(chance.sample(phrases, 10)) for _ in range(24)]
    groups = [str(number) for number in range(24)]
    free = own_runs([text(chance) for _ in range(24)], groups)
    bound = own_runs(texts, groups)
    assert free.size == RUNS[0] and bound.size >= free.size


def test_odd_texts_have_no_runs() -> None:
    empty = np.zeros(0, dtype=np.uint64)
    assert not covered("", 4, empty).any() and not covered("one two", 4, np.array([1], dtype=np.uint64)).any()
    assert len(covered("one two three", 2, empty)) == 3

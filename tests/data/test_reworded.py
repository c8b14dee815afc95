"""Longer questions with some changed words: what must be linked, and what must not."""

import random

import pytest

from gradschool.data.near_duplicates import alike, near_duplicates
from gradschool.data.reworded import reworded
from gradschool.data.short_texts import Corpus, Limits

SYLLABLES = ("ba", "co", "dir", "fen", "gul", "ham", "lo", "mer", "nis", "pol", "ra", "sti", "tor", "ve", "wan")


def story(seed: int) -> str:
    """110 words without a meaning, most of them long."""
    chance = random.Random(seed)
    return " ".join("".join(chance.choices(SYLLABLES, k=chance.randint(1, 4))) for _ in range(110))


def replaced(text: str, every: int) -> str:
    words = text.split()
    words[3::every] = ["quince"] * len(words[3::every])
    return " ".join(words)


def misspelt(text: str) -> str:
    """Every twelfth long word without its fourth character."""
    words = text.split()
    for place in [place for place, word in enumerate(words) if len(word) > 7][::12]:
        words[place] = words[place][:3] + words[place][4:]
    return " ".join(words)


@pytest.mark.parametrize("change", [lambda text: replaced(text, 12), misspelt], ids=["words", "typos"])
def test_a_long_question_with_changes_is_linked(make, change):
    texts = [story(seed) for seed in range(12)]
    both = [*texts, *map(change, texts)]
    examples = [make(n, text, f"answer {n % 12}") for n, text in enumerate(both, 10)]
    assert all(len(text) > 400 for text in texts)
    assert near_duplicates(examples, 0.8) == [(f"e{n + 10}", f"e{n + 22}") for n in range(12)]


def test_other_texts_other_numbers_and_other_answers_are_not_linked(make):
    text = story(1)
    assert near_duplicates([make(n, story(n), "one answer") for n in range(40)], 0.8) == []
    numbers = [make(n, f"invoice {n}: {text}", "one answer") for n in (1, 2)]
    assert not len(reworded(_corpus(numbers), Limits.of(0.8)))
    answers = [make(1, text, "it was sold"), make(2, replaced(text, 12), "it was bought")]
    assert near_duplicates(answers, 0.8) == []
    assert near_duplicates([make(1, text, "it was sold"), make(2, misspelt(text), "it was bought")], 0.8)


def test_short_texts_and_none_have_no_pairs(make):
    assert reworded(_corpus([]), Limits.of(0.8)).shape == (0, 2)
    assert not len(reworded(_corpus([make(n, "a short one", "a") for n in range(3)]), Limits.of(0.8)))


def test_a_template_is_not_one_question(make):
    frame = " ".join(story(seed) for seed in (1, 2))
    examples = [make(n, f"{frame} {story(100 + n)}", "one answer") for n in range(60)]
    assert max(map(len, alike(examples, 0.8)), default=1) < 20


def _corpus(examples) -> Corpus:
    return Corpus([example.last_user.lower() for example in examples], [example.ideal for example in examples])

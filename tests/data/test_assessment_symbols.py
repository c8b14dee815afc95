"""Symbols such as emoji assess an answer alone, several times, and next to words."""

import pytest

from gradschool.data.assessment_names import grade_in, word_of
from gradschool.data.assessment_symbols import BAD_SYMBOLS, GOOD_SYMBOLS, divided, symbol_in
from gradschool.data.assessment_words import BAD_WORDS, GOOD_WORDS


@pytest.mark.parametrize(
    "value",
    ["👎", "👎🏿", "👎👎", "👎 bad", "bad 👎🏽", "negative 😡", "😡 negative", "🔴 wrong", "❌ no", "👎 wrong price",
     "💩", "very bad 😡😡", "good? 👎", "☹️"],
)  # fmt: skip
def test_bad_is_bad_whatever_stands_next_to_it(value: str) -> None:
    assert grade_in(value) in BAD_WORDS


@pytest.mark.parametrize("value", ["👍", "👍🏽", "good 👍", "👍 gut", "✅ approved", "ok 👌", "🟢", "🎉🎉", "❤️"])
def test_good_is_good(value: str) -> None:
    assert grade_in(value) in GOOD_WORDS and grade_in(value) not in BAD_WORDS


@pytest.mark.parametrize(
    "value, word", [("❌ Rejected by Ada", "rejected_by_ada"), ("✓", "✓"), ("⛔ do not train", "do_not_train")]
)
def test_words_go_before_symbols(value: str, word: str) -> None:
    assert word_of(value) == word


def test_stars_stay_with_the_number_that_they_show() -> None:
    assert divided("★★☆☆☆") == ("★★☆☆☆", [])


def test_a_symbol_that_means_bad_decides() -> None:
    assert symbol_in(["🙂", "👎"]) == "👎" and symbol_in(["🐘", "🙂"]) == "🙂" and symbol_in([]) == ""
    assert not BAD_SYMBOLS & GOOD_SYMBOLS

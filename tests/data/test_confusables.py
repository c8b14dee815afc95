"""Lookalikes: a text that looks the same is the same question, and words in another script stay words of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradschool.data.confusables import fold_lookalikes
from gradschool.data.near_duplicates import near_duplicates
from gradschool.data.normalize import compose, normalize, normalized_question
from gradschool.records import Example, Message, Source

ASKED = "Where is my card? I have been waiting for a week."
RUSSIAN = "Где моя карта? Я жду её уже неделю, а счёт пуст."
AS_CYRILLIC = str.maketrans("aeocpxyishWH", "аеосрхуіѕһԜН")
DISGUISED = {
    "some Cyrillic letters": (ASKED, "Whеrе is my саrd? I have been waiting for а week."),
    "all letters that Cyrillic has": (ASKED, ASKED.translate(AS_CYRILLIC)),
    "Greek letters": (ASKED, "Where is mγ card? Ι hαve been waiting fοr a week."),
    "full-width letters": (ASKED, "Ｗｈｅｒｅ ｉｓ my card? I have been waiting for a week."),
    "bold letters of mathematics": (ASKED, "𝐖𝐡𝐞𝐫𝐞 is my card? I have been waiting for a week."),
    "zero-width signs": (ASKED, "Whe\u200bre is my ca\u200drd? I have b\u2060een wait\ufe0fing for a w\u00adeek."),
    "zero-width signs everywhere": (f"{ASKED} It’s the 50/50-card!", "\u200d".join(f"{ASKED} It’s the 50/50-card!")),
    "Latin letters in Russian": (RUSSIAN, RUSSIAN.translate(str.maketrans("асео", "aceo"))),
    "next to a letter with an accent": ("my résumé is gone today", "my résumé is gonе tоday"),
}  # fmt: skip


def example(name: str, text: str) -> Example:
    return Example(name, (Message("user", text), Message("assistant", "card")), name, Source("x", 1))


@pytest.mark.parametrize(("plain", "disguised"), DISGUISED.values(), ids=DISGUISED.keys())
def test_a_disguised_question_is_the_same_question(plain: str, disguised: str) -> None:
    assert compose(plain) != compose(disguised)  # what is trained and scored keeps its letters
    assert normalized_question(example("a", plain)) == normalized_question(example("b", disguised))
    assert near_duplicates([example("a", plain), example("b", disguised)], 0.8) == [("a", "b")]


@pytest.mark.parametrize("text", ["рот", "сор и рот", "Πού είναι η κάρτα μου", "iphoneом", "ка\u0301рта"])
def test_words_of_another_script_stay(text: str) -> None:
    assert normalize(text) == normalize(compose(text)) == compose(text).casefold()


def test_a_russian_word_with_letters_of_its_own_stays_in_an_english_text() -> None:
    assert normalize("Translate собака and мышь, please") == "translate собака and мышь please"


def test_digits_stay_different() -> None:
    assert len({normalize(text) for text in ("room l0", "room 10", "room lO", "room З0", "room 30")}) == 5


@given(st.text(alphabet="aecopxйжaеосрхαοηω \u200bé'1", max_size=40))
def test_folding_twice_is_folding_once(text: str) -> None:
    once = fold_lookalikes(text)
    assert fold_lookalikes(once) == once
    assert len(once) == len(text)

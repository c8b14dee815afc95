"""Keys and values of assessments are understood in many languages, with the words around them."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradschool.data.assessment_names import grade_in, name_of, word_of
from gradschool.data.assessment_words import BAD_WORDS, GOOD_WORDS


@pytest.mark.parametrize(
    "key, name",
    [
        ("Bewertung", "rating"), ("Bewertung der Antwort", "rating"), ("Kundenbewertung", "rating"), ("Note", "note"),
        ("calificación", "rating"), ("Calificacion de la respuesta", "rating"), ("évaluation", "evaluation"),
        ("valutazione (1-5)", "rating"), ("оценка ответа", "rating"), ("回答の評価", "rating"), ("答案评分", "rating"),
        ("답변 평가", "rating"), ("ocena", "rating"), ("Qualität", "quality"), ("quality score", "rating"),
        ("Ist die Antwort richtig?", "correct"), ("Was the answer helpful?", "helpful"), ("freigegeben", "approved"),
        ("Für Training verwenden", "use"), ("Nicht fürs Training verwenden", "exclude"), ("no usar", "exclude"),
        ("Don't use for training!", "exclude"), ("Use for training yes/no", "use_for_training"), ("Antwort ok?", "ok"),
        ("Verwenden (ja/nein)", "use"), ("Never use in training", "exclude"),
        ("utilisable pour l’entraînement", "use"), ("ausschließen", "exclude"), ("除外", "exclude"),
        ("是否正确", "correct"),
        ("статус", "status"), ("Use for training? (yes/no)", "use_for_training"), ("correct_answer", "correct_answer"),
        ("user_verified", "user_verified"), ("order_status", "order_status"), ("question_quality", "question_quality"),
        ("Fragenbewertung", "fragenbewertung"),
    ],
)  # fmt: skip
def test_a_key_has_its_english_name_however_people_write_it(key: str, name: str) -> None:
    assert name_of(key) == name == name_of(unicodedata.normalize("NFD", key)) == name_of(key.upper())


@pytest.mark.parametrize(
    "value",
    [
        "schlecht",
        "Sehr schlecht!",
        "nicht gut",
        "mala",
        "pas bon",
        "très mauvais",
        "плохо",
        "悪い",
        "很差",
        "나쁨",
        "zła",
    ],
)
def test_bad_is_bad_in_many_languages(value: str) -> None:
    assert word_of(value) in BAD_WORDS


@pytest.mark.parametrize(
    "value", ["gut", "nicht schlecht", "buena", "très bien", "отлично", "良い", "很好", "좋음", "mittel"]
)
def test_so_is_good(value: str) -> None:
    assert word_of(value) in GOOD_WORDS


def test_a_grade_may_have_its_reason_with_it():
    assert [grade_in(value) in BAD_WORDS for value in ("poor (too long)", "👎 wrong price", "Schlecht: zu lang")] == [
        True
    ] * 3
    assert [grade_in(value) in BAD_WORDS for value in ("No, thanks", "A badly lit room", "not now")] == [False] * 3


@given(st.text(max_size=30))
def test_any_text_has_a_name_and_a_word(text: str) -> None:
    assert isinstance(name_of(text), str) and isinstance(word_of(text), str) and isinstance(grade_in(text), str)

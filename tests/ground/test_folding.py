import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from gradschool.ground.folding import folded


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=40))
def test_all_forms_of_a_text_are_folded_alike(text: str) -> None:
    assert folded(unicodedata.normalize("NFD", text)) == folded(unicodedata.normalize("NFC", text))


def test_the_parts_of_a_broken_word_are_words_too() -> None:
    assert folded("a well-\nknown") == "a wellknown well known"

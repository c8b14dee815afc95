"""Character n-grams of texts in blocks: equal to those of each text alone."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gradschool.data.char_grams import char_grams
from gradschool.data.normalize import normalize


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("ab猫 犬é😀\ud800", max_size=9), max_size=6))
def test_a_text_has_the_same_grams_in_any_company(texts: list[str]) -> None:
    together = [found.tolist() for found in char_grams(texts).sets()]
    assert together == [char_grams([text]).sets()[0].tolist() for text in texts]
    assert all(together)


def test_grams_agree_with_slices() -> None:
    texts = [normalize("Where is my card?"), "a", "", "where is my bard"]
    grams = char_grams(texts)
    assert grams.counts.tolist() == [len(text) + 2 - 4 if len(text) > 2 else 1 for text in texts]
    first, *_, last = grams.sets()
    slices = [{f" {text} "[i : i + 5] for i in range(len(text) - 2)} for text in (texts[0], texts[3])]
    assert len(set(first.tolist()) & set(last.tolist())) == len(slices[0] & slices[1])


def test_a_character_of_a_script_without_letters_counts_as_several() -> None:
    [card, typo] = char_grams(["我的银行卡在哪里呢", "我的银行卡在那里呢"]).sets()
    common = len(set(card.tolist()) & set(typo.tolist()))
    assert common / (len(card) + len(typo) - common) > 0.5  # with 5-grams of whole characters it would be .2

import pytest

from gradschool.data.broken_words import join_broken_words


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("die Rück-\ngabe", "die Rückgabe"),
        ("die Rück-\n   gabe", "die Rückgabe"),
        ("Haupt-\nund Nebenkosten", "Haupt-\nund Nebenkosten"),
        ("per E-\nMail", "per E-Mail"),
        ("COVID-\n19", "COVID-19"),
        ("a well-\nknown and well-known fact", "a well-known and well-known fact"),
        ("営業時\n間", "営業時間"),
        ("a list -\nof things", "a list -\nof things"),
        ("- one\n- two", "- one\n- two"),
        ("plain\ntext", "plain\ntext"),
        ("новости сайта пере-\nводятся", "новости сайта переводятся"),
    ],
)
def test_words_broken_at_line_ends_are_whole_again(text: str, joined: str) -> None:
    assert join_broken_words(text) == joined

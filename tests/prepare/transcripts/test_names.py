"""Who sent a dated message: the name without the words that a program writes around it."""

import pytest

from gradschool.prepare.transcripts.names import undirected


@pytest.mark.parametrize(
    "asks, helps",
    [("From Ida Fenn to Everyone", "From Lev Orr to Everyone"), ("From Ida Fenn", "From Lev Orr"),
     ("Von Ida Fenn an Alle", "Von Lev Orr an Alle"), ("De Ida Fenn à Tous", "De Lev Orr à Ida (Message direct)")],
)  # fmt: skip
def test_words_around_all_names_are_left_out(asks, helps):
    assert undirected([(asks, "Is it in?"), (helps, "It is.")]) == [("Ida Fenn", "Is it in?"), ("Lev Orr", "It is.")]


@pytest.mark.parametrize("names", [("From Ida", "Lev"), ("De Vries", "Ida Fenn"), ("From Ida", "From Ida")])
def test_other_names_stay(names):
    spoken = [(name, "Hello.") for name in names]
    assert undirected(spoken) == spoken


def test_a_name_that_the_user_gives_stays():
    spoken = [("De Vries", "Hello."), ("De Jong", "Hi.")]
    assert undirected(spoken, {"de_vries"}) == spoken

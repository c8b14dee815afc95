"""The languages of examples: by the answer, or by the question if the answer shows none."""

from gradschool.data.languages import language_of_pair, languages, name_of
from gradschool.records import Example, Message, Source

GERMAN = "Das Boot liegt seit Montag im Hafen und wird am Freitag wieder zu Wasser gelassen."
ENGLISH = "The boat has been in the harbour since Monday and will be launched again on Friday."


def example(number: int, question: str, ideal: str) -> Example:
    messages = (Message("user", question), Message("assistant", ideal))
    return Example(f"e{number}", messages, f"g{number}", Source("r.jsonl", number))


def test_the_answer_decides_and_the_question_where_it_shows_no_language() -> None:
    assert language_of_pair(ENGLISH, GERMAN) == "de"
    assert language_of_pair(GERMAN, '{"state": "launched", "day": "Friday", "place": "the harbour"}') == "de"
    assert language_of_pair(GERMAN, "7") == "de"


def test_languages_come_by_frequency_and_from_an_even_sample() -> None:
    several = [example(n, ENGLISH, GERMAN if n % 4 == 0 else ENGLISH) for n in range(900)]
    found = languages(several)
    assert list(found) == ["en", "de"] and (len(found["en"]), len(found["de"])) == (225, 75)
    assert len(languages(several[:9])["de"]) == 3


def test_names() -> None:
    assert name_of("de") == "German (de)" and name_of("xx") == "'xx'"

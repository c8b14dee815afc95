"""Names in scripts without spaces and capitals."""

from gradschool.prepare.caseless import Caseless, has_case
from gradschool.prepare.options import private_modes
from gradschool.prepare.pseudonyms import Pseudonyms


def test_the_longest_name_is_found_inside_a_sentence() -> None:
    names = Caseless()
    names.add_words(["大野", "健二"], "Arden", "Rushmere")
    names.add_words(["김하늘"], "Corin", "Marlpit")
    names.add_words(["Anna", "Keller"], "Davan", "Hollowell")
    text = "大野健二様、大野です。김하늘님、Anna"
    assert [(text[start:end], pseudonym) for start, end, pseudonym in names.find(text)] == [
        ("大野健二", "Arden Rushmere"),
        ("大野", "Rushmere"),
        ("김하늘", "Corin Marlpit"),
    ]
    assert not list(names.find("plain words")) and not list(Caseless().find(text))


def test_names_without_capitals_get_pseudonyms() -> None:
    made = Pseudonyms(private_modes(""))
    made.people.register([("大野 健二", "o@x.example"), ("דנה לוי", "d@x.example")])
    for text, hidden in (("大野様、ありがとう。", "大野"), ("שלום דנה, תודה", "דנה")):
        assert hidden not in made.replace(text, [], "en")[0]
    assert has_case("Anna") and not has_case("大野")

"""Pseudonyms: the same for the same person, undone by the map, never for words that are not names."""

import json
from typing import Any

import pytest

from gradschool.data.review_rows import ReviewRow
from gradschool.errors import UsageError
from gradschool.prepare.options import private_modes
from gradschool.prepare.people import People, name_words
from gradschool.prepare.placeholders import made_up
from gradschool.prepare.pseudonyms import Pseudonyms
from gradschool.prepare.review import ValueDecision
from gradschool.prepare.saved_names import SavedNames

PEOPLE = [
    ("Anna Keller", "anna.keller@boats.example"),
    ("Müller, Tom", "tom@gmail.com"),
    ("May Hart", "may@boats.example"),
    ("Jan van der Berg", "jan@example.net"),
    ("Boats Office Team", "office@boats.example"),
]


def names(private: str = "", **more: Any) -> Pseudonyms:
    made = Pseudonyms(private_modes(private), **more)
    made.people.register(PEOPLE)
    made.people.keep_names(["Ambrose Pellow"])
    return made


def said(made: Pseudonyms, text: str, *near: int, language: str = "en") -> str:
    return made.replace(text, [PEOPLE[number] for number in near], language)[0]


@pytest.mark.parametrize(
    "name", ["+32 470 555 0199", "🦊 Jo", "Jo (Ghent)", "Jo & Sons", "sunny_99", "ana from work", "李雷"]
)
def test_every_speaker_has_a_pseudonym_that_stays(name: str) -> None:
    people = People()
    people.meet(name)
    (person,) = people.entries
    assert name.casefold() in person.names
    people.register([(name, "")] * 3)
    people.meet(name)
    again = People()
    again.restore(people.as_map())
    again.meet(name)
    assert len(people.entries) == len(again.entries) == 1
    text = f"I am {name}, she said"
    for register in (people, again):
        found = [(span.value, pseudonym) for span, pseudonym in register.names_in(text, ())]
        assert found == [(name, person.pseudonym)]


def test_a_second_run_finds_the_names_of_the_first() -> None:
    """A name from a greeting may be an ordinary word, and is not searched for as a whole name, on any run."""
    text = "Dear Vicar,\n\nDelia P. told the vicar that the bells are back.\n\nYours,\nDelia"
    saved: SavedNames | None = None
    found = []
    for _ in range(3):
        people = People()
        if saved:
            people.restore(saved)
        people.register([("Delia Pargeter", "delia@pargeter.example")])
        people.register_called(["Vicar", "Delia P"])
        people.note_lowercase(text)
        found.append([(span.start, span.value, pseudonym) for span, pseudonym in people.names_in(text, ())])
        saved = people.as_map()
    assert found[0] == found[1] == found[2] != []


def test_a_short_number_or_an_ordinary_word_is_replaced_nowhere() -> None:
    people = People()
    for name in ("42", "may", "🦊"):
        people.meet(name)
    assert not list(people.names_in("it costs 42 in may 🦊", ()))


def test_all_forms_of_a_name_have_the_same_pseudonym() -> None:
    made = names()
    whole = said(made, "Anna Keller and Jan van der Berg", 0)
    given, family = whole.partition(" and ")[0].split()
    assert said(made, "Dear Anna,", 0) == f"Dear {given}," and said(made, "Mr Keller came.") == f"Mr {family} came."
    assert said(made, "Anna's and KELLER", 0) == f"{given}'s and {family.upper()}"
    assert said(made, "anna.keller@boats.example").startswith(f"{given}.{family}@".lower())
    assert "Berg" not in whole and "Jan" not in whole


def test_numbers_and_addresses_have_one_pseudonym_in_every_notation() -> None:
    made = names()
    text = said(made, "Call 020 7946 0112 or (020) 7946-0112; IBAN DE89 3704 0044 0532 0130 00.")
    first, _, rest = text.removeprefix("Call ").partition(" or ")
    assert rest.startswith(first) and "DE89" not in text and first == made_up("phone number", 0)
    assert said(made, "jan@example.net and nobody@boats.example").count("@") == 2


def test_words_that_are_not_names_are_unchanged() -> None:
    made = names()
    made.people.note_lowercase("you may come, if the hart is well")
    text = "May I come? The Office Team is closed."
    assert said(made, text, 2) == text
    assert said(made, "Dear May,", 2) != "Dear May," and said(made, "I saw May there.", 2) != "I saw May there."
    assert said(made, "I saw May there.") == "I saw May there."  # May Hart takes no part in this thread
    assert said(made, "Yours, Ambrose Pellow") == "Yours, Ambrose Pellow"


def test_names_in_greetings_and_signatures_are_replaced_unless_they_are_words() -> None:
    made = names()
    made.people.register_called(["Odile", "Rose", "Anyone", "Odile"])
    assert len([person for person in made.people.entries if "odile" in person.names]) == 1
    made.people.note_lowercase("prices rose; is anyone there? thanks, odile")
    odile = said(made, "Odile came.").partition(" ")[0]
    assert odile != "Odile" and said(made, "Hi odile, ok?") == f"Hi {odile.lower()}, ok?"
    for text in ("Dear Rose,\n\nyes.", "All is well here.\n\nThanks, Rose"):
        assert "Rose" not in said(made, text)
    assert (
        said(made, "Dear Anyone,\nAnyone may come. Rose of Sharon.") == "Dear Anyone,\nAnyone may come. Rose of Sharon."
    )


def test_a_first_name_and_the_full_name_are_one_person_in_any_order() -> None:
    for order in (["Denise", "Denise Walker"], ["Denise Walker", "Denise"]):
        people = People()
        people.register([("Denise", "desk@quay.example")])
        people.register_called(order)
        assert len(people.entries) == 1
    both = People()
    both.register_called(["Denise", "Denise Walker", "Denise Hill"])
    found = [pseudonym for _, pseudonym in both.names_in("Denise came.", [("Denise Hill", "")])]
    assert found == [both.entries[1].given] and len(both.entries) == 2


def test_the_address_of_a_list_gets_a_pseudonym_of_nobody() -> None:
    made = names()
    made.people.lists.add("knots@boats.example")
    people = len(made.people.entries)
    first = said(made, "knots@boats.example, Knots@boats.example")
    assert first.startswith("list-") and len(set(first.split(", "))) == 1 and len(made.people.entries) == people
    again = Pseudonyms(private_modes(""), SavedNames.parse(json.loads(made.as_map().text)))
    assert said(again, "knots@boats.example") == first.split(", ")[0] and said(again, first) == first


def test_the_map_repeats_and_undoes_the_pseudonyms() -> None:
    made = names()
    text = "Dear Anna, Tom Müller (tom@gmail.com, 020 7946 0112) and Mr Keller."
    first = said(made, text, 0)
    kept = SavedNames.parse(json.loads(made.as_map().text))
    again = Pseudonyms(private_modes(""), kept)
    again.people.keep_names(["Ambrose Pellow"])
    assert said(again, text, 0) == first
    again.people.register([("Eve Newcomer", "eve@example.org")])
    assert said(again, text, 0) == first and said(again, "Eve Newcomer") != "Eve Newcomer"
    undone = first
    for person in kept.people:
        given, family = person.pseudonym.split()
        for name in person.names:
            undone = undone.replace(given, name.split()[0].title()).replace(family, name.split()[-1].title())
    for value in kept.values:
        undone = undone.replace(value.pseudonym, value.value)
    assert "Dear Anna" in undone and "020 7946 0112" in undone and "Mr Keller" in undone


def test_pseudonyms_are_not_replaced_again() -> None:
    made = names()
    once = said(made, "Anna Keller, anna.keller@boats.example, 020 7946 0112, 203.0.113.77", 0)
    assert said(made, once, 0) == once


def test_each_person_has_a_different_pseudonym() -> None:
    made = Pseudonyms(private_modes(""))
    made.people.register([(f"Given{chr(97 + n % 26)}{n} Family{n}", f"p{n}@example.org") for n in range(2_000)])
    assert len({person.pseudonym for person in made.people.entries}) == 2_000


def test_kinds_can_be_kept_or_dropped() -> None:
    made = names("pseudonyms,phone=drop,name=keep")
    text, pieces = made.replace("Anna Keller, 020 7946 0112, jan@example.net", [], "en")
    assert text.startswith("Anna Keller, 020 7946 0112, ") and "jan@" not in text
    modes = {piece.kind: piece.mode for piece in pieces}
    assert modes == {"phone number": "drop", "name": "keep", "e-mail address": "pseudonyms"}


@pytest.mark.parametrize("text", ["hide", "pseudonyms,shoe=keep", "phone=hide"])
def test_unknown_modes_name_the_choices(text: str) -> None:
    with pytest.raises(UsageError, match=r"choose one of|did you mean"):
        private_modes(text)


def test_decisions_about_values_are_applied() -> None:
    made = names()
    pieces = made.replace("Call 020 7946 0112, write jan@example.net, ask Anna Keller.", [], "en")[1]
    keys = {piece.kind: piece.key for piece in pieces}
    decisions = {
        keys["phone number"]: ValueDecision("keep", "", ReviewRow()),
        keys["e-mail address"]: ValueDecision("pseudonyms", "x@example.com", ReviewRow()),
        keys["name"]: ValueDecision("drop", "", ReviewRow()),
    }
    again = names(decisions=decisions)
    text, pieces = again.replace("Call 020 7946 0112, write jan@example.net, ask Anna Keller.", [], "en")
    assert text == "Call 020 7946 0112, write x@example.com, ask Anna Keller."
    assert {piece.kind for piece in pieces if piece.mode == "drop"} == {"name"}


@pytest.mark.parametrize(
    "name, words",
    [
        ("Keller, Anna", "Anna Keller"),
        ("Dr. Anna Keller (Sales)", "Anna Keller"),
        ("Anna Keller, Boats Ltd", "Anna Keller"),
        ("van der Berg, Jan", "Jan van der Berg"),
        ("Miss Bell", "Bell"),
        ("the Okafors", ""),
        ("Maddox & Daughter", ""),
        ("anna@example.org", ""),
        ("County Highways", ""),
        ("'Anna Keller' via Sailors", "Anna Keller"),
        ("Anna Keller | Boats", "Anna Keller"),
        ("Anna Keller - Boats and More", "Anna Keller"),
        ("anna keller", "Anna Keller"),
        ("newsletter weekly", ""),
    ],
)
def test_display_names_are_recognized_as_people_or_not(name: str, words: str) -> None:
    assert " ".join(name_words(name)) == words

"""Names in greetings, signatures and copies: found in many forms, not taken from roles, places and sentences."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradschool.prepare.called import called


@pytest.mark.parametrize(
    "text, names",
    [
        ("Dear Odile, thank you.\n\nKind regards\nOlav Berg", ("Odile", "Olav Berg")),
        ("Where is the kettle?\n\nOdile at Quay Supplies", ("Odile",)),
        ("Where is the kettle that I paid for?\n\nOdile (Quay Supplies)", ("Odile",)),
        ("Where is the kettle? Thanks, Odile", ("Odile",)),
        ("Kind regards, Odile from Accounts", ("Odile",)),
        ("Hi Odile and Tom,\nx", ("Odile", "Tom")),
        ("Liebe Anna, lieber Tom,\n\nja.", ("Anna", "Tom")),
        ("Sehr geehrter Herr Dr. Lindqvist,\n\nja.", ("Lindqvist",)),
        ("Dear Mr. and Mrs. Adeyemi-Lund,", ("Adeyemi-Lund",)),
        ("Good morning Mrs O\u2019Hara,", ("O\u2019Hara",)),
        ("Bonjour Élodie,\nmerci\nCordialement\nÉlodie Marchand", ("Élodie", "Élodie Marchand")),
        ("My name is Ngozi Obi and my policy lapsed.", ("Ngozi Obi",)),
        ("This is Odile from Quay Supplies.", ("Odile",)),
        ("Здравствуйте, Мира!\nДа.", ("Мира",)),
        ("大野様\n\nお世話になっております。", ("大野",)),
        ("It is still not here and I want it now.\n- Odile", ("Odile",)),
        ("Dear Denise Walker (Harbour Mutual),\nx", ("Denise Walker",)),
        ("Hi Denise and team,\nx", ("Denise",)),
        ("Hi Denise just checking in", ("Denise",)),
        ("Hi Denise I am late", ("Denise",)),
        ("Dear D. Walker,\nx", ("D Walker",)),
        ("Dear Adeyemi family,\nx", ("Adeyemi",)),
        ("Liebe Familie Adeyemi,\nx", ("Adeyemi",)),
        ("Denise,\n\nthank you.", ("Denise",)),
        ("FAO Denise Walker\nI need it.", ("Denise Walker",)),
        ("All is well.\ncc Denise at Quay Mutual", ("Denise",)),
        ("All is well.\nCc: Denise Walker, Tom Hill; Mira (Quay Mutual)", ("Denise Walker", "Tom Hill", "Mira")),
        ("Kopie an: Denise Walker\nAlles gut.", ("Denise Walker",)),
        ("I have cc'd Denise at Quay Mutual, who knows.", ("Denise",)),
        ("Where is the kettle that I paid for?\n\nDenise Walker\nQuay Mutual", ("Denise Walker",)),
        ("Where is the kettle that I paid for?\n\nDenise xx", ("Denise",)),
        ("Best wishes\nOlav and Mira Berg", ("Olav", "Mira Berg")),
        ("Kind regards\np.p. Denise Walker MSc", ("Denise Walker",)),
        ("It came. Thanks Jorin!\nSam", ("Jorin", "Sam")),
        ("It came. Best, Sam\nSent from my phone", ("Sam",)),
        ("Dear Customer,\nyour parcel is here.", ()),
        ("Dear Sir or Madam,\nx", ()),
        ("Hi both,\nx", ()),
        ("Hi team,\nx", ()),
        ("Bonjour à tous,\nx", ()),
        ("Hallo Zusammen,\nx", ()),
        ("Dear Finance,\nx", ()),
        ("Hello Amazon support, where is it?", ()),
        ("Dear Garden lovers of the north,\nx", ()),
        ("Hi Garden lovers\nx", ()),
        ("Dear Garden and allotment lovers,\nx", ()),
        ("However,\n\nthe boat is here.", ()),
        ("Roses,\nof all colours,", ()),
        ("It has 50 cc Honda engines.", ()),
        ("Copy Section 4.", ()),
        ("The colours are as follows.\n\nRed Boat\nBlue Boat", ()),
        ("Hi there,\nall is well.", ()),
        ("Hey Support Team,\nhelp.", ()),
        ("To whom it may concern,\nx", ()),
        ("Sehr geehrte Damen und Herren,\n\nja.", ()),
        ("Thanks for your help with Berlin", ()),
        ("Best wishes to all of you from sunny Spain", ()),
        ("Berlin", ()),
        ("Dear all,\nplease come.", ()),
        ("Thank you for the boat, it floats.\nBest\nHarbour Insurance", ()),
    ],
)
def test_names_of_reader_and_writer(text: str, names: tuple[str, ...]) -> None:
    assert called(text) == names


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet=st.sampled_from(list("Dear AnaBest,.\n-()様 regards")), max_size=200) | st.text(max_size=200))
def test_names_are_words_of_the_text(text: str) -> None:
    assert all(word in text for name in called(text) for word in name.split())


@pytest.mark.parametrize(
    "text, names",
    [
        ("hi anna,\n\nthe part is here.\n\ncheers, tom", ("Anna", "Tom")),
        ("hi anna\n\nthe part is here now.\n\ncheers\ntom", ("Anna", "Tom")),
        ("hey anna & ben!\nok, see you there.", ("Anna", "Ben")),
        ("Hi anna,\nThe part is here.\n\nCheers, tom", ("Anna", "Tom")),
        ("hi anna, just checking in", ("Anna",)),
        ("liebe anna,\nwir kommen.\nlg, tom", ("Anna", "Tom")),
        ("salut marie,\nc'est fait.\nbises, luc", ("Marie", "Luc")),
        ("hi all,\nplease see the list.\nthanks again", ()),
        ("hi there,\nplease call back.\nthanks, bye", ()),
        ("hi love,\nhome at six.\nxx", ()),
        ("hi the price is wrong,\ncall me.", ()),
        ("hi again,\nis it shut?\nthanks, will do", ()),
        ("Dear valued shareholder,\nthe meeting is near.", ()),
    ],
)
def test_names_without_capitals_are_names_in_greetings_and_signatures(text, names):
    assert called(text) == names

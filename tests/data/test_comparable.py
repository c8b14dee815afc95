"""What does not count when questions are compared: markup, accents, and the numbers around them."""

import pytest

from gradschool.data.comparable import bare, bare_question, comparable, comparable_question, plain, unnumbered
from gradschool.data.near_duplicates import near_duplicates


@pytest.mark.parametrize(
    "text, expected",
    [
        ("<p>Where is <b>my</b>&nbsp;card?</p>", "where is my card"),
        ("Where is<br/>my card", "where is my card"),
        ('<a href="https://example.org/x">Where</a> is my card', "where is my card"),
        ("&lt;p&gt;Where is my card&lt;/p&gt;", "where is my card"),
        ("Wo ist die Größe für Übermäßiges?", "wo ist die grosse fur ubermassiges"),
        ("أَيْنَ البِطاقة", "أين البطاقة"),
        ("Đường này dẫn đến đâu", "duong nay dan den dau"),
        ("Łódź og blåbærsyltetøy, son cœur", "lodz og blabaersyltetoy son coeur"),
        ("KAPININ anahtarı", "kapinin anahtari"),
        ("كتاب يدي إلى المدرسة", "کتاب یدی الی المدرسه"),
        ("It weighs 1,500g or 2kg", "it weighs 1500 g or 2 kg"),
        ("データ が あります", "データ が あります"),  # another syllable without its mark
        ("กี่ที่นั่ง", "กี่ที่นั่ง"),
    ],
)
def test_markup_and_accents_do_not_count(text, expected):
    assert comparable(text) == comparable(expected)


@pytest.mark.parametrize("text", ["what does <b> do", "is a < b > c", "use vector<int> here", "2 <3 and 4> 1", "R&D"])
def test_what_is_no_page_keeps_its_signs(text):
    assert plain(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Ticket 4711: where is my parcel?",
        "[#4711] where is my parcel?",
        "Order 12-33 - where is my parcel?",
        "On 3 May 10:33: where is my parcel?",
        "2024-05-03 where is my parcel?",
        "where is my parcel? (ref. 12)",
        "where is my parcel? Order 4711",
        "No. 7: where is my parcel? (Case 12, 3 May)",
    ],
)
def test_numbers_around_a_question_are_left_out(text):
    assert comparable(bare(text)) == "where is my parcel"


@pytest.mark.parametrize(
    "text",
    [
        "Where is my parcel with 2 boxes of 5 pounds?",
        "What is lot 7?",
        "what did we pay for invoice 131",
        "In 2019, how much was it?",
        "Is it 7? Please say so (now)",  # no number at the end
        "7: no idea",  # too little without it
        "",
    ],
)
def test_numbers_in_a_question_stay(text):
    assert bare(text) == text


def test_a_number_of_which_the_answer_may_depend_is_kept(make):
    asked, told = (
        make(1, "Ticket 12: is it on its way", "Yes."),
        make(2, "Ticket 12: is it on its way", "Ticket 12 is."),
    )
    assert bare_question(asked, comparable_question(asked)) == "is it on its way"
    assert bare_question(told, comparable_question(told)) == comparable_question(told) == "ticket 12 is it on its way"


def test_unnumbered_leaves_out_what_is_around_the_numbers():
    assert unnumbered("Ticket 4711: where is my parcel? (3 May 2024)") == "where is my parcel?"
    assert unnumbered("where is my parcel") == "where is my parcel"


QUESTIONS = (
    "why was the deposit of the cabin kept",
    "can the ferry carry a tandem today",
    "who repairs the slipway now",
)


@pytest.mark.parametrize(
    "write",
    [
        lambda text, n: f"Ticket {4000 + n}: {text}",
        lambda text, n: f"Order {n + 70}-{n} - {text}".replace("the", "teh", 1),
        lambda text, n: f"{text}? (Case {n + 90}, 3 May)",
        lambda text, n: f"<p>{text}</p><br>",
        lambda text, n: text.replace("a", "á").replace("o", "ö"),
    ],
    ids=["ticket", "typo", "case", "tags", "accents"],
)
def test_questions_that_differ_in_nothing_else_are_near_duplicates(make, write):
    texts = [text for question in QUESTIONS for text in (f"Ticket 7: {question}", write(question, len(question)))]
    examples = [make(n, text, f"as in rule {'abc'[n // 2]}") for n, text in enumerate(texts)]
    assert near_duplicates(examples, 0.8) == [("e0", "e1"), ("e2", "e3"), ("e4", "e5")]


def test_with_another_answer_another_number_makes_another_question(make):
    examples = [make(n, f"Ticket {n}: can the ferry carry a tandem", f"as in rule {'abc'[n]}") for n in range(3)]
    assert not near_duplicates(examples, 0.8)

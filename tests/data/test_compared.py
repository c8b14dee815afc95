"""What of an example is compared: choices in any order, and the content of system messages."""

import pytest

from gradschool.data.asked_before import asked_again, hashed, sketched
from gradschool.data.compared import compared, unordered
from gradschool.data.near_duplicates import near_duplicates
from gradschool.data.sketches import sketches_of

ASKED = "Which rock floats on water?"
STONES = ["flint", "pumice", "slate", "chalk"]


def listed(texts, form="{}) {}", labels="ABCD"):
    return "\n".join([ASKED, *(form.format(label, text) for label, text in zip(labels, texts, strict=True))])


@pytest.mark.parametrize("form", ["{}) {}", "({}) {}", "{}. {}", "  {}] {}"])
@pytest.mark.parametrize("labels", ["ABCD", "abcd", "1234"])
def test_choices_have_one_order(make, form, labels):
    first = make(1, listed(STONES, form, labels), labels[1])
    again = make(2, listed(STONES[::-1], form, labels), labels[2])
    assert unordered(first).question == unordered(again).question
    assert unordered(first).ideal == unordered(again).ideal == "pumice"
    assert near_duplicates([first, again], 0.8) == [("e1", "e2")]


@pytest.mark.parametrize("answer", ["B", "b.", "(B)", "B) pumice", "Pumice"])
def test_an_answer_names_a_choice_in_several_ways(make, answer):
    assert unordered(make(1, listed(STONES), answer)).ideal == "pumice"


@pytest.mark.parametrize(
    "question, answer",
    [
        (listed(STONES), "E"),
        (listed(STONES), "2, 1, 3, 4"),  # an order is asked for
        (listed(["2", "3", "1", "4"], labels="1234"), "1"),  # a label and a text
        ("Write to\nB. Vik", "B"),
        ("A) one line", "A"),
        ("", "A"),
    ],
)
def test_other_lists_stay(make, question, answer):
    example = make(1, question, answer)
    assert unordered(example) is example


def told(make, systems, answers, question="Say in one sentence what this is about."):
    pairs = zip(systems, answers, strict=True)
    return [make(number, question, answer, system=system) for number, (system, answer) in enumerate(pairs)]


TEXTS = [
    "The text is: " + text
    for text in """millers of Vik sold flour cheaply
    ferries sank where two currents meet
    a cracked bell rang at dawn
    nobody mended those torn nets
    our lighthouse burned down in spring
    herring came late this year
    six carpenters built one long pier
    Tove lost her oars near Os
    snow closed every road north
    the bishop visited Bo by sleigh
    wolves took three sheep yesterday
    Nils painted his boathouse bright red""".splitlines()
]
OWN = [f"It is about {' '.join(text.split()[3:6])}." for text in TEXTS]


def test_content_of_system_messages_is_compared(make):
    assert near_duplicates(told(make, TEXTS, OWN), 1) == []


@pytest.mark.parametrize(
    "systems, answers",
    [
        ([f"Be brief. Today is 3 May {2000 + day}." for day in range(12)], OWN),
        (["Be brief."] * 12, OWN),
        ([f"You are the clerk of the harbour. Be brief. You talk with {name} Aro." for name in "ABCDEFGHIJKL"], OWN),
        (TEXTS, ["It is about a village."] * 12),
    ],
    ids=["told the day", "told alike", "told a name", "one answer"],
)
def test_other_system_messages_are_not(make, systems, answers):
    examples = told(make, systems, answers)
    assert compared(examples) == examples
    assert len(near_duplicates(examples, 0.8)) == 1


def test_another_question_of_the_same_words_about_another_system_message_was_not_asked(make):
    others = [make(n, f"How many {thing} fit into the hold?", "Ten.") for n, thing in enumerate(["nets", "oars"] * 30)]
    asked = [*told(make, TEXTS[:6], OWN[:6]), *others]
    again = [*told(make, TEXTS[6:], OWN[6:]), *told(make, TEXTS[:1], OWN[:1])]
    assert asked_again(again, {hashed(one) for one in asked}, sketches_of(sketched(asked))) == [False] * 6 + [True]

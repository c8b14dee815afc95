"""Which answers count as the same: long ones that differ a little, short ones with a few words around them."""

import numpy as np
import pytest

from gradschool.data.near_answers import Answers
from gradschool.data.near_duplicates import near_duplicates

LONG = "We have moved your mooring to the inner basin; please bring the papers of the boat when you come.\n\nRegards,\n"


@pytest.mark.parametrize(
    "one, other, same",
    [
        (LONG + "Ines", LONG + "Tove", True),
        (LONG, "Dear guest, " + LONG.replace(";", ","), True),
        (LONG + "The fee is 40 crowns.", LONG + "The fee is 45 crowns.", False),
        (LONG, LONG.replace("boat", "ferry"), False),  # which the questions name
        (LONG, LONG.replace("basin", "harbour"), True),
        ("Pay the clerk, please.", "Pay the clerk please, Ines", True),
        ("Follow step four.", "Please follow step four.", True),
        ("Follow step four.", "Follow step four and pay 3 crowns.", False),
        ("Follow step four.", "Follow step five.", False),
        ("By card.", "By card, please.", False),  # as short as a label
        ("Follow step four.", "Follow step four, then the one of the next page below.", False),
        ("payment by transfer has failed", "payment by transfers has failed", False),
        (LONG, LONG + "The ferry to the island leaves from the pier behind the customs house every morning.", False),
    ],
)
def test_answers_that_are_nearly_the_same(one, other, same):
    answers = Answers([one, other], ["where does my boat lie now", "where does my ferry lie now"])
    assert answers.same(np.array([[0, 1]])).tolist() == [same]


def test_short_answers_that_repeat_are_classes():
    labels = ["top up by card", "top up by card fee"]
    answers = Answers([*labels, *labels], ["may I pay with this card", "what does it cost with this card"] * 2)
    pairs = np.array([[0, 1]])
    assert answers.same(pairs).tolist() == [False] and answers.two_classes(pairs).tolist() == [True]


@pytest.mark.parametrize(
    "one, other, same",
    [
        (("1683", "in 1683"), ("in 1683", "1683"), True),
        (("Ola Brekke", "Brekke"), ("the smith", "brekke"), True),
        (("Ola Brekke", "Brekke"), ("Ola Brekke's son", "his son"), False),
    ],
)
def test_of_several_right_answers_one_in_common_is_enough(one, other, same):
    (mine, *more), (theirs, *further) = one, other
    answers = Answers([mine, theirs], ["who built the old lock", "who built this old lock"], [more, further])
    assert answers.same(np.array([[0, 1], [1, 0]])).tolist() == [same, same]


@pytest.mark.parametrize(
    "other, same",
    [
        ('{"port": "Vik", "ships": [2, 3]}', True),
        ('{ "ships":[2,3],\n "port":"Vik" }', True),
        ('{"port": "Vik", "ships": [3, 2]}', False),
        ('{"port": "Vik", "boats": [2, 3]}', False),
    ],
)
def test_json_in_another_order_is_the_same_answer(other, same):
    answers = Answers(['{"ships": [2, 3], "port": "Vik"}', other], ["two and three ships", "2 and 3 ships"])
    assert answers.same(np.array([[0, 1]])).tolist() == [same]


ASKED = [
    "Where can I leave my rowing boat over the winter?",
    "Does the lighthouse keeper sell tickets on Sundays?",
    "Who repairs the nets that were torn last night?",
]
ANSWERS = [
    "The shed behind the slipway is free until March, so please ask the harbour master for a key.",
    "Tickets are sold at the kiosk only, and that one is closed on Sundays, as is the lighthouse itself.",
    "Nets are mended by the two brothers in the yellow house, who need about a week for each of them.",
]
CHANGES = {
    "a word more": lambda text: text.replace(" the ", " the said ", 1).replace(" my ", " my own ", 1),
    "a word less": lambda text: text.replace(" the ", " ", 1).replace(" my ", " ", 1),
    "typos": lambda text: text.replace("er", "re").replace("ni", "in"),
    "short, with typos": lambda text: (
        text[:33].replace("leave", "laeve").replace("house", "huose").replace("nets", "ntes")
    ),
    "in a mail": lambda text: f"Good evening, I hope you are well. {text.replace('?', '')} Many thanks, Piet",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_questions_in_other_words_with_nearly_the_same_answer_are_linked(make, change):
    short = "short" in next(name for name, one in CHANGES.items() if one is change)
    asked = [text[:33] if short else text for text in ASKED]
    first = [make(n, text, f"{ANSWERS[n]} Regards, Ines") for n, text in enumerate(asked)]
    again = [make(n + 5, change(text), f"{ANSWERS[n]} Regards, Tove") for n, text in enumerate(asked)]
    assert near_duplicates([*first, *again], 0.8) == [("e0", "e5"), ("e1", "e6"), ("e2", "e7")]


def test_long_answers_from_a_template_stay_apart(make):
    text = "Thank you for asking. The capital of {} is the city of {}, which most guides to it describe at length"
    pairs = [("chad", "ndjamena"), ("cuba", "havana"), ("fiji", "suva"), ("iran", "tehran"), ("mali", "bamako")]
    asked = [
        make(n, f"could you tell me what the capital of {a} is", text.format(a, b)) for n, (a, b) in enumerate(pairs)
    ]
    assert near_duplicates(asked, 0.8) == []

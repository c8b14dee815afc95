"""Sketches of known questions: which others they recognize, and that they stay the same."""

import random

import numpy as np
import pytest

from gradschool.data.sketches import BYTES, EARLIER_KIND, common_wording, matches, sketches, sketches_of

WORDS = ["".join(random.Random(n).choices("bcdfglmnprstv aeiou", k=6)).strip().replace(" ", "e") for n in range(300)]
NONE = np.zeros(0, dtype=np.uint64)
PINNED = ["3ccd0f7edb9aece86254aa212061f15ebd00", "0de32b27bf39c121f636c586923d7c91e200"]


def question(number, words=8):
    return " ".join(random.Random(number).sample(WORDS, words))


@pytest.fixture
def known(make):
    return [make(n, question(n), f"answer {n % 7}") for n in range(200)]


def recognized(asked, known):
    return [match and (match.number, match.equal) for match in matches(asked, sketches(known, NONE), NONE)]


def test_equal_and_nearly_equal_questions_are_recognized_and_others_are_not(make, known):
    asked = [
        make(900, known[3].last_user.upper() + "?!", "answer 3"),
        make(901, known[3].last_user, "another answer"),
        make(902, f"Hi there, {known[5].last_user}. Thanks!", "answer 5"),
        make(903, f"Dear team,\nI was away for a week. {known[6].last_user}?\nRegards\nOrla", "answer 6"),
        make(904, question(1234), "answer 3"),
    ]
    assert recognized(asked, known) == [(3, True), (3, True), (5, False), (6, False), None]
    assert recognized([], known) == [] and matches(asked, sketches([], NONE), NONE) == [None] * 5


def test_new_questions_are_hardly_ever_taken_for_known_ones(make, known):
    asked = [make(n, question(n, 7), f"answer {n % 7}") for n in range(5_000, 5_500)]
    assert not any(recognized(asked, known))


def test_another_number_is_another_question(make):
    known = [make(n, f"what did we pay for invoice {n} in that year", f"{n} crowns") for n in range(100, 130)]
    asked = [make(500, "what did we pay for invoice 131 in that year", "7 crowns"), known[4]]
    assert recognized(asked, known) == [None, (4, True)]


def test_short_texts_are_recognized_only_if_they_are_equal(make):
    known = [make(1, "refunds", "a"), make(2, "cats", "b")]
    asked = [make(3, "refund", "a"), make(4, "Cats!", "c"), make(5, "cat", "b")]
    assert recognized(asked, known) == [None, (1, True), None]


def test_wording_that_many_questions_share_does_not_count(make):
    task = "Summarize the following clause for a reader without legal training, in one short sentence:"
    known = [make(n, f"{task} {question(n)}", f"answer {n}") for n in range(60)]
    common = common_wording(known)
    new = [make(n, f"{task} {question(n)}", f"answer {n}") for n in range(700, 760)]
    assert not any(matches(new, sketches(known, common), common))
    assert all(matches(known, sketches(known, common), common))


def test_if_all_questions_are_the_same_the_answers_are_recognized(make):
    known = [make(n, "Go on.", question(n, 20)) for n in range(60)]
    common = common_wording(known)
    new = [make(n, "Go on.", question(n, 20)) for n in range(700, 760)]
    assert not any(matches(new, sketches(known, common), common))
    assert all(matches(known, sketches(known, common), common))


def test_a_sketch_is_the_same_on_every_machine_and_in_every_version(make):
    rows = sketches([make(1, "Where is my card?", "In the post."), make(2, "我的卡在哪里 7", "x")], NONE)
    assert rows.shape == (2, BYTES)
    assert [row.tobytes().hex() for row in rows] == PINNED


@pytest.mark.parametrize(
    "write",
    [
        lambda text, n: f"Ticket {1000 + n}: {text}",
        lambda text, n: f"2024-05-{n % 28 + 1:02} {text}",
        lambda text, n: f"{text} (ref. {n})",
        lambda text, n: f"No. {n}: {text} 3 May 2024",
        lambda text, n: text.replace(" ", "&nbsp;"),
    ],
    ids=["ticket", "date", "reference", "both", "entities"],
)
def test_numbers_around_a_question_and_entities_in_it_do_not_hide_it(make, known, write):
    asked = [make(900 + n, write(example.last_user, n), example.ideal) for n, example in enumerate(known[:40])]
    found = recognized(asked, known)
    assert sum(match is not None and match[0] == n for n, match in enumerate(found)) >= 38


def test_another_ticket_number_does_not_hide_a_question_with_the_same_answer(make, known):
    known = [make(n, f"Ticket {n}: {question(n)} (3 May 2024)", f"answer {WORDS[n % 7]}") for n in range(40)]
    asked = [make(n, f"[#{n + 500}] {question(n)} (9 June 2025)", f"answer {WORDS[n % 7]}") for n in range(40)]
    assert [match and match[0] for match in recognized(asked, known)] == list(range(40))
    assert not any(equal for _, equal in recognized(asked, known))
    assert recognized(known, known) == [(n, True) for n in range(40)]
    other = [make(n, one.last_user, "another answer") for n, one in enumerate(asked)]
    assert recognized(other, known) == [None] * 40


def test_accents_and_tags_do_not_hide_a_question(make):
    known = [make(1, "<p>Où est le café de la gare<br>près du théâtre à côté ?</p>", "ici")]
    asked = [make(2, "Ou est le cafe de la gare pres du theatre a cote", "ici")]
    assert recognized(asked, known) == [(0, True)]


def test_sketches_of_an_earlier_version_are_still_compared(make):
    """It left no number out, and wrote no byte of them."""
    known = [make(n, f"Ticket {n}: {question(n)}", "the same") for n in range(20)]
    digits = sketches(known, NONE, bare=False)[:, :-1].tobytes().hex()
    found = matches(known, sketches_of(digits, EARLIER_KIND), NONE)
    assert [match and (match.number, match.equal) for match in found] == [(n, True) for n in range(20)]
    assert sketches_of(digits, "of a later version").shape == (0, BYTES)


def test_an_inner_number_still_makes_another_question(make):
    known = [make(n, f"please repair the light in room {n} of the old house today", "done") for n in range(20, 50)]
    asked = [make(99, "Ticket 4711: please repair the light in room 7 of the old house today", "done")]
    assert recognized(asked, known) == [None]

"""The same request in two mails is one question, if the answer is the same and the sentence is not a stock phrase."""

import pytest

from gradschool.data.near_duplicates import near_duplicates
from gradschool.data.quoting import MAX_HOLDERS

ASKED = "Why was the deposit of the cabin not returned?"
MAILS = (
    "Dear team,\n\nwe stayed with you in the first week of June and liked it.\n{}\nKind regards\nOrla Venn",
    "Hello! I wrote last week already and nobody replied. {} My number has not changed.\nThanks, Tove",
)
STORIES = ("The ferry was late.", "A window was broken.", "The dog was ill.", "It rained.", "Nobody came.", "We left.")


@pytest.mark.parametrize("again", [ASKED, ASKED.upper(), ASKED.replace("deposit", "<b>deposit</b><br>")])
def test_one_sentence_in_two_mails_links_them(make, again):
    examples = [make(0, MAILS[0].format(ASKED), "a deposit"), make(1, MAILS[1].format(again), "a deposit")]
    others = [make(10 + n, story + " Who pays for it now?", f"rule {n}") for n, story in enumerate(STORIES)]
    assert near_duplicates([*examples, *others], 0.8) == [("e0", "e1")]


def test_with_another_answer_they_are_two_questions(make):
    examples = [make(n, mail.format(ASKED), f"the one of cabin {n}") for n, mail in enumerate(MAILS)]
    assert not near_duplicates(examples, 0.8)


def test_a_short_sentence_or_one_that_many_write_is_none(make):
    short = [make(n, mail.format("Where is it?"), "here") for n, mail in enumerate(MAILS)]
    assert not near_duplicates(short, 0.8)
    words = [
        "amber",
        "birch",
        "coral",
        "delta",
        "ember",
        "fjord",
        "grove",
        "heath",
        "islet",
        "jetty",
        "knoll",
        "larch",
        "marsh",
        "north",
    ]
    many = [
        make(n, f"{word} {word[::-1]} {word[2:]}{n} came. I would like to hear from you soon.", "a bill")
        for n, word in enumerate(words[: MAX_HOLDERS + 2])
    ]
    assert not near_duplicates(many, 0.8)

"""Numbered dialogues: what is said before an answer comes with it, and who answers is a system message."""

import pytest

from gradschool.data.numbered import is_named, is_numbered

CHAT = """1 your persona: i mend kites.
2 your persona: i am shy.
3 hi , what do you do ?\ti mend kites .
4 since when ?\tfor nine years .
1 your persona: i row.
2 are you well ?\tyes , thanks .\t\tno .|yes , thanks .
"""
STORY = """1 Ida went to the pier.
2 Where is Ida?\tpier\t1
3 She left for the weir.
4 Where is she?\tweir|the weir\t3
1 Lev rows.
2 Who rows?\tLev\t1
"""
FIELDS = """text:your persona: i row.\\nhi there\tlabels:hello|hi\tepisode_done:False
text:are you well\tlabels:yes\tepisode_done:True
text:good day\tlabels:good day to you\tepisode_done:True
"""


def said(reading):
    return [[(message.role, message.content) for message in one.messages] for one in reading.examples]


def test_each_answer_comes_with_what_was_said_before(read):
    reading = read(CHAT, "train.txt")
    persona = ("system", "i mend kites.\ni am shy.")
    first = [("user", "hi , what do you do ?"), ("assistant", "i mend kites .")]
    assert said(reading)[:2] == [
        [persona, *first],
        [persona, *first, ("user", "since when ?"), ("assistant", "for nine years .")],
    ]
    assert said(reading)[2][0] == ("system", "i row.")
    assert [one.group for one in reading.examples] == ["dialogue-1", "dialogue-1", "dialogue-5"]
    assert [issue.kind for issue in reading.issues] == ["layout", "guessed columns"]


def test_facts_precede_the_next_question(read):
    reading = read(STORY, "qa1.txt")
    assert [one.messages[-2].content for one in reading.examples] == [
        "Ida went to the pier.\nWhere is Ida?",
        "She left for the weir.\nWhere is she?",
        "Lev rows.\nWho rows?",
    ]
    assert reading.examples[1].other_answers == ("the weir",)


def test_named_fields(read):
    reading = read(FIELDS, "train.txt")
    assert said(reading)[0] == [("system", "i row."), ("user", "hi there"), ("assistant", "hello")]
    assert len(said(reading)[1]) == 5 and len({one.group for one in reading.examples}) == 2


def test_a_line_without_a_number_is_named(read):
    reading = read(CHAT.replace("4 since", "since"), "train.txt")
    assert [issue.source.line for issue in reading.issues if issue.severity == "dropped"] == [4]


@pytest.mark.parametrize("text", ["1 apples\n2 pears", "2 a\tb\n3 c\td", "1 a\tb", "1 a\tb\n5 c\td", "a\tb\nc\td", ""])
def test_other_texts_are_no_dialogues(text):
    assert not is_numbered(text.split("\n")) and not is_named(text.split("\n"))

"""Every kind of issue: found in examples that have it, and not in others."""

from collections import Counter

import pytest

from gradschool.data.check import check, too_long
from gradschool.data.issues import usable
from gradschool.data.read import Reading
from gradschool.records import Example, Message, Source


def checked(*examples):
    return check(Reading(list(examples), "", {}, []))


def talk(*turns, line=1):
    messages = tuple(Message(role, text) for role, text in turns)
    return Example(f"e{line}", messages, f"e{line}", Source("examples.jsonl", line))


def kinds(result):
    return [(issue.source.line, issue.kind, issue.severity) for issue in result.issues]


def test_sound_examples_have_no_issues(make):
    result = checked(make(1, "a cat?", "yes"), make(2, "a dog?", "no"))
    assert result.issues == [] and len(result.examples) == 2


def test_data_without_usable_examples_does_not_crash(make):
    assert kinds(checked(make(1, "a", ""))) == [(1, "empty answer", "dropped")]
    assert checked().examples == []


def test_empty_questions_and_answers_are_dropped(make):
    result = checked(make(1, "a", " \n"), make(2, "  ", "b"), make(3, "c", "d"), make(4, "e", "f"))
    assert kinds(result) == [(1, "empty answer", "dropped"), (2, "empty question", "dropped")]
    assert [example.id for example in result.examples] == ["e3", "e4"]


def test_later_duplicates_are_dropped_and_contradictions_are_not(make):
    result = checked(
        make(1, "Where is my card?", "Lost."),
        make(2, "where is  my card", "lost"),
        make(3, "WHERE is my card!", "Stolen."),
        make(4, "5 - 3?", "2"),
        make(5, "5 + 3?", "8"),
    )
    assert kinds(result) == [(2, "duplicate", "dropped"), (3, "contradicting", "kept")]
    assert "examples.jsonl:1" in result.issues[0].text
    assert "examples.jsonl:1" in result.issues[1].text and "'Stolen.'" in result.issues[1].text
    assert [example.id for example in result.examples] == ["e1", "e3", "e4", "e5"]


def test_a_dialogue_that_does_not_alternate_is_repaired(make):
    result = checked(
        talk(("user", "a"), ("user", "b"), ("assistant", "c"), ("user", "thanks")),
        talk(("user", "a"), ("user", "b"), line=2),
        talk(("assistant", "Hello"), ("user", "d"), ("assistant", "e"), line=3),
        talk(("user", "f"), ("tool", "1"), ("tool", "2"), ("assistant", "g"), line=4),
    )
    assert [(m.role, m.content) for m in result.examples[0].messages] == [("user", "a\nb"), ("assistant", "c")]
    assert kinds(result) == [
        (1, "does not alternate", "kept"),
        (1, "ends without an answer", "kept"),
        (2, "does not alternate", "kept"),
        (2, "ends without an answer", "dropped"),
        (3, "does not alternate", "kept"),
    ]
    assert len(result.examples) == 3 and len(result.examples[2].messages) == 4


@pytest.mark.parametrize("text", ["the cafÃ© is closed", "itâ€™s", "an emoji ðŸ™‚", "lost l\ufffdtters", "10 Â°C"])
def test_damaged_characters_are_reported(make, text):
    assert kinds(checked(make(1, text, "yes"), make(2, "b", "no"))) == [(1, "encoding", "kept")]


@pytest.mark.parametrize("text", ["São Paulo, Ãrvore", "“Groß“", "ÂME", "naïve – voilà !", "日本", "🙂"])
def test_sound_characters_are_not(make, text):
    assert checked(make(1, text, "yes"), make(2, "b", "no")).issues == []


SENTENCES = [f"This is the answer to number {number}." for number in range(30)]


@pytest.mark.parametrize(
    "answer, words",
    [
        ("It is the one that you told me about yesterday when", "end a sentence"),
        ("See the long list of the things (for example the first", "bracket"),
        ("Run this code now:\n```python\nprint(1)\n", "code block"),
        ("He went to the house of the", "'the'"),
        ("First one, then the other,", "'other,'"),
    ],
)
def test_answers_that_break_off(make, answer, words):
    result = checked(*(make(n, f"question {n}", text) for n, text in enumerate([*SENTENCES, answer], 1)))
    assert kinds(result) == [(31, "looks cut off", "kept")]
    assert words in result.issues[0].text


@pytest.mark.parametrize(
    "answer", ["It is over (at last).", "Well done, my friend :(", "Yes", "He said “no”", "Take 3 of 40"]
)
def test_answers_that_end(make, answer):
    assert checked(*(make(n, f"question {n}", text) for n, text in enumerate([*SENTENCES, answer], 1))).issues == []


@pytest.mark.parametrize(
    "answer",
    [
        "SELECT name FROM tools WHERE note LIKE '(%';",
        "UPDATE tools SET price = 3 WHERE id = n",
        "def f(a):\n    return a + b",
    ],
)
def test_code_and_sql_end_in_their_own_ways(make, answer):
    assert checked(*(make(n, f"question {n}", text) for n, text in enumerate([*SENTENCES, answer], 1))).issues == []
    many = [f"SELECT name FROM tools WHERE id = {n} ORDER BY a{n}" for n in range(30)]
    rows = [*many, "SELECT name FROM tools WHERE"]
    assert kinds(checked(*(make(n, f"question {n}", text) for n, text in enumerate(rows, 1)))) == [
        (31, "looks cut off", "kept")
    ]


def test_json_that_is_not_closed_and_free_style_that_needs_no_full_stop(make):
    answers = [f'{{"n": {n}}}' for n in range(10)] + ['{"n": 10, "m": [']
    assert kinds(checked(*(make(n, f"q {n}", text) for n, text in enumerate(answers, 1)))) == [
        (11, "looks cut off", "kept")
    ]
    loose = [f"no full stop here at all {word}" for word in "abcdefghijklmnopqrstuvwxyz"[1:]]
    assert checked(*(make(n, f"q {n}", text) for n, text in enumerate([*loose, *SENTENCES[:3]], 1))).issues == []


def test_too_long_counts_with_what_it_is_given(make):
    examples = [make(1, "a b c", "d"), make(2, "a b c d e", "f")]
    issues = too_long(examples, lambda talk: sum(len(message.content.split()) for message in talk), 4)
    assert [(issue.id, issue.kind, issue.severity) for issue in issues] == [("e2", "too long", "dropped")]
    assert "6 tokens" in issues[0].text and "model is 4" in issues[0].text
    assert usable(examples, issues) == examples[:1]


def test_one_class_and_uneven_classes(make):
    same = checked(*(make(n, f"q {n}", "yes") for n in range(1, 10)))
    assert kinds(same) == [(1, "one class only", "kept")]
    uneven = checked(*(make(n, f"q {n}", "yes" if n < 19 else "no") for n in range(1, 21)))
    assert [issue.kind for issue in uneven.issues] == ["uneven classes", "uneven classes"]
    assert "pass mark" not in uneven.issues[0].text  # a job with an incumbent may have none
    assert "scores 0.90" in uneven.issues[0].text and "'no'" in uneven.issues[1].text
    even = checked(*(make(n, f"q {n}", "yes" if n % 2 else "no") for n in range(1, 21)))
    assert even.issues == []


def test_issues_are_in_the_order_of_the_file_and_are_counted(make):
    result = checked(*(make(n, "the same", "answer") for n in range(1, 5)), make(5, "other", "word"))
    assert Counter((issue.kind, issue.severity) for issue in result.issues) == {("duplicate", "dropped"): 3}
    assert [issue.source.line for issue in result.issues] == [2, 3, 4]
    assert str(result.issues[0]).startswith("examples.jsonl:2: duplicate (dropped): the same question")

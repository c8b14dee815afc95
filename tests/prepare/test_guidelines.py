"""Guidelines into rules: what a script can check, each shown with an answer that obeys and one that breaks it."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradschool.errors import DataError
from gradschool.prepare.guidelines import Guideline, read_guidelines, rules_of, sentences, with_examples
from gradschool.records import Example, Message, Source
from gradschool.score.rules import read_rules


def keeps(sentence: str, answer: str) -> bool:
    metric, issues = read_rules(rules_of(sentence), Path())
    assert not issues
    return metric(answer, Example("", (Message("user", ""), Message("assistant", "")), "", Source("", 1))).value == 1


@pytest.mark.parametrize(
    "sentence, obeys, breaks",
    [
        ("Keep answers under five words.", "one two", "one two three four five six"),
        ("Answer in at least 3 words.", "one two three", "one"),
        ("Höchstens fünf Wörter.", "eins", "eins zwei drei vier fünf sechs"),
        ("Pas plus de 3 mots.", "un deux", "un deux trois quatre"),
        ("No more than two sentences.", "One. Two.", "One. Two. Three."),
        ('Never say "no problem".', "Gladly.", "No problem at all."),
        ("Nunca digas «lo siento».", "Gracias.", "Ay, lo siento mucho."),
        ('Non usare mai "purtroppo".', "Certo.", "Purtroppo no."),
        ('Always mention "the help page".', "See the help page.", "See there."),
        (
            'Sign off with "Kind regards," and, on the next line, "Brelm Care".',
            "Yes.\n\nKind regards,\nBrelm Care",
            "Yes. Brelm Care",
        ),
        ("Begin every reply with “Good day”.", "Good day, yes.", "Yes. Good day"),
        ('Sluit af met "Groeten".', "Ja. Groeten", "Groeten, ja"),
        ("Never use exclamation marks.", "Yes.", "Yes!"),
        ("Keine Ausrufezeichen.", "Ja.", "Ja!"),
        ("Do not use emojis.", "Yes.", "Yes 🙂"),
        ("Use no contractions.", "It is not.", "It isn't."),
        ("No bullet points.", "One and two.", "- one\n- two"),
        ("Avoid links.", "See there.", "See https://example.org"),
        ("Plain text only.", "Yes.", "**Yes.**"),
        ("Never apologise.", "It broke.", "Sorry, it broke."),
        ("End with a question.", "It is red. Is it yours?", "It is red."),
        ("Write nothing in all caps; no capitals.", "Yes, in May.", "YES, OF COURSE"),
    ],
)
def test_sentences_become_rules_that_can_be_obeyed_and_broken(sentence: str, obeys: str, breaks: str) -> None:
    assert keeps(sentence, obeys) and not keeps(sentence, breaks)


@pytest.mark.parametrize(
    "sentence",
    [
        "Be warm and brief.",
        'If a customer asks for money back, never say "no".',
        'Wenn jemand flucht, sag nie "ruhig".',
        "A rule is no reason to apologise.",
        "Apologise once, and only where something went wrong.",
        "We opened with three shops and two hundred words of Latin.",
    ],
)
def test_sentences_that_no_pattern_matches_make_no_rule(sentence: str) -> None:
    assert rules_of(sentence) == []


def test_one_sentence_may_make_several_rules() -> None:
    made = rules_of('Use no exclamation marks and no contractions, and never "sure" or "fine".')
    assert [rule.name for rule in made] == ["never “sure”", "never “fine”", "no exclamation marks", "no contractions"]


def test_sentences_are_joined_over_lines_and_examples_are_left_out() -> None:
    text = '# Title\n\n- One\n  goes on. Two.\n- Three\n\n> Yes!\n\nFour says "no." Five.\n'
    assert list(sentences(text)) == [
        ("One goes on.", 3),
        ("Two.", 4),
        ("Three", 5),
        ('Four says "no."', 9),
        ("Five.", 9),
    ]


def test_a_sentence_has_the_line_on_which_it_begins() -> None:
    text = "One is short. Two goes\r\non. Three.\r\n\r\n1. Four\r\n   and more; Five\r\n   is last.\r\nSix.".replace(
        "\r\n", "\n"
    )
    assert [(line, one.split()[0]) for one, line in sentences(text)] == [
        (1, "One"),
        (1, "Two"),
        (2, "Three."),
        (4, "Four"),
        (5, "Five"),
        (7, "Six."),
    ]


def test_each_rule_has_examples_of_both_sides_and_the_fraction_that_obeys(tmp_path: Path) -> None:
    (tmp_path / "g.md").write_text('Never use exclamation marks.\nAt most 6 words.\n\nEnd with "Bye".\nBe kind.\n')
    answers = ["That is quite all right.", "That is not right at all!", "We will come to you tomorrow morning."]
    shown = with_examples(read_guidelines(tmp_path / "g.md"), answers)
    by_name = {one.rule.name: one for one in shown if one.rule}
    marks = by_name["no exclamation marks"]
    assert (marks.obeys, marks.breaks, marks.made_up) == (answers[0], answers[1], ())
    assert marks.obeyed == pytest.approx(2 / 3)
    assert by_name["at most 6 words"].breaks == answers[2]
    bye = by_name["ends with “Bye”"]
    assert bye.obeyed == 0 and bye.made_up == ("obeys",) and bye.obeys.endswith("Bye")
    assert [one.sentence for one in shown if one.rule is None] == ["Be kind."]


def test_made_up_examples_obey_or_break_the_rule_as_labelled() -> None:
    said = ("No emojis.", "At least 30 words.", 'Always say "ahoy".', "Avoid asking questions.", "Avoid links.")
    found = [rule for sentence in said for rule in rules_of(sentence)]
    assert len(found) == len(said)
    for one in with_examples([Guideline(rule.name, 1, rule) for rule in found], []):
        metric, _ = read_rules([one.rule] if one.rule else [], Path())
        blank = Example("", (Message("user", ""), Message("assistant", "")), "", Source("", 1))
        assert metric(one.obeys, blank).value == 1 and metric(one.breaks, blank).value == 0, one.sentence


def test_unreadable_guidelines_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_guidelines(tmp_path / "none.md")
    (tmp_path / "b.md").write_bytes(b"\0\1\2")
    with pytest.raises(DataError, match="binary file"):
        read_guidelines(tmp_path / "b.md")


WORDS = st.sampled_from(
    [
        *('"a"', "never", "say", "«b»", "at most", "3", "words", "no", "end", "with", ".", "\n", "- ", "“", "'", "if"),
        *("{n}", "\\"),
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.lists(WORDS, max_size=14).map(" ".join), st.text(max_size=60)))
def test_any_guidelines_make_rules_that_are_valid(tmp_path_factory: Any, text: str) -> None:
    for sentence, line in sentences(text):
        assert line >= 1
        _, issues = read_rules({rule.name: rule for rule in rules_of(sentence)}.values(), Path())  # type: ignore[arg-type]
        assert not issues

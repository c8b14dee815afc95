"""Quotes, signatures and footers: the labelled mails, line by line, and text that must never be removed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import labelled_mails, quote_removal
from gradschool.prepare.mail.body import body_of
from gradschool.prepare.mail.headers import head_of
from gradschool.prepare.mail.lines import Line, paragraphs, plain_lines, unquoted
from gradschool.prepare.mail.mime import parse
from gradschool.prepare.mail.quotes import split_quotes


@pytest.mark.parametrize("part", ["development", "held-out"])
def test_labelled_mails_are_cut_where_they_should_be(part: str) -> None:
    counts = quote_removal.Counts()
    noise = 0
    for one in labelled_mails.labelled(part):
        if one.noise:
            assert head_of(parse(one.content)).noise, one.id
            noise += 1
        else:
            assert not head_of(parse(one.content)).noise, one.id
            counts.add(one, quote_removal.ours(one))
    assert noise >= 7 and counts.right > 100
    assert counts.precision >= 0.99 and counts.recall >= 0.99, counts.wrong


def test_the_set_is_large_and_varied() -> None:
    mails = [one for part in labelled_mails.PARTS for one in labelled_mails.labelled(part)]
    assert len(mails) >= 100 and len({one.id for one in mails}) == len(mails)
    assert {one.id[:2] for one in mails} == {"en", "de", "fr", "es", "it", "nl"}
    own = [one.own for one in mails if one.own]
    assert len(set(own)) == len(own)
    assert sum(one.html for one in mails) >= 12 and sum(one.noise for one in mails) >= 12


def own(text: str, *names: str) -> str:
    return split_quotes(plain_lines(text), names).own


def test_an_inline_answer_is_reported_and_joined() -> None:
    made = split_quotes(plain_lines("> one?\n\nyes\n\n> two?\n\nno\n"))
    assert made.own == "yes\n\nno" and made.inline
    assert not split_quotes(plain_lines("yes\n\n> one?\n")).inline


def test_the_quoted_mail_can_be_read_from_the_reply() -> None:
    made = split_quotes(
        plain_lines(
            "Fine.\n\nOn 3 May 2019 at 10:00, Tom wrote:\n> Shall we?\n>\n> On 2 May 2019, Ann wrote:\n>> Or not?\n"
        )
    )
    assert split_quotes(made.quoted).own == "Shall we?"
    outlook = "Fine.\n\nFrom: Tom\nSent: 3 May 2019\nTo: Ann\nSubject: x\n\nShall we?\n"
    assert split_quotes(split_quotes(plain_lines(outlook)).quoted).own == "Shall we?"


@pytest.mark.parametrize(
    "text",
    [
        "I am from: everywhere, to: nowhere.\nSubject: none of your business.",
        "He wrote on 3 May that it rains.\nAnd it did.",
        "A list:\n\n- one\n- two\n\n-- and a dash that is no signature, for much is said behind it, on and on.",
        "My number is 020 7946 0112, call me.",
        "Thanks for the fish.\nIt was good.",
        "Begin forwarded messages with a word of your own, I say.",
        "The original message was lost.",
    ],
)
def test_text_that_only_resembles_boilerplate_is_unchanged(text: str) -> None:
    assert own(text) == text


def test_a_signature_is_removed_below_the_name_but_not_a_postscript() -> None:
    text = "Come.\n\nBest wishes\nAnna\nHead of Boats\nBoats Ltd\nTel. 020 7946 0112\n\nP.S. Bring rope."
    assert own(text) == "Come.\n\nBest wishes\nAnna\n\nP.S. Bring rope."


SIGNED = [
    "Thanks Jorin!\nSam",
    "Cheers Jorin,\nSammy",
    "Merci Jorin !\n\nSam Okoro",
    "Danke, Jorin.\nSam",
    "See you Jorin!\nS.",
]
BLOCK = "Head of Boats\nBoats Ltd\nTel. 020 7946 0112"


@pytest.mark.parametrize("end", SIGNED)
@pytest.mark.parametrize("names", [("Sam", "Okoro"), ()], ids=["known", "unknown"])
def test_the_name_below_a_closing_formula_that_names_the_reader_stays(end: str, names: tuple[str, ...]) -> None:
    assert own(f"Come on Friday.\n\n{end}", *names) == f"Come on Friday.\n\n{end}"
    assert own(f"Come on Friday.\n\n{end}\n{BLOCK}", *names) == f"Come on Friday.\n\n{end}"


def test_a_firm_below_a_closing_formula_that_names_the_sender_does_not_stay() -> None:
    for names in (("Sam", "Okoro"), ()):
        assert own("Come on Friday.\n\nBest, Sam\nFjord Boats", *names) == "Come on Friday.\n\nBest, Sam"


def test_wrapped_paragraphs_are_joined_but_not_verses() -> None:
    long = "word " * 60
    wrapped = "\n".join(long[i : i + 70].strip() for i in range(0, len(long), 70))
    assert "\n" not in paragraphs(["Dear all,", "", *wrapped.split("\n")]).split("\n\n")[1]
    verse = "Roses are red,\nviolets are blue,\nthis is a verse\nand so it stays too."
    assert paragraphs(verse.split("\n")) == verse


def test_flowed_text_is_joined_within_its_quote_depth() -> None:
    text = "a long \nline\n> quoted \n> too\n-- \nsig"
    assert [line.text for line in plain_lines(text, flowed=True)] == ["a long line", "> quoted too", "--", "sig"]


def test_unquoting_removes_one_level() -> None:
    assert unquoted("> > a") == "> a" and unquoted("AK> a") == "a" and unquoted("a > b") == "a > b"


ODD = st.text(alphabet=st.sampled_from(list("> -_\n:.,@abAB19On wrote:From Subject ")), max_size=300)


@settings(max_examples=60, deadline=None)
@given(st.one_of(ODD, st.text(max_size=200)), st.booleans())
def test_any_text_is_divided_without_loss(text: str, flowed: bool) -> None:
    lines = plain_lines(text, flowed=flowed)
    made = split_quotes(lines, ["Anna"])
    assert [line for line, _ in made] == lines and len(made.kinds) == len(lines)
    assert set(made.own.split()) <= set(text.replace("\u00a0", " ").replace("\u200b", "").split()) or flowed


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["quoted", "rest", "signature", "attribution", ""]), max_size=12))
def test_any_markup_is_handled(hints: list[str]) -> None:
    made = split_quotes([Line(f"line {number} here", hint) for number, hint in enumerate(hints)])
    assert all(
        kind != "own" for kind, hint in zip(made.kinds, hints, strict=True) if hint in ("quoted", "rest", "signature")
    )


def test_a_body_of_quotes_and_markup_has_no_own_text() -> None:
    assert (
        split_quotes(body_of(parse(b"Content-Type: text/html\n\n<blockquote type=cite>x</blockquote>")).lines).own == ""
    )

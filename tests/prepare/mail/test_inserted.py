"""Answers inside the quoted mail: such a mail is left out, one whose answers stand apart is not."""

from collections.abc import Callable
from typing import Any

import pytest

from gradschool.prepare.mail.html_lines import html_lines
from gradschool.prepare.mail.inserted import has_inserted_answers
from gradschool.prepare.mail.lines import plain_lines
from gradschool.prepare.mail.quotes import split_quotes
from mails import TOM, mail, mbox

HEADERS = "From: Tom Reed <tom@example.net>\nSent: 1 May 2020 10:00\nTo: Ines Aro\nSubject: boat"
QUESTIONS = "Do you come on Friday?\nDo you bring rope?"
SAID = [
    "See my answers in blue below.", "My comments are inline.", "I have answered in red in your mail.",
    "Answers below.", "Please look below in green.", "I have replied below.", "See inline.", "Replying inline:",
    "Meine Antworten stehen unten in blau.", "Ich habe direkt im Text geantwortet.", "Siehe unten in rot.",
    "Mes réponses en bleu ci-dessous.", "Je te réponds en rouge.", "Mis respuestas van en azul.",
    "Te contesto abajo.", "Le mie risposte sono sotto, in rosso.", "Ti rispondo nel testo.",
    "Mijn antwoorden staan hieronder in het rood.", "As minhas respostas estão abaixo.", "Mina svar står nedan.",
    "Mine svar står nedenfor.", "Moje odpowiedzi są poniżej.",
]  # fmt: skip


def inserted(text: str) -> bool:
    return has_inserted_answers(split_quotes(plain_lines(text), ["Ines"]), ["Ines Aro"])


@pytest.mark.parametrize("said", SAID)
def test_answers_that_are_announced_above_the_quote_are_inside_it(said: str) -> None:
    assert inserted(f"Hello Tom,\n\n{said}\n\nBest\nInes\n\n{HEADERS}\n\n{QUESTIONS}")
    assert inserted(f"{said}\n\nTom wrote:\n> Do you come?\n> Yes I do.\n\nInes")
    assert not inserted(f"{said}\n\n- yes\n- no\n\nInes")  # nothing is quoted
    assert not inserted(f"{said}\n\nTom wrote:\n> Do you come?\n\nYes I do.\n\n> And rope?\n\nNo.")


@pytest.mark.parametrize("mark", ["[Ines] Yes", "[Ines Aro]: yes", "[IA] yes", "[Ines: yes]", "<Ines> Yes", "【Ines】"])
def test_the_name_of_the_sender_in_brackets_marks_an_answer(mark: str) -> None:
    assert inserted(f"Hello Tom, here you are.\n\n{HEADERS}\n\nDo you come?\n{mark}\nDo you bring rope?\n{mark}")
    older = f"From: Ines Aro\nSent: 30 April 2020 10:00\nTo: Tom Reed\nSubject: boat\n\n{mark}"
    assert not inserted(f"Hello Tom, here you are.\n\n{HEADERS}\n\nThank you.\n\n{older}")  # an older round


@pytest.mark.parametrize(
    "said",
    [
        "Thanks for your answers below.", "Your comments in red are right.", "I painted the boat in blue.",
        "The price list is below.", "I have added my number below.", "I wrote to Kim in blue ink.",
        "The comments in red are Kim's.", "He answered me yesterday.", "Danke für deine Antworten unten.",
    ],
)  # fmt: skip
def test_a_letter_about_something_else_is_none(said: str) -> None:
    assert not inserted(f"Hello Tom,\n\n{said}\n\nInes\n\n{HEADERS}\n\n{QUESTIONS}\n[Kim] Me too.\n[optional]")


def test_such_a_mail_is_left_out_with_a_remark(run: Callable[..., Any], rows: Any) -> None:
    ines = "Ines Aro <ines@example.org>"
    text = f"See my answers in blue below.\n\nInes\n\n{HEADERS}\n\nDo you come on Friday?\n[Ines] Yes I will"
    mails = [mail(text, ines, TOM, "Re: boat", "2", day=2), mail("I am glad.", ines, TOM, "Re: mast", "3", day=3)]
    run({"box.mbox": mbox(*mails)}, "style", authors=("ines@example.org",))
    assert [row["completion"] for row in rows("examples.jsonl")] == ["I am glad."]
    (left_out,) = [row for row in rows("review.jsonl") if row.get("action") == "dropped"]
    assert left_out["why"][0]["kind"] == "inserted answers"


RULED = '<div style="border:none;border-top:solid #E1E1E1 1.0pt">'
HEAD = "<b>From:</b> Tom Reed<br><b>Sent:</b> 1 May 2020 10:00<br><b>To:</b> Ines Aro<br><b>Subject:</b> boat"
LETTER = "<p>Hello Tom,</p><p>thank you for your long mail about the boat and ropes.</p><p>Ines</p>"
BLUE = '<p><span style="color:blue">{}</span></p>'
COME, ROPE = "<p>Do you come on Friday?</p>", "<p>And the rope.</p>"


def inserted_in_html(quoted: str, said: str = LETTER) -> bool:
    made = split_quotes(html_lines(f"{said}{RULED}<p>{HEAD}</p></div>{quoted}"), ["Ines"], {"tom", "reed"})
    return has_inserted_answers(made, ["Ines Aro"])


@pytest.mark.parametrize(
    "quoted",
    [
        COME + BLUE.format("Yes I do.") + ROPE,
        f'{COME}<p><font color="#00F">Yes I do.</font></p>{ROPE}',
        f'{COME}<p style="COLOR: rgb(200, 0, 0)">Yes I do.</p>{ROPE}',
        f"{COME}<p><b>Yes I do.</b></p>{ROPE}",
        f"{COME}<p><span style='font-weight:700'>Yes I do.</span></p>",
        f"{COME}<p>*Yes I do.*</p>{ROPE}",
        f"{COME[:-4]} <font color=red>Yes.</font></p>",
        ROPE + BLUE.format("It is here.") + "<p>I need a date.</p>" + BLUE.format("Friday."),
    ],
)
def test_lines_in_a_colour_or_in_bold_below_those_that_they_answer_are_answers(quoted: str) -> None:
    assert inserted_in_html(quoted)


def test_one_line_in_a_colour_is_an_answer_if_the_sender_says_nothing_else_or_writes_in_it() -> None:
    answered = ROPE + BLUE.format("It is here.") + "<p>Tom</p>"
    assert inserted_in_html(answered, "<p>Hello Tom,</p><p>Ines</p>")
    assert inserted_in_html(answered, BLUE.format("Hello Tom, I wrote what I know of the boat and of the ropes."))
    assert not inserted_in_html(answered)


@pytest.mark.parametrize(
    "quoted",
    [
        COME + BLUE.format("Tom").replace("blue", "#777"),
        COME + '<p><a href="https://boat.example" style="color:blue">boat.example</a></p>',
        BLUE.format("Do you come?") + BLUE.format("And the rope?"),
        f"{ROPE}<p><b>Your booking:</b></p>{ROPE}",
        f"{COME}<p><b>Your booking:</b></p>{ROPE}",
        COME + ROPE,
    ],
)
def test_other_emphasis_in_a_quoted_mail_is_none(quoted: str) -> None:
    assert not inserted_in_html(quoted)

"""Lines above a quote: cut in any language by their structure; the sender's own sentences stay."""

import pytest

from gradschool.prepare.mail.lines import plain_lines
from gradschool.prepare.mail.quotes import split_quotes
from gradschool.prepare.mail.structure import name_parts

OWN = "Yes, at ten.\nBring a coat."
QUOTE = "> When do we meet?\n> Olav"
PEOPLE = name_parts([("Olav Berg", "olav@fjord.example")])
DATED = [
    "2024年3月7日(木) 9:05 大野 <olav@fjord.example>:",
    "于2024年3月7日周四 09:05写道：",
    "чт, 7 мар. 2024 г. в 09:05, Olav Berg\n<olav@fjord.example>:",
    "Στις Πέμ 7 Μαρ 2024 στις 9:05 π.μ., ο χρήστης Olav Berg <olav@fjord.example> έγραψε:",
    "\u202bבתאריך יום ה׳, 7 במרץ 2024 ב-9:05 מאת \u202aOlav Berg\u202c <\u202aolav@fjord.example\u202c\u200f>:\u202c",
    "في الخميس، ٧ مارس ٢٠٢٤ في ٩:٠٥ ص كتب Olav Berg <olav@fjord.example>:",
    "ในวันที่ พฤ. 7 มี.ค. 2567 เวลา 09:05 Olav Berg <olav@fjord.example> เขียนว่า:",
    "Olav Berg <olav@fjord.example>, 7 Mar 2024 Per, 09:05 tarihinde şunu yazdı:",
    "Vào Th 5, 7 thg 3, 2024 vào lúc 09:05 Olav Berg <olav@fjord.example> đã viết:",
    "7. maaliskuuta 2024 klo 9.05 Olav Berg\nkirjoitti:",
    "* Olav Berg <olav@fjord.example> [2024-03-07 09:05]:",
    "Thu, 7 Mar 2024 09:05:00 +0200 Olav Berg <olav@fjord.example>",
]
WORDS = [
    "Olav wrote:", "Olav Berg wrote", "Some time ago, Olav wrote :", "Thus spake Olav Berg:",
    "Quoth the harbour master:",
    "Olav Berg hat gesagt:", "Olav a dit:", "You wrote:", "olav@fjord.example writes:", "In some list Olav says...",
    "According to Olav Berg:", "The man from the yard, once more:", "-----Opprinnelig melding-----",
]  # fmt: skip


@pytest.mark.parametrize("line", [*DATED, *WORDS])
@pytest.mark.parametrize("shape", ["{own}\n\n{line}\n{quote}", "{own}\n\n{line}\n\n{quote}", "{own}\n{line}\n{quote}",
                                   "{line}\n{quote}\n\n{own}"])  # fmt: skip
def test_the_line_above_a_quote_belongs_to_it(line: str, shape: str) -> None:
    text = shape.format(own=OWN, line=line, quote=QUOTE)
    made = split_quotes(plain_lines(text), ["Ida"], PEOPLE)
    assert made.own == OWN and not made.inline


@pytest.mark.parametrize("line", [line for line in DATED if line.endswith(":") and "<" in line and "\n" not in line])
def test_below_a_date_and_an_address_everything_is_quoted_even_without_signs(line: str) -> None:
    made = split_quotes(plain_lines(f"{OWN}\n\n{line}\n\nWhen do we meet?\nOlav"))
    assert made.own == OWN and "When do we meet?" in split_quotes(made.quoted).own


@pytest.mark.parametrize(
    "own",
    [
        "I object to the whole plan. Here is why, and it is a long story that needs telling:",
        "Let us meet on 5.3.2024 at 10:00, and write to olav@fjord.example",
        "We said no.",
        "That is what Olav said.",
        "You asked on 7 March 2024, and I answered.",
    ],
)
def test_a_sentence_above_a_quote_stays(own: str) -> None:
    assert split_quotes(plain_lines(f"{own}\n\n{QUOTE}"), ["Ida"], PEOPLE).own == own


def test_a_colon_without_a_quote_below_is_text() -> None:
    text = "Olav wrote:\nthe boat is red.\n\nOn Friday, 7 March 2024, we start:\n- you\n- me"
    assert split_quotes(plain_lines(text), ["Ida"], PEOPLE).own == text


@pytest.mark.parametrize(
    "line",
    [
        "Please pay the invoice of 3.5.2024 by transfer to billing@acme.example:",
        "Bitte überweisen Sie die Rechnung vom 3.5.2024 an kasse@acme.example:",
        "Merci d'envoyer le contrat du 3 mai 2024 à <contrats@acme.example>:",
        "Please pay the invoice of 3.5.2024 to Olav Berg at olav@fjord.example:",
        "The minutes of 2024-05-03, sent from desk@acme.example, say:",
    ],
)
def test_a_sentence_with_a_date_and_an_address_is_no_attribution(line: str) -> None:
    letter = f"Dear Ms Lind,\n\n{line}\n\nThe amount is 40 crowns.\n\nIt is due on Friday."
    assert split_quotes(plain_lines(letter), ["Ida"], PEOPLE).own == letter

"""Headers of an older mail in a text: found by structure in any language, not in lists that a sender wrote."""

import pytest

from gradschool.prepare.mail.html_lines import html_lines
from gradschool.prepare.mail.lines import plain_lines
from gradschool.prepare.mail.quotes import SplitMail, split_quotes
from gradschool.prepare.mail.structure import name_parts

PEOPLE = name_parts([("Olav Berg", "olav@fjord.example")])
RULED = "border:none;border-top:solid #B5C4DF 1.0pt;padding:3.0pt 0cm 0cm 0cm"
BLOCK = (
    '<div style="{style}"><p class="MsoNormal"><b>{0}</b> Olav Berg &lt;olav@fjord.example&gt;<br>'
    "<b>{1}</b> 7.3.2024 9:05<br><b>{2}</b> Ida Holm<br><b>{3}</b> start</p></div>"
)
LABELS = [
    ("Saatja:", "Saadetud:", "Adressaat:", "Teema:"),
    ("Nga:", "Dërguar:", "Për:", "Tema:"),
    ("จาก:", "ส่ง:", "ถึง:", "เรื่อง:"),
    ("发件人：", "发送时间：", "收件人：", "主题："),
    ("De&nbsp;:", "Envoyé&nbsp;:", "À&nbsp;:", "Objet&nbsp;:"),
    ("מאת:", "נשלח:", "אל:", "נושא:"),
]
STYLES = [
    RULED,
    "border-right:none;border-left:none;border-top:1pt solid rgb(225,225,225)",
    "border-style:solid none none",
]


def is_cut(made: SplitMail) -> bool:
    return made.own == "Yes, fine." and split_quotes(made.quoted, (), PEOPLE).own == "Shall we start?"


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("style", STYLES)
def test_a_ruled_block_of_bold_labels_begins_the_older_mail(labels: tuple[str, ...], style: str) -> None:
    html = f"<p>Yes, fine.</p>{BLOCK.format(*labels, style=style)}<p>Shall we start?</p>"
    assert is_cut(split_quotes(html_lines(html), ["Ida"]))
    without_address = html.replace(" &lt;olav@fjord.example&gt;", "")
    assert is_cut(split_quotes(html_lines(without_address), ["Ida"], PEOPLE))


@pytest.mark.parametrize("labels", LABELS)
def test_plain_headers_to_a_correspondent_or_below_a_rule_begin_it_too(labels: tuple[str, ...]) -> None:
    values = ("Olav Berg", "7.3.2024 9:05", "Ida Holm", "start")
    block = "\n".join(f"{label.replace('&nbsp;', ' ')} {value}" for label, value in zip(labels, values, strict=True))
    assert is_cut(split_quotes(plain_lines(f"Yes, fine.\n\n{block}\n\nShall we start?"), ["Ida"], PEOPLE))
    addressed = block.replace("Berg", "Berg <olav@fjord.example>")
    ruled = f"Yes, fine.\n\n________________\n{addressed}\n\nShall we start?"
    assert is_cut(split_quotes(plain_lines(ruled), ["Ida"]))
    announced = f"Yes, fine.\n\n-----Algne kiri-----\n{addressed}\n\nShall we start?"
    assert is_cut(split_quotes(plain_lines(announced), ["Ida"]))


@pytest.mark.parametrize(
    "text",
    [
        "Contact: yard@boats.example\nWhen: 5 March 2024 10:00\nWhere: the hall\nBring: rope\n\nSee you there, all.",
        "Name: Ida\nBorn: 1980\nTown: Oslo\nWork: boats\n\nThat is me.",
        "Monday: rain\nTuesday: 10:30 with Olav\nFriday: sun\n\nAnd so on.",
    ],
)
def test_a_list_of_the_sender_is_no_header(text: str) -> None:
    assert split_quotes(plain_lines(text), ["Ida"], PEOPLE).own == text


def test_a_block_quotation_is_a_quote_only_below_its_attribution() -> None:
    html = "<p>Yes, fine.</p><p>Olav Berg kirjutas (7.3.2024 9:05):</p><blockquote>Shall we start?</blockquote>"
    assert is_cut(split_quotes(html_lines(html), ["Ida"], PEOPLE))
    verse = "<p>The poet wrote:</p><blockquote>The sea is wide</blockquote>"
    assert "The sea is wide" in split_quotes(html_lines(verse), ["Ida"], PEOPLE).own

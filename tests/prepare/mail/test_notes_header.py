"""Headers of an older mail as Notes writes them: cut in several languages; a letter with such words stays."""

import pytest

from gradschool.prepare.mail.html_lines import html_lines
from gradschool.prepare.mail.lines import plain_lines
from gradschool.prepare.mail.named import people_named
from gradschool.prepare.mail.quotes import SplitMail, split_quotes
from gradschool.prepare.mail.structure import name_parts

PEOPLE = name_parts([("Olav Berg", "olav@fjord.example"), ("Ida Holm", "ida@yard.example")])
OWN = "Yes, on Friday.\n\nThanks\nIda"
OLDER = "Shall we start on the hull?"
LABELS = [
    ("To", "cc", "Subject"), ("An", "Kopie", "Thema"), ("Pour", "cc", "Objet"), ("Para", "cc", "Asunto"),
    ("Per", "cc", "Oggetto"), ("Aan", "cc", "Onderwerp"), ("Till", "Kopia", "Ärende"), ("Til", "cc", "Emne"),
    ("Do", "DW", "Temat"), ("宛先", "cc", "件名"),
]  # fmt: skip
BELOW = "Olav Berg/Yard/FJORD\n07/03/2024 09:05 AM\n\n{0}\nIda Holm/Yard/FJORD@FJORD\n{1}\n\n{2}\nhull\n\n" + OLDER
APART = "Olav Berg\n07.03.2024 09:05\n\n\t{0}\tIda Holm/Yard/FJORD@FJORD, Tom Reed/Yard\n\t{1}\n\t{2}\thull\n\n" + OLDER
ONE_LINE = "olav@fjord.example on 07/03/2024 09:05:12 AM\n\n{0}:   Ida Holm\n{1}:\n{2}:  hull\n\n" + OLDER
DAY = "Olav Berg\n7. März 2024\n{0} Ida Holm\n{1} Harbour Desk\n{2} hull\n\n" + OLDER
LABELLED = "{0}\tIda Holm/Yard\nDate\t07/03/2024 09:05\n{2}\thull\n\n" + OLDER
SENT_BY = "Olav Berg/Yard/FJORD@FJORD\nSent by: Kim Lund\n2024-03-07 09:05\n\n{0} Ida Holm/Yard\n{2} hull\n\n" + OLDER


def is_cut(made: SplitMail) -> bool:
    return made.own == OWN and split_quotes(made.quoted, (), PEOPLE).own == OLDER


@pytest.mark.parametrize("labels", LABELS, ids=lambda labels: labels[0])
@pytest.mark.parametrize("shape", [BELOW, APART, ONE_LINE, SENT_BY, DAY, f"From\tOlav Berg\n{LABELLED}"])
def test_the_writer_the_date_and_labels_begin_the_older_mail(labels: tuple[str, ...], shape: str) -> None:
    text = f"{OWN}\n\n{shape.format(*labels)}"
    assert is_cut(split_quotes(plain_lines(text), ["Ida"], PEOPLE))
    history = "Olav Berg ---07/03/2024 09:05:12 AM---Shall we start on the"
    for above in (history, "_" * 30, "----- Forwarded by Ida Holm/Yard/FJORD on 07/03/2024 09:05 AM -----"):
        announced = f"{OWN}\n\n{above}\n\n{shape.format(*labels)}"
        assert is_cut(split_quotes(plain_lines(announced), ["Ida"], PEOPLE)), above


def test_headers_in_the_cells_of_a_table_begin_it_too() -> None:
    row = "<tr><td>{}</td><td>{}</td></tr>"
    cells = row.format("{0}", "Ida Holm/Yard") + row.format("{1}", "") + row.format("{2}", "hull")
    table = "<table><tr><td><b>Olav Berg/Yard/FJORD</b><p>07/03/2024 09:05 AM</p></td></tr></table>"
    html = f"<p>Yes, on Friday.</p><p>Thanks<br>Ida</p>{table}<table>{cells}</table><p>{OLDER}</p>"
    for labels in LABELS:
        assert is_cut(split_quotes(html_lines(html.format(*labels)), ["Ida"], PEOPLE)), labels


@pytest.mark.parametrize(
    "text",
    [
        "Ida Holm\n7 March 2024 10:00\n\nTo\nthe harbour office\n\nSubject\nFees\n\nWe ask for a new bill.",
        "Dear Olav,\n\nOslo/Bergen\n07.03.2024 10:00\nTo be sure, bring rope.\nSubject to weather, we sail.",
        "Dear Olav,\n\nplease print this on the tickets:\n\nRed Boat\n07.03.2024 10:00\nTo\nBergen\nSubject\nherring",
        "Dear Olav,\n\nOlav\n7.3.2024 10:00 at the gate\nTo Ida\nSubject to the weather",
        "Dear Olav,\n\nOlav\n7.3.2024\nTo do: rope\nSubject to weather: sails",
        "Dear Olav,\n\nTo\nmy mind, it is late.\nSubject\nclosed, as of 07.03.2024 10:00.",
        "Tom said on 07.03.2024 10:00 that he comes.\nTo\nwhom?\nThe subject of Olav/Ida was not raised again.",
    ],
)
def test_a_letter_with_such_words_stays(text: str) -> None:
    assert split_quotes(plain_lines(text), ["Ida", "Holm"], PEOPLE).own == text


def test_the_writer_in_the_headers_is_known_by_name() -> None:
    assert list(people_named(["Olav Berg/Yard/FJORD@FJORD"])) == [("Olav Berg", "")]

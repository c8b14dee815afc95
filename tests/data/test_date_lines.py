"""Lines that give the date of a document, and dates at the top of a text that are something else's."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradschool.data.date_lines import date_line

OWN = [
    "Date: 3 May 2024",
    "Dated 3 May 2024",
    "DATE: May 3rd, 2024",
    "Last updated: 3 May 2024",
    "Last updated on May 3, 2024",
    "**Last updated:** 2024-05-03",
    "Updated 3 May 2024",
    "Revised: 3.5.2024",
    "Revision date: 2024/05/03",
    "Published on 3 May 2024 by Jo Otter",
    "Posted Friday, 3 May 2024 at 10:30",
    "Stand: 3.5.2024",
    "Stand: 03.05.24",
    "Stand vom 3. Mai 2024",
    "Zuletzt aktualisiert am 3. Mai 2024",
    "Fassung vom 3. Mai 2024",
    "Rechnungsdatum: 03.05.2024",
    "Leeds, 3 May 2024",
    "Leeds, 3 May 2024.",
    "Stoke-on-Trent, the 3rd of May 2024",
    "Leeds, Friday, 3 May 2024",
    "Friday, 3 May 2024",
    "Fri. 3 May 2024",
    "3 May 2024",
    "May 3, 2024",
    "# 2024-05-03",
    "Berlin, den 3. Mai 2024",
    "Berlin, 3.5.2024",
    "Frankfurt am Main, 03. Mai 2024",
    "Paris, le 3 mai 2024",
    "A Coruña, a 3 de mayo de 2024",
    "Roma, 3 maggio 2024",
    "São Paulo, 3 de maio de 2024",
    "Den Haag, 3 mei 2024",
    "Warszawa, dnia 3 maja 2024",
    "Москва, 3 мая 2024 г.",
    "Дата: 3 мая 2024 г.",
    "Fecha: 3 de mayo de 2024",
    "Última actualización: 3 de mayo de 2024",
    "Date de publication : 3 mai 2024",
    "Dernière mise à jour le 3 mai 2024",
    "Data: 3 maggio 2024",
    "Ultimo aggiornamento: 3 maggio 2024",
    "Datum: 3 mei 2024",
    "Laatst bijgewerkt op 3 mei 2024",
    "Senast uppdaterad: 2024-05-03",
    "Päivitetty: 3.5.2024",
    "更新日：2024年5月3日",
    "发布日期：2024年5月3日",
    "最終更新日 2024年5月3日",
    "작성일: 2024년 5월 3일",
    "2024年5月3日",
    "東京、2024年5月3日",
    "| Date | 3 May 2024 |",
    "#+DATE: 2024-05-03",
    ":Date: 2024-05-03",
    "By Jo Otter, 3 May 2024",
    "Jo Otter · 3 May 2024",
    "Date of issue: 3 May 2024",
    "Tarih: 3 Mayıs 2024",
]
OTHERS = [
    "Print date: 3 May 2024",
    "Druckdatum: 3.5.2024",
    "Printed on 3 May 2024",
    "Downloaded: 3 May 2024",
    "Due: 3 May 2024",
    "Due date: 3 May 2024",
    "Due by Friday, 3 May 2024",
    "By Friday, 3 May 2024",
    "Valid until: 3 May 2024",
    "Valid until 3 May 2024",
    "Valid from: 3 May 2024",
    "Expires: 3 May 2024",
    "Expiry date: 2024-05-03",
    "Born: 3 May 2024",
    "Date of birth: 3 May 2024",
    "Born in Leeds, 3 May 2024",
    "Version 1.2.2024",
    "Version: 1.2.2024",
    "v1.2.2024",
    "Retrieved 3 May 2024",
    "Accessed: 3 May 2024",
    "[1] Otter, J., 3 May 2024",
    "(Otter, 3 May 2024)",
    "- 3 May 2024",
    "> Leeds, 3 May 2024",
    "| 3 May 2024 | 12 |",
    "| Due | 3 May 2024 |",
    "| 3 May 2024 |",
    "Fällig: 3.5.2024",
    "Fällig am 3. Mai 2024",
    "Gültig bis: 3.5.2024",
    "Gültig bis 3. Mai 2024",
    "Geburtsdatum: 3.5.2024",
    "geb. 3.5.2024",
    "Geboren am 3. Mai 2024",
    "Ablaufdatum: 3.5.2024",
    "Fecha de nacimiento: 3 de mayo de 2024",
    "Fecha de vencimiento: 3 de mayo de 2024",
    "Válido hasta el 3 de mayo de 2024",
    "Date limite : 3 mai 2024",
    "Date de naissance : 3 mai 2024",
    "Valable jusqu'au 3 mai 2024",
    "Né le 3 mai 2024",
    "Data di scadenza: 3 maggio 2024",
    "Data di nascita: 3 maggio 2024",
    "Data de nascimento: 3 de maio de 2024",
    "Geboortedatum: 3 mei 2024",
    "Geldig tot 3 mei 2024",
    "有效期至：2024年5月3日",
    "截止日期：2024年5月3日",
    "出生日期：2024年5月3日",
    "유효기간: 2024년 5월 3일",
    "生年月日：2024年5月3日",
    "Срок действия: 3 мая 2024",
    "Дата рождения: 3 мая 2024",
    "Event date: 3 May 2024",
    "Meeting, 3 May 2024",
    "Wedding of Jo and Kim on 3 May 2024",
    "The contract starts on 3 May 2024",
    "As the paper said on Friday, 3 May 2024",
    "From 3 May 2024",
    "Until Friday, 3 May 2024",
    "Deadline: 3 May 2024",
    "Order 3 May 2024",
    "Delivery date: 3 May 2024",
    "Next review: 3 May 2024",
    "Next update: 3 May 2024",
    "Date to be fixed before 3 May 2024",
    "Start date: 3 May 2024",
    "End date: 3 May 2024",
]


@pytest.mark.parametrize("line", OWN)
def test_the_date_of_a_document(line: str) -> None:
    assert date_line(f"# Boats\n\n{line}\n\nA text about boats.")[:10] == "2024-05-03"


@pytest.mark.parametrize("line", OTHERS)
def test_a_date_of_something_else(line: str) -> None:
    assert date_line(f"# Boats\n\n{line}\n\nA text about boats.") == ""


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("Date:\n3 May 2024\n", "2024-05-03"),
        ("Due date:\n3 May 2024\n", ""),
        ("1 May 2024\nwe rowed\n3 May 2024\nwe slept", ""),
        ("3 May 2024\nwe rowed\n3 May 2024\n", "2024-05-03"),
        ("Valid until: 1 May 2025\nDate: 3 May 2024", "2024-05-03"),
        ("Leeds, 1 May 2024\nDate: 3 May 2024", "2024-05-03"),
        ("Date: 05/03/2024\n", ""),
        ("Date: soon\n", ""),
        ("| boat | built |\n|---|---|\n| red | 3 May 2024 |\n", ""),
    ],
)
def test_labels_count_before_dates_alone(text: str, date: str) -> None:
    assert date_line(text)[:10] == date


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="Date: Leeds,3May2024./-|#*> \n年月日", max_size=60))
def test_any_text_has_a_date_or_none(text: str) -> None:
    assert isinstance(date_line(text), str)


def test_long_lines_take_no_time() -> None:
    began = time.process_time()
    for piece in ("Leeds, ", "den ", "a-", "Date: ", "3 May 2024 ", "A' "):
        date_line((piece * 3_000 + "\n") * 3 + (piece * 80)[:79])
    assert time.process_time() - began < 2

"""Dates in usual forms become ISO 8601; the order of day and month is that of the whole file."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradschool.data.dates import day_first, iso_date


@pytest.mark.parametrize(
    "text, iso",
    [
        ("2024-05-03", "2024-05-03T00:00:00"), ("3.5.2024", "2024-05-03"), ("03.05.24", "2024-05-03"),
        ("2024/5/3", "2024-05-03"), ("3/5/2024", "2024-05-03"), ("3-5-2024 14:05", "2024-05-03T14:05:00"),
        ("3/5/2024, 2:05 pm", "2024-05-03T14:05:00"), ("3 May 2024", "2024-05-03T00:00:00"),
        ("May 3, 2024", "2024-05-03T00:00:00"), ("May 3rd, 2024", "2024-05-03T00:00:00"),
        ("1714694400", "2024-05-03T00:00:00+00:00"), ("1714694400000", "2024-05-03T00:00:00+00:00"),
        ("Fri, 3 May 2024 14:05:00 +0000", "2024-05-03T14:05:00+00:00"),
        ("2024-05-03T14:05:00Z", "2024-05-03T14:05:00+00:00"),
        ("31/31/2024", ""), ("soon", ""), ("", ""), ("12", ""),
    ],
)  # fmt: skip
def test_usual_forms(text, iso):
    assert iso_date(text, day_first=True) == iso


def test_what_may_be_two_dates_is_none_without_an_order() -> None:
    assert (iso_date("3/5/2024"), iso_date("3/3/2024"), iso_date("3/23/2024")) == ("", "2024-03-03", "2024-03-23")
    assert iso_date("3/5/2024", day_first=False) == "2024-03-05"


def test_the_order_of_day_and_month(read):
    assert day_first(["3/5/2024", "23/5/2024"]) and not day_first(["3/5/2024", "5/23/2024"])
    rows = "".join(f"q {day},a,5/{day}/2024\n" for day in (3, 23))
    assert [example.date for example in read("prompt,completion,date\n" + rows).examples] == [
        "2024-05-03",
        "2024-05-23",
    ]


@given(st.text(max_size=12) | st.from_regex(r"\A[0-9./ :-]{6,18}\Z"))
def test_any_text_is_a_date_or_none(text):
    assert isinstance(iso_date(text), str) and isinstance(day_first([text]), bool)


@pytest.mark.parametrize(
    "text",
    ["2024-05-03", "2024/5/3", "3.5.2024", "03.05.2024 10:00", "3. Mai 2024", "3 mai 2024", "3 de mayo de 2024",
     "May 3, 2024", "May 3rd 2024", "3 May 2024", "3rd of May 2024", "Friday, May 3, 2024",
     "Fri, 03 May 2024 10:00:00 +0200",
     "2024年5月3日", "3-May-2024", "3 maggio 2024", "3 mei 2024", "3 de maio de 2024", "20240503", "1714730400"],
)  # fmt: skip
def test_usual_dates(text: str) -> None:
    assert iso_date(text)[:10] == "2024-05-03"


@pytest.mark.parametrize("text", ["5/3/2024", "soon", "31.2.2024", "3 foo 2024", "", "2024", "1.2.3", "12:30", "٣"])
def test_what_is_no_date_or_may_be_two(text: str) -> None:
    assert iso_date(text) == ""


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="0123456789.-/: ,TZMay3rd年月日", max_size=24))
def test_texts_like_dates_are_dates_or_none(text: str) -> None:
    assert iso_date(text) == "" or len(iso_date(text)) >= 10

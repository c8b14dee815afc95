"""Dates in usual forms become ISO 8601; the order of day and month is that of the whole file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradschool.data.dates import day_first, iso_date


@pytest.mark.parametrize(
    "text, iso",
    [
        ("2024-05-03", "2024-05-03"), ("3.5.2024", "2024-05-03"), ("03.05.24", "2024-05-03"),
        ("2024/5/3", "2024-05-03"), ("3/5/2024", "2024-05-03"), ("3-5-2024 14:05", "2024-05-03T14:05:00"),
        ("3/5/2024, 2:05 pm", "2024-05-03T14:05:00"), ("3 May 2024", "2024-05-03T00:00:00"),
        ("May 3, 2024", "2024-05-03T00:00:00"), ("May 3rd, 2024", "2024-05-03T00:00:00"),
        ("1714694400", "2024-05-03T00:00:00+00:00"), ("1714694400000", "2024-05-03T00:00:00+00:00"),
        ("Fri, 3 May 2024 14:05:00 +0000", "2024-05-03T14:05:00+00:00"),
        ("2024-05-03T14:05:00Z", "2024-05-03T14:05:00Z"),
        ("31/31/2024", ""), ("soon", ""), ("", ""), ("12", ""),
    ],
)  # fmt: skip
def test_usual_forms(text, iso):
    assert iso_date(text) == iso


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

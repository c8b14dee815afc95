"""Columns with names of their own are understood from names and contents, or listed with the options that name them."""

import csv
import io

import pytest

from gradschool.errors import DataError

TEXTS = [f"The tenant of flat {n} keeps the stairs free of snow until noon." for n in range(12)]
SHORT = [f"Flat {n} clears the snow." for n in range(12)]


def table(columns):
    file = io.StringIO()
    csv.writer(file).writerows([list(columns), *zip(*columns.values(), strict=True)])
    return file.getvalue()


@pytest.mark.parametrize(
    "columns, asked, given",
    [
        ({"Case": ["a", "b"] * 6, "Rule": TEXTS, "Short version": SHORT}, "Rule", "Short version"),
        ({"Kurzfassung": SHORT, "Eingabe": TEXTS}, "Eingabe", "Kurzfassung"),
        ({"Frage": TEXTS, "Antwort": SHORT}, "Frage", "Antwort"),
        ({"Easy summary": SHORT, "Rule": TEXTS}, "Rule", "Easy summary"),
        ({"Rule": TEXTS, "Kind": ["yard", "stairs", "yard"] * 4}, "Rule", "Kind"),
        ({"Nr": list(range(12)), "Rule": TEXTS, "Kind": ["yard", "stairs", "yard"] * 4}, "Rule", "Kind"),
        ({"問い": TEXTS, "答え": SHORT}, "問い", "答え"),
    ],
)
def test_the_columns_are_understood_with_a_remark(read, columns, asked, given):
    reading = read(table(columns), "t.csv")
    assert reading.columns[asked] == "user message" and reading.columns[given] == "ideal answer"
    (issue,) = [issue for issue in reading.issues if issue.kind == "guessed columns"]
    assert repr(asked) in issue.text and "--input-column" in issue.text


def test_a_column_that_may_name_groups_is_mentioned(read):
    reading = read(table({"House no": ["a", "b"] * 6, "Rule": TEXTS, "Short version": SHORT}), "t.csv")
    assert "--group-column 'House no'" in reading.issues[0].text


def test_groups_are_named_by_the_column_of_most_values_and_by_none_of_one_value(read):
    few = {"Tongue": ["no"] * 12, "Rule": TEXTS, "Short version": SHORT}
    assert "--group-column" not in read(table(few), "t.csv").issues[0].text
    two = {"Tongue": ["no", "se"] * 6, "Letter no": [f"b{n // 2}" for n in range(12)], "Rule": TEXTS}
    assert "--group-column 'Letter no'" in read(table(two | {"Short version": SHORT}), "t.csv").issues[0].text


def test_one_column_that_the_job_names_is_enough(read):
    text = table({"Rule": TEXTS, "Short version": SHORT, "Long version": TEXTS[::-1]})
    assert read(text, "t.csv", output_column="Long version").columns["Long version"] == "ideal answer"


def test_otherwise_the_columns_are_listed_with_the_options(read):
    columns = {"My rule": TEXTS, "Older rule": TEXTS[::-1], "Other": SHORT}
    with pytest.raises(DataError) as caught:
        read(table(columns), "t.csv")
    assert "My rule: The tenant of flat 0" in caught.value.why
    assert "--input-column 'My rule' --output-column" in caught.value.fix


def test_a_rating_names_no_groups(read):
    rows = [f"Wo liegt Tor {n} genau?,Es liegt links vom Pier {n}.,{['gut', 'mittel'][n % 2]}" for n in range(12)]
    [issue] = read("\n".join(["Frage,Antwort,Bewertung", *rows]), "t.csv").issues
    assert issue.kind == "guessed columns" and "--group-column" not in issue.text

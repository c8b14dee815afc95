import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradschool.data.code import is_code, open_code

WHOLE = [
    "SELECT name, count(*) FROM tools WHERE price > 5 GROUP BY name;",
    "SELECT name FROM tools WHERE note LIKE '(%' ORDER BY name",
    "select t.name from tools t",
    "-- tools\nWITH cheap AS (SELECT 1)\nSELECT * FROM cheap",
    "INSERT INTO tools (name) VALUES ('rake; (old');",
    "UPDATE tools SET price = 3 WHERE id = 2",
    "CREATE TABLE tools (id int, name text)",
    "def area(a, b):\n    # the sides (in cm\n    return a * b",
    "for n in range(3):\n    print(n)",
    "const total = items.map((item) => item.price)\nreturn total",
    "int main() {\n  printf(\"(%d\", 3);\n  return 0;\n}",
    "import os\nprint(os.name)",
    "x = a + b\ny = x - 1",
    "for f in *.txt; do\n  echo $f\ndone",
    "function f() {\n  return 1;\n}\n",
    "<ul>\n  <li>one</li>\n</ul>",
    "i++;",
]  # fmt: skip
CUT = [
    "SELECT name, count(*) FROM tools WHERE",
    "SELECT name, price,",
    "INSERT INTO tools (name) VALUES ('rake', 3",
    "select a.id from tools a join shelves b on",
    "def area(a, b):",
    "def area(a, b):\n    total = a *",
    "int main() {\n  return 0;",
    "const total = items.map((item) =>",
    "print(sum([1, 2, 3)",
    "if ready:\n    start()\nelse:",
]
PROSE = [
    "Select the best one from the list.",
    "Update your address, and we will write to you",
    "We will send it on Monday (if the road is open",
    "Create a table for six people in the garden.",
    "For more about it, see the second page.",
    "Let us know when you arrive; we will wait.",
    "The answer is 5 = 2 + 3, and nothing else.",
    "Return the parcel within 14 days",
    "- one thing\n- and another",
    "Dear Ms Otter,\n\nthank you for your message.\n\nYours,\nHeron",
]


@pytest.mark.parametrize("text", WHOLE)
def test_whole_code_is_not_cut_off(text: str) -> None:
    assert is_code(text) and open_code(text) == ""


@pytest.mark.parametrize("text", CUT)
def test_code_that_stops_early_is(text: str) -> None:
    assert is_code(text) and open_code(text)


@pytest.mark.parametrize("text", PROSE)
def test_prose_is_no_code(text: str) -> None:
    assert not is_code(text)


def test_prose_that_looks_like_code_is_not_cut_off() -> None:
    assert open_code("Item(s) are sent on Monday.") == ""


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80))
def test_any_text_can_be_judged(text: str) -> None:
    assert isinstance(open_code(text), str) and is_code(text) in (True, False)

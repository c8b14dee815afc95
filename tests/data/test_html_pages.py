import re

from hypothesis import given
from hypothesis import strategies as st

from gradschool.data.convert import docx_text, html_text
from small_documents import docx

SPANS = """<table><tr><th>Room</th><th>Day</th><th>Price</th></tr>
<tr><td rowspan=2>Blue</td><td>Monday</td><td rowspan="3">40</td></tr><tr><td>Tuesday</td></tr>
<tr><td>Red</td><td>Friday</td></tr></table>"""


def rows(markdown: str) -> list[list[str]]:
    lines = [line for line in markdown.splitlines() if line.startswith("|") and not re.fullmatch(r"[| -]*", line)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_a_cell_over_several_rows_is_in_each_of_them() -> None:
    assert rows(html_text(SPANS)) == [
        ["Room", "Day", "Price"], ["Blue", "Monday", "40"], ["Blue", "Tuesday", "40"], ["Red", "Friday", "40"],
    ]  # fmt: skip


def test_the_title_of_a_page_without_a_heading_is_its_heading() -> None:
    page = "<html><head><title>Returns at\n Brelm</title></head><body>{}<p>Within 14 days.</p></body></html>"
    assert html_text(page.format("<h2>Costs</h2>")).startswith("# Returns at Brelm\n\n## Costs")
    assert "Brelm" not in html_text(page.format("<h1>Returns</h1>"))


def test_the_title_of_a_word_document_is_a_heading() -> None:
    titled = docx("Holidays", "There are thirty days.", style="Title")
    assert docx_text(titled).startswith("# Holidays")


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9**9), st.booleans()), max_size=12))
def test_any_spans_take_bounded_time(cells: list[tuple[int, int, bool]]) -> None:
    body = "".join(f"{'<tr>' * new}<td colspan={width} rowspan={height}>x" for width, height, new in cells)
    assert html_text(f"<table>{body}</table>").count("x") < 20_000

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


def test_tables_that_arrange_a_page_leave_its_headings_and_its_tables() -> None:
    prices = (
        "<table><tr><th>Tool</th><th>Price</th></tr><tr><td>Rake</td><td>4</td></tr><tr><td>Saw</td><td>9</td></tr>"
    )
    page = (
        f"<table><tr><td>Menu</td><td><h2>Tools</h2><p>For rent.</p>{prices}</table><p>All day.</p></td></tr></table>"
    )
    text = html_text(f"<table><tr><td>{page}</td></tr></table>")
    assert [line for line in text.splitlines() if line.strip()] == [
        "Menu", "## Tools", "For rent.",
        "| Tool | Price |", "| --- | --- |", "| Rake | 4 |", "| Saw | 9 |", "All day.",
    ]  # fmt: skip
    two = html_text("<table><tr><td><p>One.</p><p>Two.</p></td><td>Three.</td></tr></table>")
    assert [line for line in two.splitlines() if line.strip()] == ["One.", "Two.", "Three."]


def test_end_tags_may_be_left_out() -> None:
    table = "<table><thead><tr><th>Tool<th>Price<tbody><tr><td>Rake<td>4<tr><td rowspan=2>Saw<td>9<tr><td>8</table>"
    assert rows(html_text(table)) == [["Tool", "Price"], ["Rake", "4"], ["Saw", "9"], ["Saw", "8"]]
    listed = html_text("<ul><li>one<li>two<ul><li>inner</ul><li>three</ul>")
    assert [line.strip() for line in listed.splitlines()] == ["* one", "* two", "+ inner", "* three"]
    assert rows(html_text("<table>" + "<tr><td>a<td>b" * 2_000)) == [["a", "b"]] * 2_000


def test_tables_of_data_stay_tables() -> None:
    headed = "<table><tr><th><h4>Tool</h4></th><th><h4>Price</h4></th></tr>" + "<tr><td>Rake</td><td>4</td></tr>" * 4
    assert rows(html_text(headed + "</table>"))[1:] == [["Rake", "4"]] * 4
    nested = "<table><tr><td>Rake</td><td>{}</td></tr><tr><td>Saw</td><td>9</td></tr></table>"
    assert "Saw | 9" in html_text(nested.format("<table><tr><td>4</td></tr></table>"))


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

"""Tables in pdf keep their rows, and columns of running text stay columns."""

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from gradschool.data.convert import pdf_pages
from small_documents import pdf

Placed = tuple[float, float, str]  # x, y and text, in points from the lower left corner


def page(
    texts: Iterable[Placed], rules: Iterable[tuple[float, float, float]] = (), size: int = 10, chinese: bool = False
) -> str:
    """The text of a page with texts at places, and horizontal rules (x, x, y)."""
    shown = [(x, y, f"<{text.encode('utf-16-be').hex()}>" if chinese else f"({text})") for x, y, text in texts]
    places = "".join(f") Tj ET BT /F1 {size} Tf {x:g} {y:g} Td {text} Tj (" for x, y, text in shown)
    lines = "".join(f" {x0:g} {y:g} m {x1:g} {y:g} l S" for x0, x1, y in rules)
    drawn = pdf(f"{places}) Tj ET{lines} BT /F1 1 Tf (", chinese=chinese)
    (text,) = pdf_pages(drawn)
    return text


def table(rows: list[list[str]], xs: list[float], pitch: float, top: float = 700) -> list[Placed]:
    return [(x, top - n * pitch, cell) for n, row in enumerate(rows) for x, cell in zip(xs, row, strict=True) if cell]


PRICES = [[f"Tool no. {n}", f"{n * 3},{n:02} EUR", f"shelf {n}"] for n in range(1, 31)]


def test_an_item_stands_in_one_row_with_its_price() -> None:
    for pitch in (11.0, 14.0, 20.0):
        for xs in ([72.0, 250.0, 400.0], [40.0, 130.0, 200.0]):
            text = page([(72, 740, "All our tools"), *table(PRICES, xs, pitch, 715)])
            for item, price, place in PRICES:
                assert f"| {item} | {price} | {place} |" in text.splitlines(), (pitch, xs)
            assert text.startswith("All our tools\n\n| Tool no. 1 |")


def test_empty_cells_titles_and_texts_around_a_table() -> None:
    rows = [["Name", "Age", "Room"], ["Otter", "3", ""], ["Heron", "", "12"], ["Newt", "1", "7"]]
    around = [(72.0, 740.0, "These are the animals of our house, as they were counted in the spring of the last year.")]
    below = [(72.0, 600.0, "Nobody counted the ants, because there were far too many of them for one afternoon.")]
    text = page([*around, *table(rows, [72, 200, 300], 15), *below])
    assert "| Name | Age | Room |\n| Otter | 3 |  |\n| Heron |  | 12 |\n| Newt | 1 | 7 |" in text
    assert text.index("These are") < text.index("| Name") < text.index("Nobody")


def test_a_wrapped_cell_stays_in_its_row() -> None:
    rows = [["Lamp", "a light for", "9"], ["", "the table", ""], ["Rake", "a tool for", "4"], ["", "the gar-", ""]]
    rows += [["", "den", ""], ["Bowl", "a dish", "2"]]
    text = page(table(rows, [72, 200, 400], 12))
    assert "| Lamp | a light for the table | 9 |\n| Rake | a tool for the garden | 4 |\n| Bowl | a dish | 2 |" in text


def test_columns_of_running_text_are_read_one_after_the_other() -> None:
    left = [f"on the left side we read line number {n}" for n in range(20)]
    right = [f"and on the right side another line {n}" for n in range(20)]
    text = page(table([list(pair) for pair in zip(left, right, strict=True)], [60, 330], 13))
    assert "|" not in text
    assert "\n".join(left) in text and "\n".join(right) in text


def test_columns_and_tables_are_told_apart_where_words_have_no_spaces() -> None:
    left = ["会员可以在三十天内退货并保留发票", "商品必须未使用并且保留原来的包装", "超过期限的申请我们将无法受理"]
    right = ["图书馆周一至周五上午九点开始开放", "周末休息节假日时间另行通知请留意", "借书证需要携带身份证到前台办理"]
    text = page(table([list(pair) for pair in zip(left, right, strict=True)], [60, 330], 13), chinese=True)
    assert "|" not in text
    assert "".join(left) in text and "".join(right) in text
    rows = [["商品", "价格", "退货期限"], ["台灯", "三百元", "三十天"], ["书桌", "一千二百元", "六十天"]]
    text = page(table(rows, [60, 200, 350], 16), chinese=True)
    assert text == "\n".join(f"| {' | '.join(row)} |" for row in rows)


def test_long_cells_between_rules_are_rows() -> None:
    words = "many words stand in this long cell of the table"
    rows = [
        [f"{words} A{n}", f"{words} B{n}"] if line == 0 else ["and some more of it", ""]
        for n in range(4)
        for line in (0, 1)
    ]
    rules = [(60.0, 560.0, 710.0 - 26 * n - 1) for n in range(5)]
    text = page(table(rows, [60, 330], 13), rules, size=8)
    for n in range(4):
        assert f"| {words} A{n} and some more of it | {words} B{n} |" in text


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(20, 500), st.integers(20, 760), st.text(alphabet="ab 19,.", min_size=1, max_size=20)),
        max_size=30,
    )
)
def test_no_text_is_lost_wherever_it_stands(texts: list[Placed]) -> None:
    written = "".join(text for _, _, text in texts)
    assert sorted("".join(page(texts).replace("|", "").split())) == sorted("".join(written.split()))

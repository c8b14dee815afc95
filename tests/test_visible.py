"""Texts of others cannot act on a terminal or a page: what would is shown."""

import io
import json

from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

from gradschool.cli.lines import PlainConsole, say
from gradschool.report.page import _shown
from gradschool.visible import ACTING, visible

HOSTILE = "a\x1b[2Jb\x07c\x08d\re\x9bm\u202ef\u2066g\x7f"


def test_characters_that_act_are_shown_as_in_json() -> None:
    assert visible("\x1b[2J") == "\\u001b[2J"
    assert visible("a\u202eb") == "a\\u202eb"
    assert visible("tab\tand\nline é 🙂 می\u200cخواهم") == "tab\tand\nline é 🙂 می\u200cخواهم"


@given(st.text())
def test_json_keeps_its_value(text: str) -> None:
    row = visible(json.dumps({"answer": text}, ensure_ascii=False))
    assert json.loads(row) == {"answer": text}
    assert not ACTING.search(row)
    assert visible(row) == row
    row.encode()


def test_nothing_that_is_printed_acts() -> None:
    file = io.StringIO()
    console = PlainConsole(file=file, force_terminal=False, width=200)
    table = Table(HOSTILE)
    table.add_row(HOSTILE)
    table.add_row(Text(HOSTILE))
    for printed in (HOSTILE, Text(HOSTILE), table):
        console.print(printed)
    console.print(HOSTILE, markup=False, end="")
    say(console, HOSTILE)
    shown = file.getvalue()
    assert not ACTING.search(shown)
    assert shown.count("\\u001b[2J") == shown.count("\\u202e") == 7  # one in each message, and three in the table
    assert "\\r" in shown and "\\u0007" in shown


def test_the_report_shows_texts_of_others() -> None:
    assert _shown(HOSTILE) == visible(HOSTILE)

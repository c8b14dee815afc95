"""Texts of others cannot act on a terminal or a page: what would is shown."""

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table
from rich.text import Text

import small_job
from gradschool.cli.app import write_issues
from gradschool.cli.lines import PlainConsole, say
from gradschool.package.card import card
from gradschool.package.manifest import Manifest
from gradschool.records import BaseIdentity, RungResult
from gradschool.report.page import _shown
from gradschool.specialist import Recipe
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


@pytest.mark.parametrize(
    "arguments", [("fit", "pocket", HOSTILE), ("check", f"--{HOSTILE}"), ("bundle", "a", "b", HOSTILE)]
)
def test_names_in_errors_of_arguments_do_not_act(arguments: tuple[str, ...]) -> None:
    refused = small_job.run(*arguments)
    assert refused.exit_code == 2 and "\\u202e" in refused.stderr and not ACTING.search(refused.stderr)


def test_nothing_acts_in_a_card_and_in_a_file_of_issues(tmp_path: Path) -> None:
    manifest = Manifest(HOSTILE, "1", "base", "passed", HOSTILE, BaseIdentity(), Recipe(HOSTILE))
    assert not ACTING.search(card(manifest, [RungResult("base", None, recipe=HOSTILE)]))
    write_issues(tmp_path / "issues.txt", [HOSTILE])
    assert not ACTING.search((tmp_path / "issues.txt").read_text())


def test_the_report_shows_texts_of_others() -> None:
    assert _shown(HOSTILE) == visible(HOSTILE)

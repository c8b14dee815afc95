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
from gradschool.cli.lines import PlainConsole, escape, say
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


UNSEEN = (
    "\u00ad\u034f\u115f\u1160\u180e\u200b\u200c\u200d\u2060\u2063\u206a\u3164"
    "\ufe0f\ufeff\uffa0\ufff9\U000e0041\U000e0100"
)


@pytest.mark.parametrize("unseen", UNSEEN, ids=ascii)
def test_characters_that_nobody_sees_are_shown(unseen: str) -> None:
    for text in (f"pass{unseen}ed", unseen, f"a {unseen}b", f"x{unseen}{unseen}"):
        assert unseen not in visible(text) and json.loads(f'"{visible(text)}"') == text


@pytest.mark.parametrize(
    "text",
    [
        "نمی\u200cدانم",  # Persian: between the parts of a word
        "क\u094d\u200dष",  # Devanagari: the form of a letter
        "👩\u200d🚀 👩🏽\u200d🚀 ❤\ufe0f\u200d🔥 1\ufe0f\u20e3 ✔\ufe0e",
        "葛\U000e0100城",  # the form of an ideograph in a name
        "ᠠ\u180b",  # Mongolian
    ],
)
def test_joiners_and_selectors_stay_where_a_script_needs_them(text: str) -> None:
    assert visible(text) == text


def test_a_selector_cannot_carry_hidden_data() -> None:
    hidden = "👍" + "".join(chr(0xFE00 + byte) for byte in (1, 15, 3))
    assert visible(hidden).count("\\ufe0") == 2  # the first one is that of the emoji


def test_a_name_adds_no_line(here: Path) -> None:
    forged = "notes\nPassed: 100 %\t."
    console = PlainConsole(file=(file := io.StringIO()), force_terminal=False, width=200)
    say(console, f"[bold]{escape(forged)}[/] {escape('[red]x')}")
    say(console, escape("ollama:tulip:8b"))
    console.print(escape("ollama:tulip:8b"))
    assert file.getvalue() == "notes\\nPassed: 100 %\\t. [red]x\nollama:tulip:8b\nollama:tulip:8b\n"
    refused = small_job.run("check", forged)
    assert refused.exit_code == 2 and "\nPassed" not in refused.stderr and "\\nPassed" in refused.stderr
    listed = small_job.run("runs", "--in", forged)
    assert listed.exit_code == 0 and "\nPassed" not in listed.stdout


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

"""Terminal output: progress bars, plain lines in files and pipes, and result tables."""

import ast
import io
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from gradschool.cli import screen
from gradschool.cli.lines import command_line, say
from gradschool.cli.rows import show_rows
from gradschool.cli.screen import Screen
from gradschool.cli.tables import ladder_table, show_climbed, show_report
from gradschool.climbing import Climbed
from gradschool.records import (
    Cost,
    Difference,
    Floor,
    Gate,
    Interval,
    Note,
    Progress,
    Report,
    RungResult,
    Score,
    Step,
    Work,
)

SCORE = Score(0.5, Interval(0.4, 0.6, 0.9875), 40, 30)
REPORT = Report("chrf", SCORE, "not proven", 0.45, 120, {"short": SCORE}, {"cut off": 3}, Cost(50, 10, 0.2))
BASE = RungResult("base", REPORT, recipe="no help", seconds=3)
OTHER = replace(REPORT, verdict="passed", difference=Difference("base", 0.1, Interval(0.02, 0.18, 0.95)))
TUNED = RungResult("tune", OTHER, (Gate("it [stops]", True, "9 of 9"),), recipe="instructions + adapter", seconds=60)
SKIPPED = RungResult("ground", None, skipped="the job names [no] documents")


def console(terminal: bool = False, width: int = 160) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=width, color_system=None, legacy_windows=False)


def written(to: Console) -> str:
    assert isinstance(to.file, io.StringIO)
    return to.file.getvalue()


def work(*events: Note | Progress | Step | RungResult) -> Work[str]:
    yield from events
    return "the result"


def test_follow_shows_events_and_returns_the_result() -> None:
    to = console()
    with Screen(to) as shown:
        assert shown.follow(work(Note("one [of] them"), Note("beware", "warning"), BASE, SKIPPED)) == "the result"
    lines = written(to).splitlines()
    assert lines == [
        "  one [of] them",
        "  beware",
        "base: 0.500 (0.400 to 0.600) not proven",
        "ground: skipped, the job names [no] documents",
    ]


def test_pipe_gets_occasional_lines_with_the_remaining_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock: Iterator[float] = iter(range(0, 1000, 4))
    monkeypatch.setattr(screen.time, "monotonic", lambda: float(next(clock)))
    to = console()
    with Screen(to) as shown:
        shown.follow(work(*(Progress("tune: test", done, 10) for done in range(11))))
    lines = [line.strip() for line in written(to).splitlines()]
    assert 2 <= len(lines) <= 4  # eleven events in 40 seconds, a line each ten
    assert lines[0].startswith("tune: test: 3 of 10 examples, about 28 s left")


def test_terminal_gets_a_transient_bar() -> None:
    to = console(terminal=True)
    with Screen(to) as shown:
        shown.follow(work(*(Progress("base: test", done, 3) for done in range(4)), Step(1, 9, 0.1, 2.5, 0.1, 10)))
        assert not shown._bars.tasks
    assert "base: test" in written(to)


def test_failed_gate_is_shown_with_the_verdict() -> None:
    failed = replace(TUNED, gates=(Gate("forgetting", False, "rose by 2"),))
    assert "failed gate: forgetting" in screen.rung_line(failed)
    to = console()
    to.print(ladder_table([BASE, SKIPPED, failed]))
    said = written(to)
    assert "passed, gate failed" in said and "+0.100" in said and "+0.020 to +0.180" in said
    assert "the job names [no] documents" in said and "skipped" in said
    assert "40 test examples in 30 groups" in said and "98.75%" in said


def test_passed_climb_shows_gates_verdict_and_next_commands(tmp_path: Path) -> None:
    to = console()
    climbed = Climbed("passed", "tune", "runs/a-1/specialist", (BASE, SKIPPED, TUNED), (Gate("parity", True, "all"),))
    show_climbed(to, climbed, Path("runs/a-1"))
    said = written(to)
    assert "Passed: the tune rung is proven to reach the pass mark of 0.45: chrf 0.500 on 40 held-out examples" in said
    assert said.index("passed it [stops]: 9 of 9") < said.index("passed parity: all") < said.index("Passed:")
    commands = said.split("Next:\n")[1].splitlines()
    assert commands[0] == "  gradschool report runs/a-1" and "more examples" in commands[-1]


def test_climb_that_did_not_pass_shows_remedies() -> None:
    to = console()
    climbed = Climbed("not proven", "base", "s", (BASE,), (), ("More [test] examples: 120.",))
    show_climbed(to, climbed, Path("runs/a-1"))
    assert "Not proven: the best on validation is the base rung" in written(to)
    assert "  - More [test] examples: 120." in written(to)


def test_climb_with_a_failed_gate_is_not_called_passed() -> None:
    to = console()
    show_climbed(to, Climbed("failed", "tune", "s", (BASE, TUNED), (Gate("parity", False, "3 differ"),)), Path("r"))
    said = written(to)
    assert "Not passed" in said and "proven to reach" not in said


def test_report_shows_parts_failures_and_cost() -> None:
    to = console()
    show_report(to, REPORT)
    said = written(to)
    assert "chrf: 0.500 (0.400 to 0.600)" in said and "short" in said and "3 failed: cut off" in said
    assert "50 prompt tokens, 10 new tokens, 0.20 s" in said


@pytest.mark.parametrize("width", [80, 100, 200])
def test_ladder_fits_narrow_terminals(width: int) -> None:
    to = console(width=width)
    to.print(ladder_table([BASE, SKIPPED, TUNED]))
    said = written(to)
    assert all(len(line) <= width for line in said.splitlines())
    assert "0.500" in said and "tune" in said


@pytest.mark.parametrize("width", [60, 80])
def test_ladder_of_60_columns_breaks_no_word_and_shows_verdict_and_time(width: int) -> None:
    differing = Difference("prompt", -0.143, Interval(-0.2, -0.05, 0.98))
    tuned = replace(TUNED, report=replace(OTHER, best_difference=differing), recipe="instructions + 4 nearest examples")
    to = console(width=width)
    to.print(ladder_table([BASE, SKIPPED, tuned], width))
    lines = written(to).splitlines()
    words = set(" ".join(lines).split())
    assert all(len(line) <= width for line in lines) and "…" not in written(to)
    assert {"instructions", "examples", "nearest", "passed", "proven", "60", "+0.020", "-0.143", "best"} <= words


def test_in_60_columns_floors_and_skipped_rungs_are_sentences_with_whole_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    to = console(width=60)
    answer = "Donaudampfschifffahrt wird bearbeitet"
    floors = (Floor("constant", SCORE, Difference("floor", 0.0, SCORE.interval), answer, True),)
    base = replace(BASE, report=replace(REPORT, floors=floors))
    show_climbed(to, Climbed("not proven", "base", "s", (base, SKIPPED), ()), Path("runs/a-1"))
    said = written(to)
    assert "  ground: skipped, the job names [no] documents\n" in said and "…" not in said
    assert f"floor: always answering “{answer}”: 0.500 (0.400 to 0.600)" in " ".join(said.split())
    assert all(len(line.rstrip()) <= 60 for line in said.splitlines())


PARTS = ("no promises of any kind", "no_promises_of_any_delivery_date_or_price_in_writing")


@pytest.mark.parametrize("width", [30, 60, 80, 200])
def test_tables_become_lists_where_they_do_not_fit(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    to = console(width=width)
    show_report(to, replace(REPORT, parts=dict.fromkeys(PARTS, SCORE)))
    show_rows(to, ("", "LoRA,\n4 bits", "score", ""), [("here", "1.2 GB", "0.500\n0.400 to 0.600", "accepted")])
    lines = written(to).splitlines()
    assert "…" not in written(to) and all(len(line.rstrip()) <= max(width, len(PARTS[1])) for line in lines)
    assert set(" ".join(PARTS).split()) | {"0.400", "accepted", "GB"} <= set(re.split(r"[\s;,]+", written(to)))
    assert ("LoRA, 4 bits: 1.2 GB" in " ".join(lines)) == (width == 30)


@pytest.mark.parametrize("width", [60, 80])
def test_counts_and_times_of_progress_stay_visible(width: int) -> None:
    to = console(terminal=True, width=width)
    with Screen(to) as shown:
        for done in (3_000_000_000, 3_100_000_000):
            shown.show(Progress("downloading model-00001-of-00002.safetensors", done, 5_000_000_000, "bytes"))
    assert "/5000 MB" in written(to) and ":" in written(to) and "…" not in written(to)


def test_prose_wraps_at_words_and_commands_stay_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    to = console(width=40)
    say(to, "  - A sentence that is longer than forty columns: `gradschool climb --resume runs/a-1` continues it.")
    lines = written(to).splitlines()
    assert all(line.startswith("    ") for line in lines[1:]) and len(lines) > 2
    assert any("`gradschool climb --resume runs/a-1`" in line for line in lines)
    say(to, "x" * 90)
    assert "x" * 90 in written(to)


def test_commands_are_quoted_and_continue_on_further_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path("runs/my job's-1/specialist")
    monkeypatch.delenv("COLUMNS", raising=False)
    command = command_line(console(), "gradschool", "answer", path, stdin=path / "questions.jsonl")
    assert shlex.split(command) == ["gradschool", "answer", str(path), "<", str(path / "questions.jsonl")]
    monkeypatch.setenv("COLUMNS", "40")
    broken = command_line(console(width=40), "gradschool", "answer", path, stdin=path / "questions.jsonl")
    assert " \\\n" in broken and shlex.split(broken.replace("\\\n", "")) == shlex.split(command)


def test_details_are_shown_on_request() -> None:
    for verbose in (False, True):
        to = console()
        with Screen(to, verbose) as shown:
            shown.follow(work(Note("two threads", "detail")))
        assert ("two threads" in written(to)) == verbose


PLACEHOLDER = re.compile(
    r"gradschool [a-z]+[^`\"]*\b(?:SPECIALIST|FOLDER|FILE|JOB|RUN|NAME|BASE|more-examples\.jsonl)\b"
)


def test_no_printed_command_has_a_placeholder() -> None:
    sources = Path(screen.__file__).parents[1].rglob("*.py")
    strings = [
        (path.name, text)
        for path in sources
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant | ast.JoinedStr) and (text := ast.unparse(node))
    ]
    found = [one for one in strings if PLACEHOLDER.search(one[1])]
    assert len(strings) > 1000 and not found

"""Settings: every option is defined once, and all mistakes are reported at once, each with the nearest right word."""

import dataclasses
import math
import re
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from typer.testing import CliRunner

from gradschool.cli import app
from gradschool.errors import UsageError
from gradschool.job import read_job
from gradschool.options import RENAMED, options
from gradschool.settings import Section, Settings


def leaves(section: type[Section] = Settings, prefix: str = "") -> list[str]:
    """Every path that job.toml may hold, found apart from `options`."""
    found = []
    for name, info in section.model_fields.items():
        kind: Any = info.annotation
        inner = isinstance(kind, type) and issubclass(kind, Section)
        found += leaves(kind, f"{prefix}{name}.") if inner else [prefix + name]
    return found


def job(folder: Path, text: str) -> Path:
    (folder / "job.toml").write_text(text, encoding="utf-8")
    return folder


def complaint(folder: Path, text: str, overrides: dict[str, Any] | None = None) -> UsageError:
    with pytest.raises(UsageError) as caught:
        read_job(job(folder, text), overrides)
    return caught.value


def test_every_field_is_one_option_with_one_flag() -> None:
    all_options = list(options())
    paths, flags = [o.path for o in all_options], [o.flag for o in all_options]
    assert paths == [path for path in leaves() if path != "goal.rules"]  # a table of tables, left to the file
    assert len(set(paths)) == len(paths) and len(set(flags)) == len(flags)
    assert len(paths) > 30
    for option in all_options:
        assert option.help and option.help[-1] != "."
        assert option.flag.startswith("--") and "_" not in option.flag
        assert option.type and "Annotated" not in option.type and "typing" not in option.type


def test_all_issues_are_reported_at_once_each_with_the_nearest_key(tmp_path: Path) -> None:
    error = complaint(
        tmp_path,
        """
        taks = "x"
        [goal]
        metrik = "label"
        pass_mark = 1.5
        [[goal.rules]]
        name = "short"
        kind = "max_words"
        valeu = 3
        value = 3
        [tune]
        rank = "many"
        [zzz]
        """,
    )
    assert "6 issues" in error.what and str(tmp_path / "job.toml") in error.what
    lines = error.why.splitlines()
    assert len(lines) == 6
    for part in (
        "'taks': did you mean 'task'?",
        "'goal.metrik': did you mean 'metric'?",
        "goal.pass_mark = 1.5: input should be less than or equal to 1",
        "'goal.rules.0.valeu': did you mean 'value'?",
        "tune.rank = 'many'",
        "'zzz': choose one of",
    ):
        assert sum(part in line for line in lines) == 1, part


@pytest.mark.parametrize("text", ['[goal]\nalso = ["chrf"]', "four_bits = true", "four_bits = false"])
def test_an_old_name_in_job_toml_is_an_error_that_names_the_new_one(text: str, tmp_path: Path) -> None:
    error = complaint(tmp_path, text)
    new = "'goal.extra_metrics'" if "also" in text else "'quantization': \"nf4\" for true; leave it out for false"
    assert f"is now called {new}" in error.why and "unknown key" not in error.why


def test_an_old_flag_is_an_error_that_names_the_new_one(tmp_path: Path) -> None:
    examples = tmp_path / "examples.jsonl"
    examples.write_text("{}")
    now = {"--also": "--extra-metrics", "--four-bits": "--quantization"}
    assert len(now) == len(RENAMED)
    arguments = [(["check", str(examples)], old, new) for old, new in now.items()]
    arguments += [(["climb", str(examples)], old, new) for old, new in now.items()]
    arguments += [(["export", str(tmp_path), "--to", "gguf"], "--most-drop", "--max-drop")]
    for command, old, new in arguments:
        for words in ([old], [old, "chrf"], [f"{old}=chrf"]):
            result = CliRunner().invoke(app, [*command, *words])
            assert result.exit_code == UsageError.exit_code and f"{old!r} is now called {new!r}" in result.output
        help_text = (
            CliRunner()
            .invoke(
                app,
                [command[0], "--help-all" if command[0] in ("climb", "check") else "--help"],
                env={"COLUMNS": "200"},
            )
            .output
        )
        assert old not in help_text and new in help_text


def test_an_old_flag_of_another_command_is_unknown(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["chat", str(tmp_path), "--four-bits"])
    assert result.exit_code == 2 and "No such option" in result.output


def test_an_error_in_a_setting_names_the_place_where_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "job.toml"
    assert complaint(tmp_path, "", {"goal.pass_mark": 2}).what == "1 issue in the command line:"
    assert complaint(tmp_path, "", {"prompt.shots": [1, -1]}).what == "1 issue in the command line:"
    assert complaint(tmp_path, "x = 1", {"goal.pass_mark": 0.5}).what == f"1 issue in {file}:"
    both = complaint(tmp_path, "x = 1\n[goal]\npass_mark = 7", {"goal.pass_mark": 2})
    assert both.what == f"2 issues in {file} and the command line:"


def test_a_list_with_an_impossible_value_has_one_issue(tmp_path: Path) -> None:
    found = complaint(tmp_path, "[prompt]\nshots = [-1]")
    assert (found.what, found.why.strip()) == (
        f"1 issue in {tmp_path / 'job.toml'}:",
        "- prompt.shots.0 = -1: input should be greater than or equal to 0",
    )


@pytest.mark.parametrize("path", leaves())
def test_a_misspelt_key_names_the_right_one(path: str, tmp_path: Path) -> None:
    table, _, key = path.rpartition(".")
    text = (f"[{table}]\n" if table else "") + f"{key}x = 1\n"
    assert f"unknown key '{path}x': did you mean {key!r}?" in str(complaint(tmp_path, text))


BAD: list[tuple[str, Any]] = [
    ("goal.pass_mark", 0),
    ("goal.pass_mark", float("nan")),
    ("goal.error_budget", 0.5),
    ("goal.error_budget", 1e-10),
    ("split.test_share", 1),
    ("prompt.shots", [-1]),
    ("prompt.shots", []),
    ("ground.passages", [0]),
    ("ground.passages", []),
    ("tune.learning_rates", [0.0]),
    ("tune.learning_rates", [-1e-4]),
    ("tune.learning_rates", [float("inf")]),
    ("tune.method", "qlora"),
    ("tune.rank", 0),
    ("tune.epochs", 0),
    ("answers.temperature", -0.1),
    ("answers.temperature", float("inf")),
    ("answers.max_new_tokens", 0),
    ("remote.timeout", 0),
    ("goal", 3),
]


@pytest.mark.parametrize("path, value", BAD, ids=str)
def test_impossible_values_are_rejected(path: str, value: Any, tmp_path: Path) -> None:
    written: dict[str, Any] = {}
    place = written
    *tables, last = path.split(".")
    for table in tables:
        place = place.setdefault(table, {})
    place[last] = value
    error = complaint(tmp_path, tomli_w.dumps(written))
    assert path in error.why and "settings" in error.fix


def test_overrides_take_precedence_over_the_file(tmp_path: Path) -> None:
    text = '[goal]\nmetric = "label"\npass_mark = 0.5\n'
    read = read_job(job(tmp_path, text), {"goal.pass_mark": 0.7, "tune.rank": 8, "task": "x"})
    assert (read.settings.goal.metric, read.settings.goal.pass_mark) == ("label", 0.7)
    assert (read.settings.tune.rank, read.settings.task) == (8, "x")
    assert read_job(tmp_path).settings.goal.pass_mark == 0.5


def test_an_override_into_a_wrong_table_reports_the_mistake_in_the_file(tmp_path: Path) -> None:
    error = complaint(tmp_path, "goal = 3\n", {"goal.pass_mark": 0.7})
    assert "goal = 3" in error.why


def test_a_wrong_override_is_reported_as_an_issue(tmp_path: Path) -> None:
    assert "goal.pass_mark = 2" in complaint(tmp_path, "", {"goal.pass_mark": 2}).why


def test_jobs_are_folders_files_or_examples(tmp_path: Path) -> None:
    folder = tmp_path / "letters"
    folder.mkdir()
    job(folder, 'task = "a"')
    (folder / "small.toml").write_text('task = "b"')
    (folder / "rows.csv").write_text("a,b\n")
    whole, part, bare = (read_job(folder / name) for name in ("", "small.toml", "rows.csv"))
    assert (whole.name, whole.settings.task, whole.folder) == ("letters", "a", folder)
    assert (part.name, part.settings.task) == ("letters-small", "b")
    assert (bare.name, bare.settings.data.examples, bare.path("rows.csv")) == ("rows", "rows.csv", folder / "rows.csv")
    assert read_job(folder / "job.toml").settings.task == "a"


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_bytes(b"\xef\xbb\xbf" + 'task = "é"'.encode())
    assert read_job(tmp_path).settings.task == "é"


@pytest.mark.parametrize(
    "content, says",
    [(b"task = x", "not valid TOML"), (b"task = '\xff'", "as text"), (b"\x00\x01", "not valid TOML")],
)
def test_a_file_that_is_not_toml_is_reported(content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_bytes(content)
    with pytest.raises(UsageError, match=says) as caught:
        read_job(tmp_path)
    assert "job.toml" in caught.value.what


def test_the_error_of_a_wrong_path_describes_a_job(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        read_job(tmp_path / "none")
    with pytest.raises(UsageError, match=r"has no job\.toml"):
        read_job(tmp_path)
    (tmp_path / "rows.pdf").write_bytes(b"")
    with pytest.raises(UsageError, match="neither a job nor a file of examples"):
        read_job(tmp_path / "rows.pdf")


@given(st.binary(max_size=80))
def test_any_bytes_are_a_job_or_a_usage_error(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "job.toml"
        path.write_bytes(content)
        try:
            read = read_job(path)
        except UsageError as error:
            assert error.what and error.why and error.fix
        else:
            assert read.settings == Settings.model_validate(tomllib.loads(content.decode("utf-8-sig")))


def test_settings_round_trip_through_json() -> None:
    settings = Settings.model_validate(
        {"goal": {"pass_mark": 0.1, "rules": [{"name": "r", "kind": "regex", "value": "x"}]}, "prompt": {"shots": [1]}}
    )
    assert Settings.model_validate(settings.model_dump(mode="json")) == settings
    with pytest.raises(ValidationError):
        settings.task = "other"  # type: ignore[misc]
    assert dataclasses.is_dataclass(next(options()))


WRONG = [5, -1, 1.5, True, "x", "", [], [5], ["x", 5], [[1]], {"a": 1}, math.nan, 10**30, "a\0b", "\ud800", [{"a": 1}]]
WORDS_OF_PYDANTIC = re.compile(r"function-|tuple|dict|instance of|valid (?:string|integer|number|boolean)|parse|field ")


@pytest.mark.parametrize("path", [*leaves(), "goal", "data", "tune", "tune.audit", "remote"])
def test_no_wrong_value_is_reported_in_the_words_of_a_library(path: str, tmp_path: Path) -> None:
    for value in WRONG:
        try:
            read_job(job(tmp_path, ""), {path: value})
        except UsageError as error:
            for line in error.why.splitlines():
                assert not WORDS_OF_PYDANTIC.search(line.replace(repr(value), "")), line
                assert path in line


@pytest.mark.parametrize(
    ("written", "issue"),
    [
        ("data.examples = 5", "data.examples = 5: it must be text or a list of text"),
        ("data.examples = []", "data.examples = []: the list needs at least 1 value"),
        ('data.examples = ["a", 5]', "data.examples.1 = 5: it must be text"),
        (
            'data.examples = "a\\u0000"',
            "data.examples = 'a\\x00': it holds a NUL character, which no name of a file has",
        ),
        ("prompt.shots = 3", "prompt.shots = 3: it must be a list of integers"),
        ("goal = 3", "goal = 3: it must be a table"),
        ("goal.rules = [3]", "goal.rules.0 = 3: it must be a table"),
        ('[[goal.rules]]\nname = "a"\nkind = "contains"', "goal.rules.0.value: it is missing"),
        (
            '[[goal.rules]]\nname = "a"\nkind = "contains"\nvalue = 1.5',
            "goal.rules.0.value = 1.5: it must be text or integer or table",
        ),
    ],
)
def test_a_value_of_another_type_is_one_issue_that_names_the_type(written: str, issue: str, tmp_path: Path) -> None:
    assert complaint(tmp_path, written).why == f"  - {issue}"

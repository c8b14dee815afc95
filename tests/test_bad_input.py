"""Bad input: a message with what, why and what to do, the documented exit code, and no leftover files."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

import small_job
from gradschool.cli.questions import read_questions
from refusals import FAKE, GOAL, ROWS, left, refused


def with_changes(count: int, **changes: str) -> list[dict[str, str]]:
    return [{**row, **changes} for row in ROWS[:count]]


# Case: how to write the job folder, the exit code, and parts of the message.
Write = Callable[[Path], None]


def toml(text: str, examples: list[dict[str, str]] | None = None) -> Write:
    def write(folder: Path) -> None:
        small_job.write_job(folder, text, ROWS if examples is None else examples)

    return write


def file(name: str, content: bytes, job: str = FAKE + GOAL) -> Write:
    def write(folder: Path) -> None:
        small_job.write_job(folder, job, ROWS)
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)

    return write


def pipe(name: str, job: str = FAKE + GOAL) -> Write:
    def write(folder: Path) -> None:
        small_job.write_job(folder, job, ROWS)
        (folder / name).unlink(missing_ok=True)
        os.mkfifo(folder / name)

    return write


def missing(name: str, job: str = FAKE + GOAL) -> Write:
    def write(folder: Path) -> None:
        small_job.write_job(folder, job, ROWS)
        (folder / name).unlink()

    return write


LONG = (json.dumps(ROWS[0]) + "\n").encode() + b'{"prompt": "' + b"x" * 50_000_000 + b'", "completion": "y"}\n'
OWN = FAKE + '[goal]\nmetric = "metrics.py:mine"\npass_mark = 0.5\n'
BAD: dict[str, tuple[Write, int, tuple[str, ...]]] = {
    "no examples file": (missing("examples.jsonl"), 4, ("examples.jsonl does not exist",)),
    "no job file": (missing("job.toml"), 2, ("has no job.toml",)),
    "not toml": (toml("task = Write it"), 2, ("not valid TOML",)),
    "binary job file": (file("job.toml", b"\xff\xfe\x00\x81"), 2, ("job.toml cannot be read as text",)),
    "lists in lists": (toml("task = " + "[" * 50_000), 2, ("not valid TOML", "nested too deeply")),
    "a number of 5,000 digits": (toml(f"seed = {'9' * 5_000}"), 2, ("not valid TOML", "digits")),
    "unknown key": (toml(FAKE + GOAL + "pass_marks = 0.7\n"), 2, ("'goal.pass_marks'", "did you mean 'pass_mark'?")),
    "unknown table": (toml(FAKE + GOAL + "[goals]\nx = 1\n"), 2, ("'goals'", "did you mean 'goal'?")),
    "a mark above 1": (toml(FAKE + "[goal]\npass_mark = 80\n"), 2, ("goal.pass_mark = 80",)),
    "unknown metric": (toml(FAKE + '[goal]\nmetric = "rougel"\npass_mark = 0.7\n'), 2, ("'rougel'", "rouge_l")),
    "no pass mark": (toml(FAKE), 2, ("names no pass mark", "--pass-mark")),
    "rules without rules": (toml(FAKE + '[goal]\nmetric = "rules"\npass_mark = 0.7\n'), 2, ("[[goal.rules]]",)),
    "a rule that is no pattern": (
        toml(FAKE + GOAL + '[[goal.rules]]\nname = "odd"\nkind = "regex"\nvalue = "(("\n'),
        2,
        ("odd",),
    ),
    "an empty file": (file("examples.jsonl", b""), 4, ("examples.jsonl is empty",)),
    "only blank lines": (file("examples.jsonl", b"\n \n\n"), 4, ("examples.jsonl is empty",)),
    "an empty list": (file("examples.jsonl", b"[]"), 4, ("has no examples",)),
    "3 examples": (toml(FAKE + GOAL, ROWS[:3]), 4, ("3 usable examples are not enough", "add 9 or more")),
    "one class only": (toml(FAKE + GOAL, with_changes(40, completion="yes")), 4, ("are the same: 'yes'",)),
    "one group only": (toml(FAKE + GOAL, with_changes(40, group="all")), 4, ("belong together",)),
    "no answers": (toml(FAKE + GOAL, with_changes(40, completion="  ")), 4, ()),
    "unknown columns": (
        file("examples.jsonl", b"".join(b'{"foo": "%d", "bar": "x"}\n' % i for i in range(30))),
        4,
        ("foo", "bar", "--input-column"),
    ),
    "a 50 MB line": (file("examples.jsonl", LONG), 4, ("not enough",)),
    "a file of one 50 MB line": (file("examples.jsonl", LONG.partition(b"\n")[2]), 4, ("longer than 8 MB",)),
    "a zip archive": (file("examples.jsonl", b"PK\x03\x04" + bytes(range(256)) * 20), 4, ("zip archive", "unpack")),
    "a binary file": (file("examples.jsonl", bytes(range(256)) * 20), 4, ("binary file",)),
    "broken json": (file("examples.jsonl", b'{"prompt": \n' * 30), 4, ("examples.jsonl",)),
    "json_fields of prose": (
        toml(FAKE + '[goal]\nmetric = "json_fields"\npass_mark = 0.7\n'),
        4,
        ("not JSON", "examples.jsonl:1"),
    ),
    "no such documents": (toml(FAKE + '[data]\ndocuments = "docs"\n' + GOAL), 4, ("docs",)),
    "no such guidelines": (toml(FAKE + '[data]\nguidelines = "rules.md"\n' + GOAL), 4, ("rules.md",)),
    "guidelines that are no text": (
        file("rules.md", bytes(range(32)) * 4, FAKE + '[data]\nguidelines = "rules.md"\n' + GOAL),
        4,
        ("rules.md cannot be read as text", "binary", "UTF-8"),
    ),
    "guidelines that are a folder": (
        toml(FAKE + '[data]\nguidelines = "documents"\n' + GOAL),
        4,
        ("documents cannot be read as text",),
    ),
    "a job file that is a pipe": (pipe("job.toml"), 2, ("job.toml cannot be read", "pipe")),
    "guidelines that are a pipe": (
        pipe("rules.md", FAKE + '[data]\nguidelines = "rules.md"\n' + GOAL),
        4,
        ("rules.md is a pipe",),
    ),
    "a schema that is a pipe": (
        pipe("order.json", FAKE + GOAL + '[[goal.rules]]\nname = "odd"\nkind = "json_schema"\nvalue = "order.json"\n'),
        2,
        ("order.json cannot be read", "pipe"),
    ),
    "no such model": (toml('base_model = "models/none/at/all"\n' + GOAL), 5, ("models/none/at/all", "does not exist")),
    "a misspelt base": (toml('base_model = "poket"\n' + GOAL), 5, ("'poket'", '"pocket" (built in)')),
    "a folder that is no model": (toml('base_model = "documents"\n' + GOAL), 5, ("is not a model", "config.json")),
    "a file as model": (toml('base_model = "job.toml"\n' + GOAL), 5, ("is a file",)),
    "a server without a model": (toml('base_model = "http://127.0.0.1:9/v1"\n' + GOAL), 2, ("model =",)),
    "no metrics.py": (toml(OWN), 2, ("metrics.py", "does not exist")),
    "broken metrics.py": (file("metrics.py", b"def mine(answer, example)\n", OWN), 2, ("metrics.py:1", "SyntaxError")),
    "raising metrics.py": (file("metrics.py", b"x = 1\nraise ValueError('boo')\n", OWN), 2, ("metrics.py:2", "boo")),
    "another function": (file("metrics.py", b"def min_(a, b): return 1\n", OWN), 2, ("'mine'", "min_")),
    "a metric of no arguments": (file("metrics.py", b"def mine(): return 1\n", OWN), 2, ("mine cannot be called",)),
}


@pytest.mark.parametrize("what", BAD)
def test_climb_reports_a_bad_job_and_leaves_no_run(what: str, here: Path) -> None:
    write, code, words = BAD[what]
    write(here / "job")
    before = sorted(path for path in (here / "job").rglob("*") if "__pycache__" not in path.parts)
    refused(small_job.run("climb", "job", "--trust-code"), code, *words)
    assert left(here) == []
    assert sorted(path for path in (here / "job").rglob("*") if "__pycache__" not in path.parts) == before


@pytest.mark.parametrize("what", ["unknown metric", "3 examples", "no such model", "no pass mark"])
def test_check_reports_the_same_errors_as_climb(what: str, here: Path) -> None:
    write, code, words = BAD[what]
    write(here / "job")
    refused(small_job.run("check", "job"), code, *words)


def test_failed_climb_removes_only_its_own_files_from_the_run_folder(here: Path) -> None:
    BAD["3 examples"][0](here / "job")
    (here / "mine").mkdir()
    (here / "mine" / "diary.txt").write_text("dear diary")
    refused(small_job.run("climb", "job", "--run", "mine"), 4)
    assert [path.name for path in (here / "mine").iterdir()] == ["diary.txt"]


IMPOSSIBLE_COMMANDS: dict[str, tuple[tuple[str, ...], str]] = {
    "no job": (("climb",), "nothing to climb"),
    "a job that is not there": (("climb", "nowhere"), "nowhere does not exist"),
    "a picture": (("climb", "cat.png"), "neither a job nor a file of examples"),
    "resume what is no run": (("climb", "--resume", "job"), "is not a run"),
    "resume what is not there": (("climb", "--resume", "runs/none-1"), "is not a run"),
    "resume with a job": (("climb", "job", "--resume", "job"), "--resume continues"),
    "resume with a setting": (("climb", "--resume", "job", "--rank", "3"), "--resume continues"),
    "a number that is none": (("climb", "job", "--rank", "many"), "tune.rank = 'many'"),
    "a list that is none": (("climb", "job", "--shots", "0,two"), "prompt.shots"),
    "a report of no run": (("report", "job"), "is not a run"),
    "a chat with no specialist": (("chat", "job"), "is not a specialist"),
    "answers of no specialist": (("answer", "nowhere"), "is not a specialist"),
    "a score of no specialist": (("score", "job", "job/examples.jsonl"), "is not a specialist"),
}


@pytest.mark.parametrize("what", IMPOSSIBLE_COMMANDS)
def test_impossible_commands_are_reported(what: str, here: Path) -> None:
    small_job.write_job(here / "job", FAKE + GOAL, ROWS)
    (here / "cat.png").write_bytes(b"\x89PNG")
    arguments, words = IMPOSSIBLE_COMMANDS[what]
    refused(small_job.run(*arguments, stdin="a question\n"), 2, words)
    assert left(here) == []


def test_unknown_option_gets_a_suggestion(here: Path) -> None:
    result = small_job.run("climb", "job", "--pass-mrk", "0.5")
    assert result.exit_code == 2 and "--pass-mark" in result.stderr and "Traceback" not in result.output


def test_existing_run_is_never_overwritten(here: Path) -> None:
    small_job.write_job(here / "job", FAKE + GOAL, ROWS)
    assert small_job.run("climb", "job", "--run", "run").exit_code in (0, 3)
    before = {path: path.read_bytes() for path in (here / "run").rglob("*") if path.is_file()}
    refused(small_job.run("climb", "job", "--run", "run"), 2, "already holds a run", "--resume")
    assert {path: path.read_bytes() for path in (here / "run").rglob("*") if path.is_file()} == before


def test_unreadable_documents_stop_the_climb_and_it_can_be_resumed(here: Path) -> None:
    job = small_job.write_job(here / "job", FAKE + '[data]\ndocuments = "papers"\n' + GOAL, ROWS)
    (job / "papers").mkdir()
    (job / "papers" / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    (job / "papers" / "torn.pdf").write_bytes(b"%PDF-1.7 and no more")
    refused(small_job.run("climb", "job"), 4, "No document in", "papers")
    for run in left(here):
        if run == "ledger.jsonl":  # what was tested, of all runs
            continue
        (job / "papers" / "guide.md").write_text(small_job.GUIDE)
        result = small_job.run("climb", "--resume", f"runs/{run}")
        assert result.exit_code in (0, 3), result.output


@pytest.mark.parametrize("what", ["specialist.toml", "evidence/test.jsonl", "gone", "extra", "no toml"])
def test_damaged_specialist_is_not_opened(what: str, here: Path) -> None:
    small_job.write_job(here / "job", FAKE + GOAL, ROWS)
    small_job.run("climb", "job", "--run", "run")
    folder = here / "run" / "specialist"
    if what == "gone":
        (folder / "evidence" / "split.json").unlink()
    elif what == "extra":
        (folder / "notes.txt").write_text("mine")
    elif what == "no toml":
        (folder / "specialist.toml").write_text("this = is = none")
    else:
        content = bytearray((folder / what).read_bytes())
        spot = content.index(b"token_f1" if what.endswith("toml") else b'"text"') + 1
        content[spot] ^= 1
        (folder / what).write_bytes(content)
    for command in (("answer", folder), ("score", folder, "job/examples.jsonl"), ("chat", folder)):
        refused(small_job.run(*command, stdin="a question\n"), 8, "was changed after it was packaged")


INVALID_QUESTIONS = {
    "nothing": ("", "no questions"),
    "blank lines": ("\n\n  \n", "no questions"),
    "half an object": ('{"prompt": \n', "Line 1"),
    "no known key": ('{"colour": "red"}\n', "Line 1"),
    "empty conversation": ('{"messages": []}\n', "Line 1"),
    "a message without a role": ('{"messages": [{"content": "x"}]}\n', "Line 1"),
    "half a list": ('[{"prompt": "x"}, {"prompt": \n', "Line 1"),
    "messages that are a number": ('{"messages": 3}\n', "Line 1"),
}


@pytest.fixture(scope="module")
def specialist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("fake")
    small_job.write_job(home / "job", FAKE + GOAL, ROWS)
    small_job.run("climb", home / "job", "--run", home / "run")
    return home / "run" / "specialist"


@pytest.mark.parametrize("what", INVALID_QUESTIONS)
def test_invalid_questions_are_reported_before_anything_is_answered(what: str, specialist: Path) -> None:
    stdin, words = INVALID_QUESTIONS[what]
    result = small_job.run("answer", specialist, stdin=stdin)
    refused(result, 4, words)
    assert result.stdout == ""


def test_one_invalid_question_is_reported_and_the_others_are_answered(specialist: Path) -> None:
    stdin = '{"prompt": "x"}\n{"prompt": \n[A-17] where?\n'
    result = small_job.run("answer", specialist, stdin=stdin)
    refused(result, 4, "1 of 3 questions", "line 2: it is not valid JSON")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert ["failure" in row for row in rows] == [False, True, False]


def test_questions_that_are_not_utf8_are_reported(specialist: Path) -> None:
    refused(small_job.run("answer", specialist, stdin=b"caf\xe9 \xff\xfe\n"), 4, "UTF-8")
    refused(small_job.run("answer", specialist, stdin='{"prompt": "half \\ud83d"}\n'), 4, "Line 1", "half a character")
    refused(small_job.run("chat", specialist, stdin=b"caf\xe9 \xff\xfe\n"), 4, "UTF-8")
    _, second = read_questions(["fine", "caf\udce9"])  # how Python decodes such bytes in the C locale
    assert second.line == 2 and "UTF-8" in second.unreadable


def test_bad_examples_for_score_are_reported(specialist: Path, here: Path) -> None:
    (here / "bad.jsonl").write_bytes(bytes(range(256)) * 20)
    refused(small_job.run("score", specialist, "bad.jsonl"), 4, "binary file")
    refused(small_job.run("score", specialist, "none.jsonl"), 4, "none.jsonl does not exist")
    (here / "empty.jsonl").write_text('{"prompt": "x", "completion": ""}\n')
    refused(small_job.run("score", specialist, "empty.jsonl"), 4)


def test_damaged_run_is_reported(here: Path) -> None:
    small_job.write_job(here / "job", FAKE + GOAL, ROWS)
    small_job.run("climb", "job", "--run", "run")
    (here / "run" / "done" / "base.json").write_text('{"recipe":')
    refused(small_job.run("climb", "--resume", "run"), 8, "base.json cannot be read")
    (here / "run" / "run.json").write_text("[]")
    for command in (("climb", "--resume", "run"), ("report", "run")):
        refused(small_job.run(*command), 8, "run.json cannot be read")

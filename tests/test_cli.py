"""The commands, as a user types them, on a specialist from a complete climb."""

import inspect
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import small_job
from gradschool import __version__
from gradschool.cli import app, parsed
from gradschool.cli.about import settings_markdown
from gradschool.options import MAIN, flag_of, options
from small_job import Whole

COMMANDS = sorted(command.callback.__name__ for command in app.registered_commands if command.callback)
HEAVY = ("torch", "transformers", "lancedb", "scipy", "numpy", "sklearn", "huggingface_hub", "httpx", "pyarrow")


def test_help_imports_nothing_heavy() -> None:
    """In one process for all commands, each after the others: what one imports is seen after it."""
    code = (
        "import sys\nfrom gradschool.cli import main\n"
        f"for arguments in {[[], *([command] for command in COMMANDS)]!r}:\n"
        "    sys.argv = ['gradschool', *arguments, '--help']\n"
        "    print('OF', *arguments)\n"
        "    try:\n        main()\n    except SystemExit as end:\n        assert not end.code, arguments\n"
        f"    print('HEAVY', sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    of_all, *of_each = done.stdout.split("OF")[1:]
    assert all(f" {command} " in of_all for command in COMMANDS) and len(of_each) == len(COMMANDS)
    for shown in (of_all, *of_each):
        assert "Usage: " in shown
        assert shown.rstrip().endswith("HEAVY []"), shown


def test_climb_and_check_have_an_option_for_each_setting() -> None:
    for command in ("climb", "check"):
        shown = small_job.run(command, "--help-all").stdout
        words = " ".join(re.sub(r"[│╭╮╰╯─]", " ", shown).split())
        for option in options():
            if option.path == "goal.rules":
                continue
            assert option.flag in words, option.flag
            assert option.help.split(":")[0][:40] in words, option.help


@pytest.mark.parametrize("flag", ["--help", "-h"])
@pytest.mark.parametrize("command", ["climb", "check"])
def test_help_shows_the_main_options_and_names_the_rest(command: str, flag: str) -> None:
    shown = small_job.run(command, flag, columns=80).stdout
    assert all(flag_of(path) in shown for path in MAIN)
    assert "--rank" not in shown and "--help-all" in shown
    assert len(shown.splitlines()) < 60
    assert "--rank" in small_job.run(command, "--help-all").stdout
    assert "--rank" not in small_job.run(command, flag).stdout  # showing all options once changes nothing


@pytest.mark.parametrize("width", [60, 80])
def test_help_cuts_no_word(width: int) -> None:
    known = set(re.findall(r"\S*…\S*", " ".join(option.help for option in options()) + " (en, de, …); -2, … (SOURCE…"))
    for name in ("", *COMMANDS):
        shown = small_job.run(*filter(None, [name]), "--help", columns=width).stdout
        assert not set(re.findall(r"\S*\w…", shown)) - known
        assert all(len(line) <= width for line in shown.splitlines())
        command = next((one for one in app.registered_commands if one.callback and one.callback.__name__ == name), None)
        assert not command or shown.count("--json") == ("as_json" in inspect.signature(command.callback).parameters)


def test_completion_for_bash(tmp_path: Path) -> None:
    program = tmp_path / "gradschool"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m gradschool "$@"\n')
    program.chmod(0o755)
    script = (
        "set -eu; gradschool --show-completion > script; . ./script; COMP_WORDS=(gradschool ch); COMP_CWORD=1\n"
        '_gradschool_completion gradschool; echo "${COMPREPLY[@]}"'
    )
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.stdout.split(), done.stderr) == (["check", "chat"], "")


def test_options_are_parsed_like_job_toml(tmp_path: Path) -> None:
    known = {option.path: option for option in options()}
    assert parsed(known["prompt.shots"], "0, 2,4") == ["0", "2", "4"]
    assert parsed(known["goal.pass_mark"], "0.5") == "0.5"
    job = small_job.write_job(tmp_path / "job", 'base_model = "fake"\n[goal]\npass_mark = 0.1\n')
    flags = ["--pass-mark", "0.6", "--shots", "0,1", "--nearest", "false", "--max-test", "20", "--metric", "rouge_l"]
    small_job.run("climb", job, "--run", tmp_path / "run", *flags, "--curve")
    settings = json.loads((tmp_path / "run" / "run.json").read_text())["settings"]
    assert (settings["goal"]["pass_mark"], settings["goal"]["metric"]) == (0.6, "rouge_l")
    assert (settings["prompt"]["shots"], settings["prompt"]["nearest"]) == ([0, 1], False)
    assert (
        settings["split"]["max_test"] == 20 and settings["base_model"] == "fake" and settings["tune"]["curve"] is True
    )


def test_examples_file_without_job_toml_is_a_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small_job.write_job(tmp_path / "orders")
    result = small_job.run("climb", "orders/examples.jsonl", "--pass-mark", "0.9", "--base-model", "fake")
    assert result.exit_code == 3, result.output
    assert (tmp_path / "runs" / "examples-1" / "specialist" / "specialist.toml").exists()
    small_job.run("climb", "orders/examples.jsonl", "--pass-mark", "0.9", "--base-model", "fake")
    assert (tmp_path / "runs" / "examples-2" / "run.json").exists()


def test_settings_and_version() -> None:
    assert small_job.run("version").stdout.strip() == __version__
    shown = small_job.run("settings").stdout
    assert all(option.path in shown and option.help in shown for option in options())
    assert small_job.run("settings", "--markdown").stdout == settings_markdown()


def test_help_is_shown_without_a_command() -> None:
    result = small_job.run()
    assert "Usage: " in result.output and result.exit_code in (0, 2)
    odd = small_job.run("clmb")
    assert odd.exit_code == 2 and "climb" in odd.stderr


@pytest.mark.slow
def test_answer_prints_json_lines_in_order_with_ids(whole: Whole) -> None:
    rows = small_job.rows(100)[72:77]
    asked = [json.dumps(row) for row in rows]
    asked.insert(2, "three eggs for Dover, please")
    asked.append(json.dumps({"id": 7, "messages": [{"role": "user", "content": rows[0]["prompt"]}]}))
    result = small_job.run("answer", whole.specialist, stdin="\n".join(asked) + "\n\n")
    assert result.exit_code == 0, result.stderr
    said = [json.loads(line) for line in result.stdout.splitlines()]
    assert [row.get("id") for row in said] == [rows[0]["id"], rows[1]["id"], None, *(r["id"] for r in rows[2:]), "7"]
    assert all(isinstance(row["answer"], str) and row["stop"] in ("stop", "length") for row in said)
    assert said[-1]["answer"] == said[0]["answer"]  # the same question in two formats


@pytest.mark.slow
def test_packaged_specialist_gives_the_scored_answers(whole: Whole) -> None:
    evidence = [json.loads(line) for line in (whole.specialist / "evidence" / "test.jsonl").read_text().splitlines()]
    stdin = "".join(json.dumps({"id": row["id"], "prompt": row["question"]}) + "\n" for row in evidence)
    said = [json.loads(line) for line in small_job.run("answer", whole.specialist, stdin=stdin).stdout.splitlines()]
    assert [(row["id"], row["answer"]) for row in said] == [(row["id"], row["answer"]["text"]) for row in evidence]


@pytest.mark.slow
def test_score_uses_the_metric_of_the_job(whole: Whole, tmp_path: Path) -> None:
    more = tmp_path / "more.jsonl"
    rows = small_job.rows(84)[72:]
    more.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = small_job.run("score", whole.specialist, more)  # these rows repeat those of the climb
    assert result.exit_code == 4 and "All 12 examples are known to this specialist" in " ".join(result.stderr.split())
    result = small_job.run("score", whole.specialist, more, "--with-known", "--output", tmp_path / "scored.jsonl")
    assert result.exit_code == 0, result.stderr
    assert "token_f1: " in result.stdout and "pass mark 0.999" in result.stdout
    assert all(part in result.stdout for part in ("exact_match", "short"))
    scored = small_job.lines(tmp_path / "scored.jsonl")
    assert [row["id"] for row in scored] == [row["id"] for row in rows]
    mean = sum(row["value"] for row in scored) / len(scored)
    assert f"token_f1: {mean:.3f} (" in result.stdout


@pytest.mark.slow
@pytest.mark.parametrize("compare", [False, True])
def test_chat_answers_every_line_of_a_pipe(whole: Whole, compare: bool) -> None:
    question = small_job.rows()[0]["prompt"]
    flags = ["--compare"] if compare else []
    result = small_job.run("chat", whole.specialist, *flags, stdin=f"{question}\n\nand two inks?\n")
    assert result.exit_code == 0, result.stderr
    turns = re.findall(r"^(base|specialist): ", result.stdout, re.MULTILINE)
    assert turns == (["base", "specialist"] * 2 if compare else ["specialist"] * 2)
    [first, *_] = [line for line in result.stdout.splitlines() if line.startswith("specialist: ")]
    [asked] = small_job.run("answer", whole.specialist, stdin=question).stdout.splitlines()
    answer = json.loads(asked)["answer"].strip()
    assert first.removeprefix("specialist: ").strip() == answer.split("\n")[0].strip()


@pytest.mark.slow
def test_chat_ends_at_end_of_input(whole: Whole) -> None:
    result = small_job.run("chat", whole.specialist, stdin="")
    assert result.exit_code == 0 and "specialist: " not in result.stdout


@pytest.mark.slow
def test_check_shows_trained_tokens_and_writes_nothing(whole: Whole, tmp_path: Path) -> None:
    job = small_job.write_job(tmp_path / "orders")
    before = sorted(job.rglob("*"))
    result = small_job.run("check", job, "--rows", "3")
    assert result.exit_code == 0, result.stderr
    shown = re.findall(r"\((examples\.jsonl:\d+)\): (\d+) tokens, (\d+) of them trained on", result.stdout)
    assert len(shown) == 3 and all(0 < int(trained) < int(tokens) for _, tokens, trained in shown)
    by_line = {f"examples.jsonl:{i}": row for i, row in enumerate(small_job.rows(), 1)}
    for place, _, _ in shown:
        text = " ".join(result.stdout.split())  # lines may be wrapped
        assert by_line[place]["completion"] in text and by_line[place]["prompt"] in text
    assert whole.done("split")["hash"][:8] in result.stdout  # the same split as in the climb
    assert "cannot prove the pass mark of 0.999" in " ".join(result.stdout.split())
    assert "completion → ideal answer" in result.stdout
    assert sorted(job.rglob("*")) == before


def test_check_shows_and_writes_issues_also_if_it_ends_with_an_error(tmp_path: Path) -> None:
    rows = [{"prompt": f"How many {n}?", "completion": "" if n % 2 else f"{n} of them"} for n in range(10)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    job = tmp_path / "job.toml"
    job.write_text(
        'base_model = "fake"\n[data]\nexamples = "rows.jsonl"\n[goal]\nmetric = "token_f1"\npass_mark = 0.7\n'
    )
    result = small_job.run("check", job, "--issues", tmp_path / "issues.txt")
    assert result.exit_code == 4 and "5 usable examples are not enough" in result.output
    written = (tmp_path / "issues.txt").read_text()
    assert (
        written.count("empty answer") == 5
        and "rows.jsonl:2" in written
        and "empty answer (dropped): 5" in result.output
    )


def test_check_counts_issues_and_writes_them_to_a_file(tmp_path: Path) -> None:
    rows = small_job.rows(40)
    rows += [rows[3], {**rows[5], "id": "other", "completion": "nothing"}]
    job = small_job.write_job(tmp_path / "job", 'base_model = "fake"\n[goal]\npass_mark = 0.5\n', rows)
    result = small_job.run("check", job, "--issues", tmp_path / "issues.txt")
    assert result.exit_code == 0, result.stderr
    assert "duplicate (dropped): 1" in result.stdout and "contradicting (kept): 1" in result.stdout
    written = (tmp_path / "issues.txt").read_text()
    assert "examples.jsonl:41" in written and "examples.jsonl:42" in written


def test_closed_output_pipe_is_no_error(tmp_path: Path) -> None:
    """As in `gradschool settings | head -1`."""
    code = f"{small_job.MAIN.replace('main()', '')}\nimport sys\nsys.argv = ['gradschool', 'settings']\nmain()"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout and process.stderr
    process.stdout.close()
    errors = process.stderr.read()
    assert process.wait(60) == 0 and b"Traceback" not in errors and b"BrokenPipe" not in errors

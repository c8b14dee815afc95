"""The Python API: quick to import, typed, and every code block of its page runs."""

import ast
import dataclasses
import inspect
import json
import pkgutil
import re
import runpy
import subprocess
import sys
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

import forked
import gradschool
import small_job
from gradschool import api
from gradschool.api import OpenSpecialist
from gradschool.audit.subject import Subject
from gradschool.errors import UsageError
from gradschool.model.fake import FakeEngine
from gradschool.records import Gate, Work
from gradschool.settings import Rule
from gradschool.specialist import Recipe, Specialist

PAGE = Path(__file__).parents[1] / "docs" / "python.md"
JOB = 'task = "Say it back."\nbase_model = "fake"\n[goal]\nmetric = "exact_match"\npass_mark = 0.7\n'


def job_of(folder: Path) -> Path:
    """A job whose ideal answer is the question itself, which is what the fake base answers."""
    rows = [{**row, "completion": row["prompt"]} for row in small_job.rows()]
    return small_job.write_job(folder, JOB, rows)


@pytest.mark.slow
def test_every_code_block_of_the_page_runs(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second climb has a base that repeats the question, which is enough there. Tests of audits audit."""

    def audit(subject: Subject, *, until_rejected: bool = False) -> Work[tuple[Gate, ...]]:
        yield from ()
        assert subject.held_out
        return (Gate("a gate", True, "evidence"),)

    monkeypatch.setattr("gradschool.audits.audit", audit)
    monkeypatch.setattr("gradschool.rungs.state.audit", audit)
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    scope: dict[str, Any] = {}
    for block in blocks:
        faster = block.replace('run="runs/second"', 'run="runs/second", base_model="fake"')
        exec(compile(faster, str(PAGE), "exec"), scope)
    assert len(blocks) >= 6
    assert [result.rung for result in scope["climbed"].results][:2] == ["base", "prompt"]
    assert [answer.stop for answer in scope["answers"]] == ["stop", "stop"]
    assert scope["audited"].held and scope["audited"].gates[0].result == "passed"


def test_importing_the_package_is_quick_and_needs_no_torch() -> None:
    program = "import sys, gradschool; assert 'torch' not in sys.modules; print(len(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(loaded.stdout) < 200


def test_no_module_hides_a_function_of_the_api() -> None:
    """A submodule becomes an attribute of its package when it is imported."""
    assert not {module.name for module in pkgutil.iter_modules(gradschool.__path__)} & set(gradschool.__all__)
    assert all(getattr(gradschool, name) is not None for name in gradschool.__all__)
    with pytest.raises(AttributeError, match="no attribute 'clim'"):
        gradschool.clim  # type: ignore[attr-defined]  # noqa: B018


def test_the_lists_of_names_are_the_same() -> None:
    tree = ast.parse(Path(gradschool.__file__).read_text(encoding="utf-8"))
    [imported] = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module == "gradschool.api"]
    assert sorted(name.name for name in imported.names) == sorted(api.__all__)
    assert sorted(gradschool.__all__) == sorted([*api.__all__, "__version__"])


def test_every_type_that_the_api_returns_is_exported() -> None:
    functions = [getattr(api, name) for name in api.__all__ if inspect.isroutine(getattr(api, name))]
    found: set[Any] = set()
    new = {get_type_hints(function)["return"] for function in (*functions, OpenSpecialist.answer)}
    while new:
        found |= new
        parts = {part for one in new for part in get_args(one)}
        for one in new:
            if dataclasses.is_dataclass(one):
                parts |= set(get_type_hints(one).values())
        new = {part for part in parts if isinstance(part, Hashable)} - found
    classes = {one.__name__ for one in found if isinstance(one, type) and one.__module__.startswith("gradschool.")}
    assert {"Examined", "Passage", "Gate", "Split"} < classes <= set(api.__all__)


def test_the_package_runs_as_a_module(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gradschool", "version"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == gradschool.__version__


def test_the_package_is_typed() -> None:
    assert (Path(gradschool.__file__).parent / "py.typed").exists()


def test_a_climb_returns_its_result_and_is_resumed_to_the_same(tmp_path: Path) -> None:
    climbed = gradschool.climb(job_of(tmp_path / "job"), run=tmp_path / "run")
    assert (climbed.verdict, climbed.rung) == ("passed", "base")
    assert Path(climbed.specialist) == tmp_path / "run" / "specialist"
    assert gradschool.resume(tmp_path / "run") == climbed
    with pytest.raises(UsageError, match="already holds a run"):
        gradschool.climb(tmp_path / "job", run=tmp_path / "run")


def test_a_moved_run_is_resumed_to_a_specialist_that_can_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    gradschool.climb(job_of(Path("job")), run="a/run")
    Path("a").rename("b")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    climbed = gradschool.resume("../b/run")
    assert Path(climbed.specialist) == Path("../b/run/specialist")
    assert gradschool.open_specialist(climbed.specialist).answer(["Yes?"])[0].text == "Yes?"


def test_events_arrive_in_order_and_the_result_last(tmp_path: Path) -> None:
    job = gradschool.read_job(job_of(tmp_path / "job"), metric="token_f1")
    *events, last = gradschool.iter_climb(job, run=tmp_path / "run", pass_mark=0.6)
    assert isinstance(last, gradschool.Climbed) and last.results[0].report is not None
    assert (last.results[0].report.metric, last.results[0].report.pass_mark) == ("token_f1", 0.6)
    assert any(isinstance(event, gradschool.Note) for event in events) and last.results[0] in events
    recorded = (tmp_path / "run" / "events.jsonl").read_text().splitlines()
    assert json.loads(recorded[-1])["event"] == "Progress"  # the test of the package


def test_a_climb_that_cannot_begin_leaves_nothing(tmp_path: Path) -> None:
    job = job_of(tmp_path / "job")
    with pytest.raises(gradschool.GradschoolError):
        gradschool.climb(job, run=tmp_path / "run", documents="gone")
    assert not (tmp_path / "run").exists()


def test_check_reports_and_writes_nothing(tmp_path: Path) -> None:
    job = job_of(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    report = gradschool.check(job, pass_mark=0.5)
    assert report.pass_mark == 0.5 and 0.5 < report.highest_provable < 1
    assert sorted(tmp_path.rglob("*")) == before


def test_an_unknown_setting_is_named_with_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'pass_mrak'") as caught:
        gradschool.check(job_of(tmp_path), pass_mrak=0.5)
    assert "'pass_mark'" in caught.value.fix
    with pytest.raises(UsageError, match="1 issue in the arguments") as caught:
        gradschool.check(gradschool.read_job(tmp_path), pass_mark=7)
    assert "pass_mark" in caught.value.why


@pytest.mark.parametrize(
    "old, new",
    [
        ({"four_bits": True}, "quantization"),
        ({"four_bits": False}, "quantization"),
        ({"also": ["chrf"]}, "extra_metrics"),
    ],
)
def test_an_old_name_of_a_setting_is_an_error_that_names_the_new_one(
    old: dict[str, Any], new: str, tmp_path: Path
) -> None:
    for job in (job_of(tmp_path), gradschool.read_job(tmp_path)):
        with pytest.raises(UsageError, match=f"'{next(iter(old))}' is now called '{new}'"):
            gradschool.check(job, **old)


def test_rules_are_a_setting_too(tmp_path: Path) -> None:
    rule = {"name": "short", "kind": "max_words", "value": 9}
    for rules in ([rule], [Rule.model_validate(rule)]):
        job = gradschool.read_job(job_of(tmp_path), rules=rules, metric="rules")
        assert job.settings.goal.rules == (Rule.model_validate(rule),)
    with pytest.raises(UsageError, match="1 issue in the arguments"):
        gradschool.read_job(tmp_path, rules=[{**rule, "kind": "long"}])


def test_questions_are_strings_or_conversations() -> None:
    specialist = OpenSpecialist(Specialist(FakeEngine(lambda asked: asked[-1].content.upper()), Recipe()))
    answers = specialist.answer(
        ["a", [{"role": "system", "content": "s"}, {"role": "user", "content": "b"}], [gradschool.Message("user", "c")]]
    )
    assert [answer.text for answer in answers] == ["A", "B", "C"]
    assert "".join(specialist.stream("d")) == "D"
    assert specialist.answer([]) == []


WRONG_QUESTIONS: list[Any] = [
    *([{"role": "user"}], [3], 3, None, []),
    [{"role": "user", "content": None}],
    [{"role": "user", "content": ["a"]}],
    [{"role": "human", "content": "a"}],
    [{"role": None, "content": "a"}],
    [gradschool.Message("user", None)],  # type: ignore[arg-type]
    {"role": "user", "content": "a"},
]


@pytest.mark.parametrize("wrong", WRONG_QUESTIONS, ids=str)
def test_what_is_not_a_question_is_a_usage_error(wrong: Any) -> None:
    specialist = OpenSpecialist(Specialist(FakeEngine(lambda asked: "A"), Recipe()))
    with pytest.raises(UsageError):
        specialist.answer([wrong])
    with pytest.raises(UsageError):
        next(specialist.stream(wrong))


@pytest.mark.parametrize("wrong", ["hello", {"role": "user", "content": "a"}, 3, None], ids=str)
def test_questions_that_are_not_in_a_list_are_a_usage_error(wrong: Any) -> None:
    specialist = OpenSpecialist(Specialist(FakeEngine(lambda asked: "A"), Recipe()))
    with pytest.raises(UsageError, match="not a list of questions"):
        specialist.answer(wrong)


def test_what_is_not_a_path_is_a_usage_error(tmp_path: Path) -> None:
    calls: list[Callable[[Any], object]] = [
        *(gradschool.read_job, gradschool.check, gradschool.climb, gradschool.resume, gradschool.open_specialist),
        lambda wrong: gradschool.climb(job_of(tmp_path), run=wrong),
        gradschool.audit_specialist,
        lambda wrong: gradschool.audit_specialist(tmp_path, train=wrong),
    ]
    for call in calls:
        with pytest.raises(UsageError, match="3 is not a path"):
            call(3)


def test_a_run_starts_with_the_first_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = job_of(tmp_path / "job")
    monkeypatch.chdir(tmp_path)
    events = gradschool.iter_climb(job)
    assert not (tmp_path / "runs").exists()
    next(events)
    assert (tmp_path / "runs" / "job-1" / "run.json").exists()


@pytest.mark.slow
def test_processes_of_torchrun_climb_once_and_return_the_same_result(tmp_path: Path) -> None:
    job_of(tmp_path / "job")
    program = (
        "import os, gradschool\n"
        "for pass_mark in (0.7, 0.6):\n"
        "    climbed = gradschool.climb('job', pass_mark=pass_mark)\n"
        "    with open(f\"rank-{os.environ['RANK']}\", 'a') as file:\n"
        "        print(climbed, file=file)\n"
    )
    (tmp_path / "main.py").write_text(program)
    forked.group(2, runpy.run_path, "main.py", cwd=tmp_path, env=small_job.QUIET)
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["job-1", "job-2", "ledger.jsonl"]
    first, second = ((tmp_path / f"rank-{rank}").read_text() for rank in range(2))
    assert first == second and first.count("Climbed(verdict='passed', rung='base'") == 2


def test_a_question_may_be_a_row_as_examples_have_them() -> None:
    specialist = OpenSpecialist(Specialist(FakeEngine(lambda asked: asked[-1].content.upper()), Recipe()))
    [answer] = specialist.answer([{"instruction": "Count.", "input": "Three pears."}])
    assert answer.text == "COUNT.\n\nTHREE PEARS."
    with pytest.raises(UsageError, match="no known pair"):
        specialist.answer([{"colour": "red"}])

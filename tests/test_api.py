"""The Python API: quick to import, typed, and every code block of its page runs."""

import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import gradschool
import small_job
from gradschool.api import OpenSpecialist
from gradschool.errors import UsageError
from gradschool.model.fake import FakeEngine
from gradschool.specialist import Recipe, Specialist

PAGE = Path(__file__).parents[1] / "docs" / "python.md"
JOB = 'task = "Say it back."\nbase_model = "fake"\n[goal]\nmetric = "exact_match"\npass_mark = 0.7\n'


def job_of(folder: Path) -> Path:
    """A job whose ideal answer is the question itself, which is what the fake base answers."""
    rows = [{**row, "completion": row["prompt"]} for row in small_job.rows()]
    return small_job.write_job(folder, JOB, rows)


@pytest.mark.slow
def test_every_code_block_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    scope: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), scope)
    assert len(blocks) >= 6
    assert [result.rung for result in scope["climbed"].results][:2] == ["base", "prompt"]
    assert [answer.stop for answer in scope["answers"]] == ["stop", "stop"]


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
    assert "'pass_mark'" in caught.value.why
    with pytest.raises(UsageError, match="has 1 issue") as caught:
        gradschool.check(gradschool.read_job(tmp_path), pass_mark=7)
    assert "pass_mark" in caught.value.why


def test_questions_are_strings_or_conversations() -> None:
    specialist = OpenSpecialist(Specialist(FakeEngine(lambda asked: asked[-1].content.upper()), Recipe()))
    answers = specialist.answer(
        ["a", [{"role": "system", "content": "s"}, {"role": "user", "content": "b"}], [gradschool.Message("user", "c")]]
    )
    assert [answer.text for answer in answers] == ["A", "B", "C"]
    assert "".join(specialist.stream("d")) == "D"
    assert specialist.answer([]) == []
    for wrong in ([{"role": "user"}], [3], 3):
        with pytest.raises(UsageError):
            specialist.answer([wrong])  # type: ignore[list-item]

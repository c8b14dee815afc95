"""A climb that is killed at any moment continues where it stopped, with the same result as an uninterrupted one."""

import json
import os
import shutil
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

import small_job
from gradschool.files import sha256
from small_job import Whole

pytestmark = pytest.mark.slow


@dataclass
class Killed:
    """A climb that was killed several times, and its state at each of these moments."""

    run: Path
    last_said: str = ""
    checkpoint_step: int = 0  # of the checkpoint from which the training continued
    steps_before: int = 0  # events of kind Step before that
    refused: Any = None  # result of a second process at that moment
    interrupted: tuple[int, str] = (0, "")  # exit code and stderr after Ctrl-C
    finished: dict[str, dict[str, int]] = field(default_factory=dict)  # done steps and their times, by moment


@pytest.fixture(scope="module")
def straight(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """One uninterrupted climb of the small job over a tiny base, whose answers change with every weight."""
    return small_job.climb(tmp_path_factory.mktemp("straight"), "--base-model", base)


@pytest.fixture(scope="module")
def killed(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Killed:
    """The same climb, killed at six different moments, then to the end."""
    home = tmp_path_factory.mktemp("killed")
    job = small_job.write_job(home / "orders")
    run = home / "run"
    this = Killed(run)
    done = run / "done"
    checkpoint = run / "work" / "tune" / "training.safetensors"

    def until(moment: str, pattern: str, *arguments: object, sign: int = signal.SIGKILL) -> None:
        process = small_job.stopped(pattern, run, "climb", *(arguments or ("--resume", run)), cwd=home)
        if moment == "training":
            with safe_open(checkpoint, framework="pt") as file:
                this.checkpoint_step = json.loads(file.metadata()["state"])["step"]
            this.refused = small_job.run("climb", "--resume", run)
        process.send_signal(sign)
        process.send_signal(signal.SIGCONT)
        _, complained = process.communicate(timeout=60)
        if sign == signal.SIGINT:
            this.interrupted = (process.returncode, complained)
        else:
            assert process.returncode == -signal.SIGKILL
        this.finished[moment] = {path.stem: path.stat().st_mtime_ns for path in done.glob("*.json")}

    until("base", "done/base.json", job, "--run", run, "--base-model", base)
    until("prompt", "answers/prompt-validation-*", sign=signal.SIGINT)
    until("ground", "answers/ground-validation-*")
    until("trial", "done/tune-trial-*")
    until("training", "work/tune/training.safetensors")
    this.steps_before = len(steps(run))
    until("package", "done/package.json")
    assert not (done / "climbed.json").exists()
    process = small_job.start("climb", "--resume", run, cwd=home)
    this.last_said, complained = process.communicate(timeout=300)
    assert process.returncode in (0, 3), complained
    return this


def steps(run: Path) -> list[dict[str, Any]]:
    return [event for event in small_job.lines(run / "events.jsonl") if event["event"] == "Step"]


def test_all_that_a_climb_makes_is_private_and_its_package_names_no_place(straight: Whole, base: Path) -> None:
    found = [straight.run, *straight.run.rglob("*")]
    assert [path for path in found if path.stat().st_mode & 0o077] == []
    places = [str(place).encode() for place in (straight.home, base.parent)]
    files = [path for path in straight.specialist.rglob("*") if path.is_file()]
    assert [path for path in files if any(place in path.read_bytes() for place in places)] == []


def test_the_result_is_that_of_an_uninterrupted_climb(straight: Whole, killed: Killed) -> None:
    assert small_job.outcome(killed.run) == small_job.outcome(straight.run)
    sentences = [
        [line for line in said.splitlines() if line.startswith(("Passed: ", "Not passed: ", "Not proven: "))]
        for said in (killed.last_said, straight.said)
    ]
    assert sentences[0] == sentences[1] != []


def test_answers_are_the_same_and_no_question_is_asked_twice(straight: Whole, killed: Killed) -> None:
    assert small_job.answers(killed.run) == small_job.answers(straight.run)
    for path in (killed.run / "answers").glob("*.jsonl"):
        ids = [row["id"] for row in small_job.lines(path)]
        assert len(ids) == len(set(ids)), path.name


def test_trained_weights_are_the_same_bit_for_bit(straight: Whole, killed: Killed) -> None:
    adapters = sorted((straight.run / "work" / "tune").glob("*/adapter_model.safetensors"))
    assert adapters
    for path in adapters:
        assert sha256(killed.run / path.relative_to(straight.run)) == sha256(path)


def test_training_continues_from_its_checkpoint(straight: Whole, killed: Killed) -> None:
    longest = max(step["steps"] for step in steps(straight.run))
    assert 0 < killed.checkpoint_step < longest
    after = steps(killed.run)[killed.steps_before :]
    assert [step["step"] for step in after] == list(range(killed.checkpoint_step + 1, longest + 1))
    expected = {step["step"]: step["loss"] for step in steps(straight.run) if step["steps"] == longest}
    assert all(expected[step["step"]] == step["loss"] for step in after)


def test_a_finished_trial_is_not_repeated(killed: Killed) -> None:
    [trial] = [name for name in killed.finished["trial"] if name.startswith("tune-trial-")]
    assert len([name for name in killed.finished["training"] if name.startswith("tune-trial-")]) == 2, trial
    short = min(step["steps"] for step in steps(killed.run))
    ended = [step for step in steps(killed.run) if step["steps"] == short and step["step"] == short]
    assert len(ended) == 2  # one for each rate, although two more processes started


def test_finished_steps_are_never_overwritten(killed: Killed) -> None:
    now = {path.stem: path.stat().st_mtime_ns for path in (killed.run / "done").glob("*.json")}
    assert list(map(len, killed.finished.values())) == sorted(map(len, killed.finished.values()))
    for moment, then in killed.finished.items():
        assert {name: now[name] for name in then} == then, moment


def test_ctrl_c_ends_with_a_message_and_its_own_exit_code(killed: Killed) -> None:
    code, complained = killed.interrupted
    assert code == 130
    assert "--resume" in complained and "Traceback" not in complained


def test_a_second_process_is_rejected(killed: Killed) -> None:
    assert killed.refused.exit_code == 2
    assert "is being climbed by another process" in killed.refused.stderr
    assert "What to do: " in killed.refused.stderr


def test_a_finished_run_shows_its_result_again_and_changes_nothing(whole: Whole, tmp_path: Path) -> None:
    """From another folder, with a relative path."""
    copied = tmp_path / "again"
    shutil.copytree(whole.run, copied)
    before = {path.stem: path.read_bytes() for path in (copied / "done").glob("*.json")}
    result = small_job.run("climb", "--resume", os.path.relpath(copied))
    assert result.exit_code == whole.code
    assert "The ladder: token_f1" in result.stdout
    assert {path.stem: path.read_bytes() for path in (copied / "done").glob("*.json")} == before


def test_a_run_can_be_resumed_from_another_folder(
    whole: Whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run was started as runs/orders-1; saved paths must not depend on the current folder."""
    again = tmp_path / "again"
    shutil.copytree(whole.run, again)
    shutil.rmtree(again / "specialist")
    for name in ("tune-result", "package", "climbed"):
        (again / "done" / f"{name}.json").unlink()
    for rung in ("tune", "ground"):  # their adapter and index are needed to answer again
        (again / "answers" / f"{rung}-test.jsonl").unlink()
    monkeypatch.chdir(tmp_path)
    result = small_job.run("climb", "--resume", "again")
    assert result.exit_code == whole.code, result.stderr
    assert small_job.answers(again) == small_job.answers(whole.run)
    assert (again / "specialist" / "specialist.toml").exists()


def test_changed_examples_are_rejected_on_resume(whole: Whole, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(whole.run, home / "run")
    rows = small_job.rows()
    rows[0]["completion"] = "something else"
    job = small_job.write_job(home / "orders", examples=rows)
    about = json.loads((home / "run" / "run.json").read_text())
    (home / "run" / "run.json").write_text(json.dumps({**about, "folder": str(job)}))
    result = small_job.run("climb", "--resume", home / "run", "--trust-run")
    assert result.exit_code == 4 and "changed" in result.stderr and "What to do: " in result.stderr

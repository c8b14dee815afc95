"""A climb in two processes, as torchrun starts them: it trains in both, and one of them reports."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import forked
import small_job

pytestmark = pytest.mark.slow

JOB = """
task = "Write the order as goods, number and town."
[split]
max_test = 10
max_validation = 5
[goal]
metric = "token_f1"
pass_mark = 0.999
[prompt]
shots = [0]
[tune]
rank = 2
learning_rates = [0.01]
epochs = 2
max_forgetting = 5
audit = false
[answers]
max_new_tokens = 8
"""


def test_a_climb_in_two_processes_ends_as_usual(base: Path, tmp_path: Path) -> None:
    small_job.write_job(tmp_path / "orders", JOB, small_job.rows(48))
    arguments = ["climb", "orders", "--run", "run", "--base-model", str(base)]
    said = forked.group(2, small_job.command, arguments, cwd=tmp_path, env=small_job.QUIET, codes=(0, 3))
    assert [text.count("Not passed") + text.count("Not proven") for text in said] == [1, 0]  # the helper is silent
    run = tmp_path / "run"
    trained = json.loads((run / "done" / "tune-training.json").read_text())
    events = [event for event in small_job.lines(run / "events.jsonl") if "learning_rate" in event]
    assert trained["tokens"] == events[-1]["tokens"] > 1000 and len(events) == events[-1]["steps"]
    assert events[-1]["validation_loss"] < events[0]["loss"]
    folders = [Path(folder) for folder in trained["folders"]]
    assert folders and all((folder / "adapter_model.safetensors").stat().st_size > 2_000 for folder in folders)


# Each line is written at once: both processes write to the same pipe.
MEET = """
import os
from gradschool.tune import world
here = world.join()
here.broadcast("from rank 0") if here.rank == 0 else os.write(1, f"{here.receive()}\\n".encode())
os.write(1, f"{here.rank} of {here.size}\\n".encode())
world.leave()
"""


def test_processes_of_torchrun_meet(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(MEET)
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--", "main.py"]
    ran = subprocess.run(command, cwd=tmp_path, env={**os.environ}, capture_output=True, text=True, timeout=300)
    assert sorted(ran.stdout.split("\n")) == ["", "0 of 2", "1 of 2", "from rank 0"], ran.stderr

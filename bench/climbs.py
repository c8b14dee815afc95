"""Climb a job with the command-line program and record the result with everything that it depends on."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from gradschool.files import read_json

RESULTS = Path(__file__).parent / "results"
GRADSCHOOL = str(Path(sys.executable).with_name("gradschool"))


def recorded_in(name: str, base_model: str) -> Path:
    """The file for the result of a climb: its name says the base, unless that is the built-in one."""
    return RESULTS / (f"{name}.json" if base_model == "pocket" else f"{name}-{base_model}.json")


def climbed(job: Path, run: Path, *options: str) -> dict[str, Any]:
    """Climb `job` into the folder `run`; returns rungs, split, base and environment. Exits on an error."""
    began = time.monotonic()
    ended = subprocess.run([GRADSCHOOL, "climb", job, "--run", run, "--trust-code", *options])
    if ended.returncode not in (0, 3):
        raise SystemExit(f"{job.name}: the climb ended with exit code {ended.returncode}.")
    said = read_json(run / "done" / "climbed.json")
    said.pop("specialist")
    split = read_json(run / "done" / "split.json")
    return {
        "exit_code": ended.returncode,
        "seconds": round(time.monotonic() - began),
        "peak_memory": max(result["peak_memory"] for result in said["results"]),
        "climbed": said,
        "split": {part: len(ids) if isinstance(ids, list) else ids for part, ids in split.items()},
        "base": read_json(run / "done" / "engine.json"),
        "environment": read_json(run / "environment.json"),
    }

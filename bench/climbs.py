"""Climb a job with the command-line program and record the result with everything that it depends on."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from gradschool.files import read_json, sha256
from gradschool.model.opening import POCKET

GRADSCHOOL = str(Path(sys.executable).with_name("gradschool"))


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
        "split": {part: ids if part == "hash" else len(ids) for part, ids in split.items()},
        "base": {path.name: sha256(path) for path in (POCKET / "model.safetensors", POCKET / "tokenizer.json")},
        "environment": read_json(run / "environment.json"),
    }

"""Benchmarks do not start by accident: `--help` only prints help."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.peers import DEFAULT

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("module", ["bench", "bench.peers"])
def test_help_runs_no_benchmark(module: str) -> None:
    ran = subprocess.run([sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0 and ran.stdout.startswith(f"usage: python -m {module}")


def test_the_environment_of_peers_is_in_the_repository_and_ignored() -> None:
    assert DEFAULT == ROOT / ".peers"
    assert ".peers/" in (ROOT / ".gitignore").read_text().splitlines()
    assert " .peers " in (ROOT / "Makefile").read_text()

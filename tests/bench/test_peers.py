"""Benchmarks do not start by accident: `--help` only prints help."""

from pathlib import Path

import pytest

from bench.peers import DEFAULT
from forked import Forked

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("module", ["bench", "bench.peers"])
def test_help_runs_no_benchmark(module: str) -> None:
    run = f"runpy.run_module({module!r}, None, '__main__')"
    code = f"import runpy, sys; sys.path.insert(0, ''); sys.argv[1:] = ['--help']; {run}"
    process = Forked(exec, code, {}, cwd=ROOT)
    shown, errors = process.communicate(timeout=60)
    assert process.returncode == 0 and shown.startswith(f"usage: python -m {module}"), errors


def test_the_environment_of_peers_is_in_the_repository_and_ignored() -> None:
    assert DEFAULT == ROOT / ".peers"
    assert ".peers/" in (ROOT / ".gitignore").read_text().splitlines()
    assert " .peers " in (ROOT / "Makefile").read_text()

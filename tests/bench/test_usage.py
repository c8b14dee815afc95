"""Benchmarks do not start by accident: `--help` only prints help."""

from pathlib import Path

from forked import Forked

ROOT = Path(__file__).parents[2]
# Each prints its usage, and ends with an error if it does anything else.
HELP = """
import runpy, sys
sys.path.insert(0, "")
for name in NAMES:
    sys.argv[:] = [f"bench/{name}.py", "--help"]
    try:
        runpy.run_module(f"bench.{name}", None, "__main__")
    except SystemExit as end:
        assert end.code == 0, name
    else:
        raise AssertionError(f"{name} ran")
"""


def test_help_runs_no_benchmark() -> None:
    scripts = [path for path in (ROOT / "bench").glob("*.py") if 'if __name__ == "__main__":' in path.read_text()]
    names = sorted(path.stem for path in scripts)
    process = Forked(exec, HELP, {"NAMES": names}, cwd=ROOT)
    shown, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    usages = [line.split()[3] for line in shown.splitlines() if line.startswith("usage: python -m ")]
    assert usages == ["bench" if name == "__main__" else f"bench.{name}" for name in names]

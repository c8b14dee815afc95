"""What is told at once: a path that is missing, without the seconds that PyTorch takes to import."""

import subprocess
import sys
from pathlib import Path

CODE = """
import sys
from gradschool.cli import main
for command in ("check", "report"):
    sys.argv = ["gradschool", command, "nowhere"]
    try:
        main()
    except SystemExit as end:
        assert end.code == 2, (command, end.code)
assert not {"torch", "transformers"} & sys.modules.keys()
"""


def test_a_missing_path_is_told_without_pytorch(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", CODE], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "nowhere does not exist" in done.stderr and "nowhere is not a run" in done.stderr

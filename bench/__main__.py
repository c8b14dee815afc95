"""Run every bench script in turn: `python -m bench [DATA_DIR]`. Those whose data is absent say so and are skipped."""

import subprocess
import sys
from pathlib import Path

SCRIPTS = ("fairytaleqa_retrieval.py", "real_sets.py")


def main(data: Path) -> int:
    """Run all scripts; returns the number of those that failed."""
    if not data.is_dir():
        print(f"{data} does not exist: these scripts measure on real data that is not part of the project.")
        return 0
    here = Path(__file__).parent
    return sum(subprocess.run([sys.executable, here / script, data]).returncode != 0 for script in SCRIPTS)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data")))

"""Run every bench script in turn: `python -m bench [DATA_DIR]`. Those whose data is absent say so and are skipped."""

import subprocess
import sys
from pathlib import Path

OWN = (
    *("examples.py", "support_floors.py", "parity.py", "rehearsal.py", "serve_load.py"),
    *("mailbox_scale.py", "prepare_scale.py", "quote_removal.py"),
    *("train_speed.py", "answer_speed.py", "growth.py"),
)
ON_DATA = ("fairytaleqa_retrieval.py", "prepared_sets.py", "real_sets.py", "same_quality.py")


def main(data: Path) -> int:
    """Run all scripts; returns the number of those that failed."""
    commands: list[list[Path]] = [[Path(script)] for script in OWN]
    if data.is_dir():
        commands += [[Path(script), data] for script in ON_DATA]
    else:
        print(f"{data} does not exist: {', '.join(ON_DATA)} measure on real data that is not part of the project.")
    here = Path(__file__).parent
    return sum(subprocess.run([sys.executable, here / script, *rest]).returncode != 0 for script, *rest in commands)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data")))

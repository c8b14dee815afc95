"""Run every benchmark: `python -m bench [DATA_DIR]`.

Some need public data sets that are not part of the project. Give their folder as the argument or in the environment
variable GRADSCHOOL_REAL_DATA; without it, these benchmarks are skipped.
"""

import os
import subprocess
import sys
from pathlib import Path

from bench.usage import documented

BUILT_IN = (
    *("examples", "choices", "verdict", "support_floors", "parity", "same_file", "rehearsal", "serve_load", "rounding"),
    *("mailbox_scale", "prepare_scale", "quote_removal", "kills", "audit_gates", "lower_rungs"),
    *("train_speed", "answer_speed", "growth", "memory", "neighbour", "studio"),
)
ON_DATA = (
    *(
        "abstention",
        "fairytaleqa_retrieval",
        "near_duplicates",
        "nearest_examples",
        "prepared_sets",
        "real_sets",
        "same_quality",
    ),
    "style_cheats",
)


def main(data: str) -> int:
    """Run all benchmarks; returns the number of failures. An empty `data` skips those that need data sets."""
    commands: list[list[str]] = [[name] for name in BUILT_IN]
    if data and Path(data).is_dir():
        commands += [[name, data] for name in ON_DATA]
    else:
        print(f"Skipped, because no folder with data sets was given: {', '.join(ON_DATA)}.")
    runs = (subprocess.run([sys.executable, "-m", f"bench.{name}", *rest]) for name, *rest in commands)
    return sum(run.returncode != 0 for run in runs)


if __name__ == "__main__":
    parser = documented(__doc__)
    parser.add_argument("data", metavar="DATA_DIR", nargs="?", default=os.environ.get("GRADSCHOOL_REAL_DATA", ""))
    sys.exit(main(parser.parse_args().data))

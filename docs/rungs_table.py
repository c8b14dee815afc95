"""What the rungs below training reach, with free answers only and with constrained ones too, as a table."""

import json
from pathlib import Path
from typing import Any

from markdown_table import table

HEAD = ("job", "base", "rung", "free answers", "free and constrained", "recipe", "seconds")


def lower_rungs(results: Path) -> str:
    """The rows of every base in the folder of results."""
    rows = []
    for file in sorted(results.glob("lower_rungs-*.json")):
        measured = json.loads(file.read_text(encoding="utf-8"))
        for job, both in measured["jobs"].items():
            free, constrained = both["free"], both["free and constrained"]
            for rung in free:
                scores = map(_score, (free[rung], constrained[rung]))
                seconds = f"{free[rung]['seconds']} → {constrained[rung]['seconds']}"
                rows.append([job, measured["base"], rung, *scores, constrained[rung]["recipe"], seconds])
    return f"{table(HEAD, rows)}\n`python -m bench.lower_rungs`, on a busy machine: the seconds compare only roughly.\n"


def _score(one: dict[str, Any]) -> str:
    return f"{one['score']:.3f} ({one['low']:.3f} to {one['high']:.3f})"

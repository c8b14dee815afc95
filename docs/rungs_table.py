"""What the rungs below training reach, with and without what their candidates may use, as a table."""

import json
from pathlib import Path
from typing import Any

from markdown_table import table

VARIANTS = (
    "all",
    "free answers only",
    "labels written, not compared",
    "no nearest examples",
    "passages by words alone",
)
HEAD = ("job", "base", "rung", *VARIANTS, "recipe of the first", "seconds")


def lower_rungs(results: Path) -> str:
    """The rows of every base in the folder of results."""
    rows = []
    for file in sorted(results.glob("lower_rungs-*.json")):
        measured = json.loads(file.read_text(encoding="utf-8"))
        for job, found in measured["jobs"].items():
            for rung, one in found["all"].items():
                scores = [
                    _score(found[variant][rung]) if rung in found.get(variant, {}) else "" for variant in VARIANTS
                ]
                rows.append([job, measured["base"], rung, *scores, one["recipe"], str(one["seconds"])])
    return f"{table(HEAD, rows)}\n`python -m bench.lower_rungs`, on a busy machine: the seconds compare only roughly.\n"


def _score(one: dict[str, Any]) -> str:
    return f"{one['score']:.3f} ({one['low']:.3f} to {one['high']:.3f})"

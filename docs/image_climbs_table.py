"""The recorded climbs on images as a table: what each rung scored, and what is seen without a language model."""

import json
from pathlib import Path
from typing import Any

HEAD = ("job", "test", "base", "prompt", "tune", "verdict", "linear probe", "nearest image", "its own test images")
JOBS = ("example-x-ray", "pneumonia_xrays")


def rows(results: Path) -> list[list[str]]:
    """A row for each recorded climb."""
    paths = [path for job in JOBS for path in sorted(results.glob(f"{job}-*.json"))]
    return [_row(path.stem.partition("-pocket")[0], json.loads(path.read_text(encoding="utf-8"))) for path in paths]


def _row(job: str, climb: dict[str, Any]) -> list[str]:
    reports = {one["rung"]: one["report"] for one in climb["climbed"]["results"] if one["report"]}
    floors = {one["kind"]: one["score"] for one in reports["base"]["floors"]}
    scores = [_score(reports[rung]["score"]) if rung in reports else "-" for rung in ("base", "prompt", "tune")]
    seen = [_score(floors[kind]) for kind in ("probe", "nearest image")]
    own = climb.get("own_test", {}).get("said", "-").removeprefix("label: ")
    return [job, str(climb["split"]["test"]), *scores, climb["climbed"]["verdict"], *seen, own]


def _score(score: dict[str, Any]) -> str:
    return f"{score['mean']:.3f} ({score['interval']['low']:.3f} to {score['interval']['high']:.3f})"

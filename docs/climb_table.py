"""The recorded climbs of bench/results/ as one table: each job with each base, and what each rung scored there."""

import json
from pathlib import Path
from typing import Any

# The jobs in the order of the table, as the files of their results begin.
JOBS = (
    *("example-contracts", "example-letters", "example-support"),
    *("banking77", "snips", "legal_summarization", "fairytaleqa"),
)
RUNGS = ("base", "prompt", "ground", "tune")
RUNG_HEAD = ("rung", "recipe", "score", "verdict", "minutes")
HEAD = ("job", "on", *RUNGS, "best rung", "verdict", "trained on", "minutes", "GB")


def rows(results: Path) -> list[list[str]]:
    """A row for each recorded climb: job, base, the rungs' scores, best rung, verdict, minutes and memory."""
    found = []
    for job in JOBS:
        for path in [results / f"{job}.json", *sorted(results.glob(f"{job}-*.json"))]:
            if path.exists():
                base = path.stem.removeprefix(job).lstrip("-") or "pocket"
                found.append(_row(job.removeprefix("example-"), base, json.loads(path.read_text(encoding="utf-8"))))
    return found


def rungs(climb: dict[str, Any]) -> list[list[str]]:
    """A row for each rung of one climb that was not skipped."""
    return [
        [
            one["rung"],
            one["recipe"],
            _score(one["report"]),
            one["report"]["verdict"],
            f"{one['seconds'] / 60:.0f}",
        ]
        for one in climb["climbed"]["results"]
        if one["report"]
    ]


def _row(job: str, base: str, climb: dict[str, Any]) -> list[str]:
    said = climb["climbed"]
    reports = {one["rung"]: one["report"] for one in said["results"] if one["report"]}
    best = max(reports, key=lambda rung: reports[rung]["score"]["mean"])
    memory = f"{climb['peak_memory'] / 1e9:.1f}"
    shown = [_score(reports.get(rung)) for rung in RUNGS]
    trained = f"{sum(one['tokens_trained'] for one in said['results']) / 1e6:.2f} M tokens"
    return [job, base, *shown, best, said["verdict"], trained, f"{climb['seconds'] / 60:.0f}", memory]


def _score(report: dict[str, Any] | None) -> str:
    if report is None:
        return "-"
    score = report["score"]
    return f"{score['mean']:.3f} ({score['interval']['low']:.3f} to {score['interval']['high']:.3f})"

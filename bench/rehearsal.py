"""What rehearsal costs and what it saves: the tune rung of each example job with it and without it.

    python -m bench.rehearsal [JOB ...]      (default: the three jobs in examples/)

Each job is climbed twice by the same command that a user types, once as it is and once with `--rehearsal 0`, with one
learning rate and a pass mark of 1, so that the ladder is climbed to its end. Writes bench/results/rehearsal.json: score
on the test examples with bounds, the rise of the loss on general text, and the seconds of the rung. Seconds depend on
what else the machine does; the two climbs of a job follow each other.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.climbs import climbed
from gradschool.files import write_json
from gradschool.gates.forgetting import NAME

RESULTS = Path(__file__).parent / "results"
EXAMPLES = Path(__file__).parents[1] / "examples"
# One rate, no examples shown and no passages: what is measured is the training alone.
ALIKE = ["--learning-rates", "0.005", "--shots", "0", "--max-forgetting", "9", "--pass-mark", "1", "--passages", "1"]


def tuned(job: Path, weight: float) -> dict[str, Any]:
    """The tune rung of one climb: score, forgetting and cost."""
    with tempfile.TemporaryDirectory() as temporary:
        record = climbed(job, Path(temporary) / "run", "--rehearsal", str(weight), *ALIKE)
    result = next(result for result in record["climbed"]["results"] if result["rung"] == "tune")
    gate = next(gate for gate in result["gates"] if gate["name"] == NAME)
    score = result["report"]["score"]
    return {
        "weight": weight,
        "metric": result["report"]["metric"],
        "score": score["mean"],
        "bounds": [score["interval"]["low"], score["interval"]["high"]],
        "forgetting": gate["evidence"],
        "seconds": round(result["seconds"]),
        "environment": record["environment"],
    }


def main(arguments: list[str]) -> None:
    """Measure the named jobs, or the three examples."""
    jobs = [Path(name) for name in arguments] or [EXAMPLES / name for name in ("contracts", "letters", "support")]
    found = {job.name: [tuned(job, weight) for weight in (1.0, 0.0)] for job in jobs}
    environment = next(iter(found.values()))[0]["environment"]
    for pair in found.values():
        for one in pair:
            one.pop("environment")
    write_json(
        RESULTS / "rehearsal.json",
        {"command": "python -m bench.rehearsal", "options": ALIKE, "jobs": found, "environment": environment},
    )


if __name__ == "__main__":
    main(sys.argv[1:])

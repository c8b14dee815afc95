"""Cost and effect of rehearsal: the tune rung of each example job with and without it.

    python -m bench.rehearsal [JOB ...]      (default: the three jobs in examples/)

Each job is climbed twice with the command-line program, once with default settings and once with `--rehearsal 0`, with
one learning rate and a pass mark of 1, so that all rungs run. Writes bench/results/rehearsal.json: score on the test
examples with bounds, increase of the loss on general text, and seconds of the rung. Seconds depend on the load of the
machine; the two climbs of a job run one after the other.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.climbs import climbed
from bench.usage import documented
from gradschool.files import write_json
from gradschool.gates.forgetting import NAME

RESULTS = Path(__file__).parent / "results"
EXAMPLES = Path(__file__).parents[1] / "examples"
# One learning rate, no examples in the prompt, one passage: only the training differs.
ALIKE = ["--learning-rates", "0.005", "--shots", "0", "--max-forgetting", "9", "--pass-mark", "1", "--passages", "1"]


def tuned(job: Path, weight: float) -> dict[str, Any]:
    """Climb a job and return score, forgetting and cost of its tune rung."""
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


def main(jobs: Sequence[Path]) -> None:
    """Measure the jobs."""
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
    examples = [EXAMPLES / name for name in ("contracts", "letters", "support")]
    parser = documented(__doc__)
    parser.add_argument("jobs", metavar="JOB", nargs="*", type=Path, default=examples)
    main(parser.parse_args().jobs)

"""What the rungs below training reach: base, prompt and ground, with and without constrained decoding.

    python -m bench.lower_rungs [--base-model BASE] [--data DATA_DIR] [NAME ...]      (default: contracts)

Climbs each job up to the ground rung, twice: with free answers only, and with constrained ones among the candidates.
Nothing is trained, and a pass mark ends neither climb. Names are those of examples/ and, with DATA_DIR, of the data
sets in `bench.real_sets`. Writes bench/results/lower_rungs-BASE.json, also after each job: the recipe, the test score
with its bounds and the seconds of each rung. Seconds depend on the load of the machine.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tomli_w
from rich.console import Console

from bench.examples import EXAMPLES
from bench.real_sets import SETS
from bench.usage import documented
from gradschool.cli.screen import Screen
from gradschool.climbing import climb_rungs
from gradschool.environment import environment
from gradschool.files import read_json, write_json
from gradschool.job import read_job
from gradschool.run import Run
from gradschool.rungs.base import BASE
from gradschool.rungs.ground import GROUND
from gradschool.rungs.prompt import PROMPT
from gradschool.workspace import open_job

RESULTS = Path(__file__).parent / "results"
LADDER = (BASE, PROMPT, GROUND)
# A mark that no rung reaches, so that no rung ends the climb.
NEVER = 1.0


def job_folder(name: str, data: Path | None, folder: Path) -> Path:
    """The folder of a job: one of examples/, or that of a data set, which is written."""
    real = next((one for one in SETS if one.name == name), None)
    if real is None:
        return EXAMPLES / name
    if data is None:
        raise SystemExit(f"{name} is a data set: name its folder with --data.")
    job = folder / name
    job.mkdir()
    real.write(data, job)
    (job / "job.toml").write_text(tomli_w.dumps(real.job), encoding="utf-8")
    return job


def measure(name: str, base_model: str, data: Path | None, screen: Screen) -> dict[str, Any]:
    """The rungs of one job, with free answers only and with both."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = job_folder(name, data, Path(temporary))
        for constrain in (False, True):
            given = {"base_model": base_model, "answers.constrain": constrain, "goal.pass_mark": NEVER}
            job = read_job(folder, given)
            run = Run.start(job, Path(temporary) / f"run-{constrain}")
            workspace = screen.follow(open_job(job, run, LADDER))
            results, _ = screen.follow(climb_rungs(run, workspace, LADDER))
            found["free and constrained" if constrain else "free"] = {
                one.rung: {
                    "recipe": one.recipe,
                    "score": one.report.score.mean,
                    "low": one.report.score.interval.low,
                    "high": one.report.score.interval.high,
                    "level": one.report.score.interval.level,
                    "examples": one.report.score.examples,
                    "seconds": round(one.seconds),
                }
                for one in results
                if one.report
            }
    return found


def main(names: Sequence[str], base_model: str, data: Path | None) -> None:
    """Measure the named jobs, and add them to the results of this base."""
    file = RESULTS / f"lower_rungs-{base_model}.json"
    known = read_json(file)["jobs"] if file.is_file() else {}
    with Screen(Console()) as screen:
        for name in names:
            print(f"== {name}", flush=True)
            known[name] = measure(name, base_model, data, screen)
            command = f"python -m bench.lower_rungs --base-model {base_model} --data DATA_DIR {' '.join(known)}"
            write_json(
                file, {"command": command, "base": base_model, "jobs": known, "environment": asdict(environment())}
            )


if __name__ == "__main__":
    parser = documented(__doc__)
    parser.add_argument("names", metavar="NAME", nargs="*", default=("contracts",))
    parser.add_argument("--base-model", metavar="BASE", default="pocket")
    parser.add_argument("--data", metavar="DATA_DIR", type=Path)
    main(**vars(parser.parse_intermixed_args()))

"""What the rungs below training reach: base, prompt and ground, with and without what their candidates may use.

    python -m bench.lower_rungs [--base-model BASE] [--data DATA_DIR] [--only VARIANT] [NAME ...]

Climbs each job up to the ground rung several times: with all kinds of candidates, with free answers only, without the
examples nearest to a question, and, if the job has documents, with passages ranked by their words alone, without the
base as a judge. With --only, one of these is measured. Nothing is trained, and a pass mark ends no climb. Names are
those of examples/ and, with DATA_DIR, of the data sets in `bench.real_sets`. Writes the recipe, the test score with its
bounds and the seconds of each rung to bench/results/lower_rungs-BASE.json, also after each job. Seconds depend on the
load of the machine.
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
ALL, FREE, FIXED, BY_WORDS = "all", "free answers only", "no nearest examples", "passages by words alone"
VARIANTS: dict[str, dict[str, Any]] = {
    ALL: {},
    FREE: {"answers.constrain": False},
    FIXED: {"prompt.nearest": False},
    BY_WORDS: {"ground.judge": False},
}
SPLIT = {"max_validation": 60, "max_test": 150}  # of the data sets: SmolLM2 needs hours for more
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
    parts = {name: part for name, part in real.job.items() if name not in ("prompt", "split")}  # all candidates
    (job / "job.toml").write_text(tomli_w.dumps({**parts, "split": SPLIT}), encoding="utf-8")
    return job


def measure(name: str, base_model: str, data: Path | None, only: str, screen: Screen) -> dict[str, Any]:
    """The rungs of one job, for each variant."""
    found: dict[str, Any] = {}
    applies: dict[str, bool] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = job_folder(name, data, Path(temporary))
        for number, (variant, settings) in enumerate(VARIANTS.items()):
            job = read_job(folder, {"base_model": base_model, "goal.pass_mark": NEVER, **settings})
            applies = applies or {FREE: bool(only), BY_WORDS: bool(job.settings.data.documents)}
            if (only and variant != only) or not applies.get(variant, True):
                continue
            print(f"== {name}, {variant}", flush=True)
            run = Run.start(job, Path(temporary) / f"run-{number}")
            workspace = screen.follow(open_job(job, run, LADDER))
            applies[FREE] |= workspace.constraint is not None
            results, _ = screen.follow(climb_rungs(run, workspace, LADDER))
            found[variant] = {
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


def main(names: Sequence[str], base_model: str, data: Path | None, only: str) -> None:
    """Measure the named jobs, and add them to the results of this base."""
    file = RESULTS / f"lower_rungs-{base_model}.json"
    known = read_json(file)["jobs"] if file.is_file() else {}
    with Screen(Console()) as screen:
        for name in names:
            known[name] = known.get(name, {}) | measure(name, base_model, data, only, screen)
            command = f"python -m bench.lower_rungs --base-model {base_model} --data DATA_DIR {' '.join(known)}"
            write_json(
                file, {"command": command, "base": base_model, "jobs": known, "environment": asdict(environment())}
            )


if __name__ == "__main__":
    parser = documented(__doc__)
    parser.add_argument("names", metavar="NAME", nargs="*", default=("contracts",))
    parser.add_argument("--base-model", metavar="BASE", default="pocket")
    parser.add_argument("--data", metavar="DATA_DIR", type=Path)
    parser.add_argument("--only", choices=VARIANTS, default="")
    main(**vars(parser.parse_intermixed_args()))

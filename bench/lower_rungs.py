"""What the rungs below training reach: base, prompt and ground, with and without what their candidates may use.

    python -m bench.lower_rungs [--base-model BASE] [--data DATA_DIR] [--only VARIANT] [--runs FOLDER] [NAME ...]

Climbs each job up to the ground rung several times: with all kinds of candidates, with free answers only, without
comparing labels by their probability, without the examples nearest to a question, and, if the job has documents, with
passages ranked by their words alone, without the base as a judge. With --only, one of these is measured. Nothing is
trained, and a pass mark ends no climb. Names are those of examples/ and, with DATA_DIR, of the data sets in
`bench.real_sets`. Writes the recipe, the test score with its bounds and the seconds of each rung to
bench/results/lower_rungs-BASE.json, also after each variant.

A variant takes the answers of candidates that the one with all kinds has tried, and asks only the other questions: the
engine would give the same answers. So only the seconds of the first variant are those of a whole climb; they depend on
the load of the machine. With --runs, the runs are kept in a folder, and a repeated call continues them.
"""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
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
ALL, FREE, WRITTEN = "all", "free answers only", "labels written, not compared"
FIXED, BY_WORDS = "no nearest examples", "passages by words alone"


@dataclass(frozen=True, slots=True)
class Variant:
    """The settings of a climb, and which files of answers are the same as in the climb with all kinds."""

    settings: dict[str, Any]
    shared: tuple[str, ...] = ()


# Answers to train questions are shared only by variants with the same recipes: all recipes that are compared determine
# which few-shot examples are held back there.
VARIANTS = {
    ALL: Variant({}),
    FREE: Variant({"answers.constrain": False}, ("*-validation-*",)),
    WRITTEN: Variant({"answers.compare": False}, ("prompt-own-*", "*-validation-*")),
    FIXED: Variant({"prompt.nearest": False}, ("base-*", "prompt-own-*", "*-validation-*")),
    BY_WORDS: Variant({"ground.judge": False}, ("base-*", "prompt-*")),  # the index of each run is its own
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
    if not job.is_dir():
        job.mkdir(parents=True)
        real.write(data, job)
        parts = {name: part for name, part in real.job.items() if name not in ("prompt", "split")}  # all candidates
        (job / "job.toml").write_text(tomli_w.dumps({**parts, "split": SPLIT}), encoding="utf-8")
    return job


def run_of(name: str, base_model: str, data: Path | None, folder: Path, variant: str) -> Run:
    """The run of a variant in a folder: the one that is there, or a new one."""
    place = folder / variant
    if place.is_dir():
        return Run.open(place)
    settings = {"base_model": base_model, "goal.pass_mark": NEVER, **VARIANTS[variant].settings}
    return Run.start(read_job(job_folder(name, data, folder), settings), place)


def take_shared(run: Run, variant: str) -> None:
    """Copy the answers that a variant shares with the climb with all kinds, unless the run has them already."""
    answers = run.answers("").parent
    answers.mkdir(exist_ok=True)
    for pattern in VARIANTS[variant].shared:
        for known in (run.folder.parent / ALL / answers.name).glob(pattern):
            if not (answers / known.name).exists():
                shutil.copy(known, answers)


def measure(
    name: str, base_model: str, data: Path | None, folder: Path, only: str, screen: Screen
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Climb one job once for each variant, and give the variant and its rungs."""
    applies: dict[str, bool] = {}
    for variant in VARIANTS:
        if (only and variant != only) or not applies.get(variant, True):
            continue
        print(f"== {name}, {variant}", flush=True)
        run = run_of(name, base_model, data, folder, variant)
        applies = applies or {FREE: bool(only), WRITTEN: bool(only), BY_WORDS: bool(run.job.settings.data.documents)}
        workspace = screen.follow(open_job(run.job, run, LADDER))
        applies[FREE] |= workspace.constraint is not None
        applies[WRITTEN] |= workspace.constraint is not None and bool(workspace.constraint.choices)
        take_shared(run, variant)
        results, _ = screen.follow(climb_rungs(run, workspace, LADDER))
        yield (
            variant,
            {
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
            },
        )


def main(names: Sequence[str], base_model: str, data: Path | None, only: str, runs: Path | None) -> None:
    """Measure the named jobs, and add them to the results of this base."""
    file = RESULTS / f"lower_rungs-{base_model}.json"
    known = read_json(file)["jobs"] if file.is_file() else {}
    with ExitStack() as stack:
        screen = stack.enter_context(Screen(Console()))
        folder = runs or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name in names:
            for variant, rungs in measure(name, base_model, data, folder / f"{name}-{base_model}", only, screen):
                known[name] = known.get(name, {}) | {variant: rungs}
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
    parser.add_argument("--runs", metavar="FOLDER", type=Path)
    main(**vars(parser.parse_intermixed_args()))

"""Score a packaged specialist on more examples, with the metric, rules and pass mark of its own job."""

from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import TypeAdapter

from gradschool.data.check import check
from gradschool.data.proof import look_level
from gradschool.data.read import read_examples
from gradschool.data.split import split_of
from gradschool.errors import DataError
from gradschool.evaluate import Measure, evaluate, fit_metrics, untrained
from gradschool.files import read_json, write_lines
from gradschool.job import Job
from gradschool.package.bundle import open_specialist
from gradschool.records import Report, Scored, Split, Work
from gradschool.run import read_saved_job
from gradschool.score.judge import judge
from gradschool.score.metrics import find_metrics
from gradschool.specialist import Specialist


def score_specialist(folder: Path, examples: Path, output: Path | None, base: str | None) -> Work[Report]:
    """Answer and judge a file of examples; each row of evidence is written to `output` as a JSON line."""
    specialist = yield from open_specialist(folder, base)
    job = read_saved_job(folder / "evidence" / "run.json")
    goal = job.settings.goal
    asked = check(read_examples(examples, job.settings.data)).examples
    measure = Measure(*find_metrics(goal, job.folder, asked))
    measure = yield from _fitted(measure, specialist, folder, job)
    rows = yield from evaluate(specialist, asked, measure, None, "answering")
    if output:
        write_lines(output, TypeAdapter(list[Scored]).dump_python(rows, mode="json"))
    return judge(rows, goal, look_level(goal.error_budget, 1))


def _fitted(measure: Measure, specialist: Specialist, folder: Path, job: Job) -> Work[Measure]:
    """The measure, with its metrics fitted to the job's own training examples if they need it."""
    if not measure.unfitted:
        return measure
    path = job.path(job.settings.data.examples)
    if not path.exists():
        raise DataError(
            f"The metric {measure.unfitted[0].name} needs the training examples in {path}, which does not exist.",
            "A package holds no training examples.",
            "put the job's folder back in its place, or score by another metric.",
        )
    split = TypeAdapter(Split).validate_python(read_json(folder / "evidence" / "split.json"))
    train, _, _ = split_of(check(read_examples(path, job.settings.data)).examples, split)
    recipe = specialist.recipe
    # An engine with weights of its own is the trained one, so the untrained base is not available.
    bases = [] if recipe.weights else untrained(specialist.engine, recipe.instructions, recipe.decoding)
    with TemporaryDirectory() as work:
        return (yield from fit_metrics(measure, bases, train, lambda name: Path(work) / f"{name}.jsonl"))

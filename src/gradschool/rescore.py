"""Score a packaged specialist on further examples, as its own job would."""

from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import TypeAdapter

from gradschool.data.check import check
from gradschool.data.read import read_examples
from gradschool.data.split import split_of
from gradschool.errors import DataError
from gradschool.evaluate import Measure, learn_style, untrained
from gradschool.files import read_json, write_lines
from gradschool.job import Job
from gradschool.package.bundle import open_specialist
from gradschool.records import Progress, Report, Scored, Split, Work
from gradschool.score.judge import judge, score
from gradschool.score.metrics import find_metrics
from gradschool.score.stats import look_level
from gradschool.settings import saved_settings
from gradschool.specialist import Specialist


def score_specialist(folder: Path, examples: Path, output: Path | None, base: str | None) -> Work[Report]:
    """Answer and judge examples with the metric, rules and pass mark that the specialist was made for."""
    specialist = yield from open_specialist(folder, base)
    written = read_json(folder / "evidence" / "run.json")
    settings = saved_settings(written["settings"])
    goal = settings.goal
    asked = check(read_examples(examples, settings.data)).examples
    measure = Measure(*find_metrics(goal, Path(written["folder"]), asked))
    measure = yield from _learnt(measure, specialist, folder, Job(written["name"], Path(written["folder"]), settings))
    answers = {}
    for position, answer in specialist.answer([example.question for example in asked]):
        answers[position] = answer
        yield Progress("answering", len(answers), len(asked))
    rows = score(asked, [answers[i] for i in range(len(asked))], measure.decides, measure.also)
    if output:
        scored: TypeAdapter[Scored] = TypeAdapter(Scored)
        write_lines(output, (scored.dump_python(row, mode="json") for row in rows))
    return judge(rows, goal, look_level(goal.error_budget, 1))


def _learnt(measure: Measure, specialist: Specialist, folder: Path, job: Job) -> Work[Measure]:
    """A measure that knows the author, where it asks for a style: it learns from the job's own training examples."""
    if not measure.wants_style:
        return measure
    path = job.path(job.settings.data.examples)
    if not path.exists():
        raise DataError(
            f"The metric style learns its author from {path}, which is not there.",
            "A package holds no training examples.",
            "put the job's folder back where it was, or score by another metric.",
        )
    split = TypeAdapter(Split).validate_python(read_json(folder / "evidence" / "split.json"))
    train, _, _ = split_of(check(read_examples(path, job.settings.data)).examples, split)
    recipe = specialist.recipe
    # With whole weights of its own, the engine is the trained one: how the base wrote is no longer known.
    bases = [] if recipe.weights else untrained(specialist.engine, recipe.instructions, recipe.decoding)
    with TemporaryDirectory() as work:
        return (yield from learn_style(measure, bases, train, Path(work) / "style.jsonl"))

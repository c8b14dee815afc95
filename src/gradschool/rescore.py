"""Score a packaged specialist on more examples, with the metric, rules and pass mark of its own job."""

from pathlib import Path

from pydantic import TypeAdapter

from gradschool.data.check import check
from gradschool.data.proof import look_level
from gradschool.data.read import read_examples
from gradschool.evaluate import evaluate, measure_of
from gradschool.files import write_lines
from gradschool.package.bundle import open_specialist
from gradschool.package.manifest import specialist_folder
from gradschool.records import Report, Scored, Work
from gradschool.run import FIT_TEXTS, read_saved_job
from gradschool.score.judge import judge


def score_specialist(folder: Path, examples: Path, output: Path | None, base: str | None) -> Work[Report]:
    """Answer and judge a file of examples; each row of evidence is written to `output` as a JSON line."""
    folder = specialist_folder(folder)
    specialist = yield from open_specialist(folder, base)
    job = read_saved_job(folder / "evidence" / "run.json")
    goal = job.settings.goal
    asked = check(read_examples(examples, job.settings.data)).examples
    measure = measure_of(goal, job.folder, asked, folder / "evidence" / FIT_TEXTS)
    rows = yield from evaluate(specialist, asked, measure, None, "answering")
    if output:
        write_lines(output, TypeAdapter(list[Scored]).dump_python(rows, mode="json"))
    return judge(rows, goal, look_level(goal.error_budget, 1))

"""Score a packaged specialist on further examples, as its own job would."""

from pathlib import Path

from pydantic import TypeAdapter

from gradschool.data.check import check
from gradschool.data.read import read_examples
from gradschool.evaluate import Measure
from gradschool.files import read_json, write_lines
from gradschool.package.bundle import open_specialist
from gradschool.records import Progress, Report, Scored, Work
from gradschool.score.evaluate import judge, score
from gradschool.score.metrics import find_metrics
from gradschool.score.stats import look_level
from gradschool.settings import Settings


def score_specialist(folder: Path, examples: Path, output: Path | None, base: str | None) -> Work[Report]:
    """Answer and judge examples with the metric, rules and pass mark that the specialist was made for."""
    specialist = yield from open_specialist(folder, base)
    written = read_json(folder / "evidence" / "run.json")
    settings = Settings.model_validate(written["settings"])
    goal = settings.goal
    asked = check(read_examples(examples, settings.data)).examples
    measure = Measure(*find_metrics(goal, Path(written["folder"]), asked))
    answers = {}
    for position, answer in specialist.answer([example.question for example in asked]):
        answers[position] = answer
        yield Progress("answering", len(answers), len(asked))
    rows = score(asked, [answers[i] for i in range(len(asked))], measure.decides, measure.also)
    if output:
        scored: TypeAdapter[Scored] = TypeAdapter(Scored)
        write_lines(output, (scored.dump_python(row, mode="json") for row in rows))
    return judge(rows, goal, look_level(goal.error_budget, 1))

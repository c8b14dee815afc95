"""Score a packaged specialist on more examples, with the metric, rules and pass mark of its own job."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter

from gradschool.data.check import check
from gradschool.data.issues import counted
from gradschool.data.near_duplicates import near_duplicates
from gradschool.data.power import best_cap
from gradschool.data.proof import look_level
from gradschool.data.read import read_examples
from gradschool.data.split import as_units
from gradschool.errors import DataError
from gradschool.evaluate import Measure, evaluate
from gradschool.files import demand_writable, sha256_of, write_lines
from gradschool.incumbent import find_incumbent, incumbent_files
from gradschool.model.engine import Runtime
from gradschool.package.bundle import is_base, open_specialist
from gradschool.package.evidence import constant_answer, packaged_measure
from gradschool.package.known import has_sketches, known_rows
from gradschool.package.manifest import EVIDENCE, specialist_folder
from gradschool.records import Example, Note, Report, Scored, Work
from gradschool.rungs.abstain import kept_of
from gradschool.saved_job import JOB_FILE, read_saved_job
from gradschool.score.abstention import judge_answered
from gradschool.score.floors import above_floors, packaged_floors
from gradschool.score.incumbent import Now
from gradschool.score.judge import mean
from gradschool.settings import Data, Goal


def columns_of(path: Path) -> Data:
    """The columns that the job of a specialist names, so that questions are read as its examples; none for a base."""
    if is_base(path):
        return Data()
    file = specialist_folder(path) / EVIDENCE / JOB_FILE
    return read_saved_job(file).settings.data if file.is_file() else Data()


def packaged_at(path: Path) -> Path | None:
    """The folder of a specialist, in which its test questions have their images; None for a base."""
    return None if is_base(path) else specialist_folder(path)


def score_specialist(
    folder: Path,
    examples: Path,
    output: Path | None,
    base: str | None,
    columns: Mapping[str, str | None] | None = None,
    incumbent: str | None = None,
    *,
    with_known: bool = False,
    runtime: Runtime = "torch",
) -> Work[Report]:
    """Answer and judge a file of examples; each row of evidence is written to `output` as a JSON line.

    `columns` are settings of `data` that replace those of the specialist's job, if they are not None. `incumbent` is a
    file with the answers of the incumbent to the same questions. Examples that the specialist was trained, chosen or
    tested on are left out, unless `with_known`. Where groups are unequal, some examples of each count in the verdict.
    Raises DataError if no others are there.
    """
    folder = specialist_folder(folder)
    if incumbent is not None:
        incumbent_files(incumbent, Path())
    if output:
        demand_writable(output)
    job = read_saved_job(folder / EVIDENCE / JOB_FILE)
    goal = job.settings.goal
    given = {key: name for key, name in (columns or {}).items() if name is not None}
    checked = check(read_examples(examples, job.settings.data.model_copy(update=given)))
    specialist = yield from open_specialist(folder, base, runtime)  # takes time, and hashes all of its files
    if checked.issues:
        found = ", ".join(counted(checked.issues))
        yield Note(f"{examples.name}: {len(checked.examples)} usable examples; {found}.", "warning")
    threshold = job.settings.data.near_duplicate
    new = yield from _without_known(folder, checked.examples, threshold, with_known)
    asked = as_units(new, near_duplicates(new, threshold))
    measure = packaged_measure(folder, goal, asked)
    now = yield from _incumbent(incumbent, goal, job.settings.data.model_copy(update=given), asked, measure)
    rows = yield from evaluate(specialist, asked, measure, None, "answering")
    if output:
        write_lines(output, TypeAdapter(list[Scored]).dump_python(rows, mode="json"))
    abstention, level = specialist.recipe.abstention, look_level(goal.error_budget, 1)
    most, counted_rows = yield from _some_of_each_group(rows, goal, level)
    report = judge_answered(counted_rows, abstention, goal, level, now=now)
    report = replace(report, use=replace(report.use, per_group=most))
    floors = packaged_floors(constant_answer(folder), asked, measure.decides, goal.metric)
    return above_floors(report, kept_of(counted_rows, abstention), floors)


def _some_of_each_group(rows: Sequence[Scored], goal: Goal, level: float) -> Work[tuple[int, Sequence[Scored]]]:
    """The most rows of each group that count in the verdict (0: all), and these rows; as in the test of a climb.

    They are chosen by their questions, whatever the answers are.
    """
    sizes = Counter(row.group for row in rows)
    most = 0 if goal.pass_mark is None or not rows else best_cap([*sizes.values()], goal.pass_mark, level)
    if not most:
        return 0, rows
    places: Counter[str] = Counter()
    chosen = set()
    for row in sorted(rows, key=lambda row: sha256_of([row.question, row.id])):
        places[row.group] += 1
        if places[row.group] <= most:
            chosen.add(row.id)
    yield Note(
        f"Of each group, at most {most} examples count in the verdict, because that proves more: {len(chosen)} of "
        f"{len(rows)}. The score of all is {mean(rows):.3f}."
    )
    return most, [row for row in rows if row.id in chosen]


def _incumbent(
    name: str | None, goal: Goal, data: Data, asked: Sequence[Example], measure: Measure
) -> Work[Now | None]:
    """The incumbent's scored answers to the questions; without any, a warning if the job's goal needs them."""
    if name is None:
        if goal.incumbent is not None:
            text = "its answers to these questions are not given (--incumbent FILE), so nothing is proven about it"
            yield Note(f"The goal of the job names an incumbent; {text}.", "warning")
        return None
    found = find_incumbent(name, Path(), data, asked)
    yield from found.notes
    return found.name, found.rows(asked, measure)


def _without_known(folder: Path, examples: Sequence[Example], threshold: float, keep: bool) -> Work[Sequence[Example]]:
    """The examples that a specialist does not know; those it knows are named, and `keep` keeps them."""
    if not has_sketches(folder):
        why = "another version packed it"
        yield Note(f"Its training examples cannot be recognized, because {why}; those of its test can.", "warning")
    known = known_rows(folder, examples, threshold)
    if not known:
        return examples
    keys = Counter(row.part for row in known)
    parts = ", ".join(f"{count} {'are' if count > 1 else 'is'} in its {part} part" for part, count in keys.items())
    nearly = sum(not row.equal for row in known)
    alike = f"; {nearly} in nearly the same words or pictures" if nearly else ""
    how = f"{parts}{alike}. The first is {known[0].example.source}."
    if keep:
        yield Note(
            f"{len(known)} of {len(examples)} examples are known to this specialist: {how} They are scored too: "
            "this is no test on new questions.",
            "warning",
        )
        return examples
    if len(known) == len(examples):
        raise DataError(
            f"All {len(examples)} examples are known to this specialist: {how}",
            "A score on what it was trained, chosen or tested on says nothing about new questions.",
            "name other examples, or add --with-known to score these.",
        )
    yield Note(
        f"{len(known)} of {len(examples)} examples are known to this specialist: {how} They are left out; "
        "--with-known scores them too.",
        "warning",
    )
    ids = {row.example.id for row in known}
    return [example for example in examples if example.id not in ids]

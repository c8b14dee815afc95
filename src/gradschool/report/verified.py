"""Whether the result of a run follows from its own saved answers: anyone can write a record that says passed."""

from dataclasses import fields
from pathlib import Path

from gradschool.errors import GradschoolError
from gradschool.files import hash_tree, is_inside, read_rows
from gradschool.package.manifest import EVIDENCE, EXAMPLES, Manifest, ScoreSummary
from gradschool.records import Example, Report, RungResult, Verdict
from gradschool.report.claims import not_proven, other_bounds, other_score, taken_over
from gradschool.report.facts import Facts
from gradschool.report.rejudged import Packaged, judged_again, saved_rows
from gradschool.run import Run
from gradschool.saved_job import JOB_FILE, is_own_run, read_saved_job
from gradschool.score.floors import FLOORS
from gradschool.score.metrics import PLAIN
from gradschool.score.time_limit import scoring_within
from gradschool.specialist import FILE, FOLDER, Recipe

RECORDED = (
    "It was not begun here: the test scores of a finished run are computed again from the answers in it. That a model "
    "gave these answers, and all else (further metrics, validation, gates, losses, times, the scores of the nearest "
    "training answers), is as its record says. `gradschool score` tests its specialist anew."
)
GOAL = ("metric", "pass_mark", "error_budget", "margin", "min_answered")  # settings of a goal that name no file
# Of a recipe; that of the abstention is compared with the report.
SETTINGS = [one.name for one in fields(Recipe) if one.name not in (*Recipe.names(FOLDER, FILE), "abstention")]


def as_recorded(run: Run) -> str:
    """What of a run that the user did not begin is taken as its record says; empty for the user's own."""
    return "" if is_own_run(run.folder / JOB_FILE) else RECORDED


def doubt(facts: Facts) -> str:
    """Why the result of a finished climb does not follow from what the run has saved; empty if it does.

    The saved answers of the packaged rung are scored and judged again, with the trivial answers and the incumbent. If
    the user began the run, what a metric gave to them that is code, must be fitted, or knows the labels of all examples
    is taken from the package; in runs of others, the scores of all rungs are computed again.
    """
    chosen, ended = facts.chosen, facts.ended
    if ended is None:
        return ""
    if chosen is None or chosen.report is None or facts.manifest is None:
        return "the result of the packaged rung is missing, or its package"
    if ended.verdict != _verdict(chosen, all(gate.held for gate in ended.gates)):
        return f"done/climbed.json says {ended.verdict}, and the result of the rung {chosen.rung} does not"
    own = is_own_run(facts.run.folder / JOB_FILE)
    try:
        with scoring_within():
            answers = _answers(facts, chosen.rung) or _report(facts, chosen.rung, chosen.report, own)
        return answers or _package(facts, chosen, own) or ("" if own else taken_over(chosen))
    except (GradschoolError, OSError) as error:
        what = error.what if isinstance(error, GradschoolError) else str(error)
        return f"the answers cannot be scored again: {what.rstrip('.')}"


def _verdict(result: RungResult, held: bool) -> Verdict:
    """The verdict on a climb: that of the packaged rung, unless a gate rejects it or the package."""
    assert result.report is not None
    rejected = result.report.verdict == "passed" and not (result.sound and held)
    return "failed" if rejected else result.report.verdict


def _package(facts: Facts, chosen: RungResult, own: bool) -> str:
    """Why the package is not of this result; empty if it is."""
    manifest, report = facts.manifest, chosen.report
    assert report is not None and manifest is not None
    if manifest.rung != chosen.rung or manifest.score != ScoreSummary.of(report):
        return f"its package says another score than the result of the rung {chosen.rung}"
    if (manifest.verdict == "passed") != chosen.passed:
        return f"its package says {manifest.verdict}, and the result of the rung {chosen.rung} does not"
    if not own and (part := _other_content(facts, chosen.rung, manifest)):
        return f"the {part} in its package is not that of the rung {chosen.rung}"
    if other := _other_recipe(facts, chosen.rung, manifest):
        return f"its package has another recipe than the rung {chosen.rung}: {', '.join(other)}"
    if manifest.recipe.abstention != (report.coverage.abstention if report.coverage else None):
        return "its package abstains from other questions than those that the result names"
    goal = facts.run.job.settings.goal
    packed = read_saved_job(facts.run.specialist / EVIDENCE / JOB_FILE).settings.goal
    others = [name for name in GOAL if getattr(goal, name) != getattr(packed, name)]
    return f"the goal in its package is another one: {', '.join(others)}" if others else ""


def _other_recipe(facts: Facts, rung: str, manifest: Manifest) -> list[str]:
    """The settings and parts in which the recipe of a package is not that of the rung, if the run has saved that."""
    candidate = facts.candidates.get(rung)
    if candidate is None:
        return []
    ours, recipe = candidate.recipe, manifest.recipe
    other = [name for name in SETTINGS if getattr(ours, name) != getattr(recipe, name)]
    parts = [name for name in Recipe.names(FOLDER) if bool(getattr(ours, name)) != manifest.holds(f"{name}/")]
    shown = read_rows(facts.run.specialist / EXAMPLES, Example) if recipe.shots else []
    return [*other, *parts, *(["examples"] if recipe.shots and shown != list(ours.examples) else [])]


def _other_content(facts: Facts, rung: str, manifest: Manifest) -> str:
    """The part of a package whose files are not those that its run has made; empty if there is none, or they are gone.

    Configs are left out: in a package, they name no places.
    """
    if (candidate := facts.candidates.get(rung)) is None:
        return ""
    for part in Recipe.names(FOLDER):
        named = getattr(candidate.recipe, part)
        if named and Path(named).is_dir() and is_inside(Path(named), facts.run.folder):
            made = hash_tree(Path(named))
            if any(manifest.hashes.get(f"{part}/{name}") != made[name] for name in made if not name.endswith(".json")):
                return part
    return ""


def _answers(facts: Facts, rung: str) -> str:
    """Why the answers in the package are not those of the run; empty if they are."""
    saved, packaged = facts.answers.get(rung, {}), saved_rows(facts)
    same = packaged and all(row.id in saved and saved[row.id].text == row.answer.text for row in packaged)
    return "" if same else "the answers in its package are not those that were saved"


def _report(facts: Facts, rung: str, report: Report, own: bool) -> str:
    """Why the report of the packaged rung is not that of its answers, or the score of another rung is not."""
    packaged = None if own and not _quick(facts) else Packaged.of(facts)
    rows = packaged.rows(facts, rung) if packaged else saved_rows(facts)
    if len(rows) != report.asked.examples:
        return f"its score is of {report.asked.examples} answers, and {len(rows)} are saved"
    found = judged_again(facts, report, rows, packaged)
    if reason := other_score(report.score, found.score):
        return reason
    if report.verdict == "passed":
        without_floors = own and facts.run.saved(FLOORS) is None and not report.floors
        goal = facts.run.job.settings.goal
        if reason := not_proven(report, found, goal, without_floors=without_floors):
            return reason
    if packaged and not own:
        return other_bounds(report.score, found.score) or _other_rungs(facts, rung, packaged)
    return ""


def _other_rungs(facts: Facts, rung: str, packaged: Packaged) -> str:
    """Why the result of another rung is not that of its answers; empty if the package lacks their questions."""
    known = {example.id for example in packaged.examples}
    for result in facts.tested:
        answers = facts.answers.get(result.rung, {})
        if result.report is None or result.rung == rung or not (answers and answers.keys() <= known):
            continue
        found = judged_again(facts, result.report, packaged.rows(facts, result.rung), packaged)
        scores = result.report.score, found.score
        if reason := other_score(*scores) or other_bounds(*scores):
            return f"of the rung {result.rung}, {reason}"
        if result.passed and found.verdict != "passed":
            return f"the rung {result.rung} passed by its record, and its answers give the verdict {found.verdict}"
    return ""


def _quick(facts: Facts) -> bool:
    """Whether scoring runs no code and fits nothing."""
    goal = facts.run.job.settings.goal
    return all(name in PLAIN or name == "rules" for name in (goal.metric, *goal.extra_metrics))

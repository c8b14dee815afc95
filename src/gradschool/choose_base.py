"""Of several bases that a job names, choose the one to climb over: by validation examples alone.

The prompt and ground recipes of each base are tried as a climb tries them. A base whose recipes do not reach the goal
would have to be tuned, so that it gets the short trials of its learning rates, and the best of these is asked too. The
climb goes on over the smallest base whose validation score is not proven to be worse than that of the best one. The
test set is not used: its questions are not asked, and no part of the error budget is spent.
"""

import math
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from gradschool.data.check import check
from gradschool.data.decided import job_examples
from gradschool.errors import DataError, ModelError, ResourceError
from gradschool.evaluate import measure_of
from gradschool.events import passed_on
from gradschool.files import new_path
from gradschool.records import ComparedBase, Event, Note, Step, Work
from gradschool.run import Run
from gradschool.run_keys import BASES, INPUTS, SPLIT, Key
from gradschool.rungs.rung import Candidate, Rung, RungInputs, candidate_key, on_validation
from gradschool.rungs.short_trial import NAME as TRIAL
from gradschool.rungs.short_trial import short_trial
from gradschool.saved_job import JOB_FILE, demand_allowed_run
from gradschool.score.bases import Entry, Measured, compare_bases
from gradschool.score.judge import mean
from gradschool.specialist import Recipe, Specialist, specialist_of
from gradschool.survey import Surveyed, collect, reason_of, silent, survey
from gradschool.workspace import UNREAD, Workspace, check_job, demand_same_inputs, divide, open_job

SHARED = (INPUTS.name, SPLIT.name, UNREAD.name)  # what the comparison and the climb have in common
FOLDER = "bases"  # of the steps of each base, in the run's folder for work
SURVEY: Key[tuple[Surveyed, ...]] = Key("survey", tuple[Surveyed, ...])


def choose_base(run: Run, ladder: Sequence[Rung]) -> Work[Run]:
    """The run over the chosen base, with the steps that it took in the comparison; the same run if only one is named.

    Finished parts of a comparison are saved: after a crash, another call continues it.
    """
    if len(run.job.settings.bases) == 1:
        return run
    bases = yield from run.once(BASES, partial(_compare, run, ladder))
    [number] = [number for number, one in enumerate(bases) if one.chosen]
    adopt(_inner(run, number), run, ladder)
    for other in range(len(bases)):
        shutil.rmtree(_inner(run, other).folder / "work", ignore_errors=True)  # adapters of trials
    return Run(run.folder, run.job.over(bases[number].base), new=run.new)


def _inner(run: Run, number: int) -> Run:
    """The steps of the job over one of its bases, kept apart; the index of documents is shared, and so is the lock."""
    base = run.job.settings.bases[number]
    return Run(run.work(f"{FOLDER}/{number}"), run.job.over(base), new=True, outer=run)


def _compare(run: Run, ladder: Sequence[Rung]) -> Work[tuple[ComparedBase, ...]]:
    if not run.new:
        demand_allowed_run(run.folder / JOB_FILE)
    check_job(run.job)
    demand_same_inputs(run)
    surveyed = yield from run.once(SURVEY, partial(survey, run.job, ladder))
    usable = [number for number, one in enumerate(surveyed) if not one.left_out]
    yield from _divide(run, [surveyed[number] for number in usable])
    measured: dict[int, Measured] = {}
    for number in usable:
        inner = _inner(run, number)
        work = partial(_measure, inner, ladder, [_inner(run, one).fit_texts for one in usable])
        yield Note(f"bases: trying {surveyed[number].base} on validation.")
        measured[number] = yield from run.once(Key(f"compared-{number}", Measured), partial(_named, work, inner))
        collect(surveyed[number])
        if not measured[number].left_out:
            entry = Entry(surveyed[number].base, surveyed[number].bytes, measured[number])
            yield Note(f"bases: {entry.base} reaches {entry.mean:.3f} on validation: {measured[number].recipe}.")
        else:
            yield Note(f"bases: {surveyed[number].base} is left out: {measured[number].left_out}", "warning")
    found = compared(surveyed, measured)
    yield from (Note(f"bases: the climb goes on over {one.base}: {one.reason}.") for one in found if one.chosen)
    return found


def _divide(run: Run, surveyed: Sequence[Surveyed]) -> Work[None]:
    """Split the examples that all bases can read, once for all bases and for the climb."""
    examples = check(job_examples(run.job)).examples
    unread = run.save(UNREAD, tuple(sorted({id_ for one in surveyed for id_ in one.unread})))
    if unread:
        yield Note(f"bases: {len(unread)} of {len(examples)} examples are left out: not every base reads them.")
    divide([e for e in examples if e.id not in unread], run.job, max(one.looks for one in surveyed), run)


def _named(measure: Callable[[], Work[Measured]], run: Run) -> Work[Measured]:
    """Measure a base; the trainings in its events get its name, since other bases are trained under the same ones."""
    base = run.job.settings.base

    def named(event: Event) -> Event:
        return replace(event, training=f"{base} {event.training}") if isinstance(event, Step) else event

    return passed_on(measure(), named)


def _measure(run: Run, ladder: Sequence[Rung], fits: Sequence[Path]) -> Work[Measured]:
    """What a base reaches on validation, by the steps of a climb that need no test set."""
    assert run.outer
    for path in (run.outer.folder / "done").glob("*.json"):
        if path.stem in SHARED:
            _copy(path, run.folder / "done" / path.name)
    began = time.monotonic()
    try:
        workspace = yield from silent(open_job(run.job, run, ladder))
        inputs = workspace.inputs(run)
        candidate, rung = yield from _best_candidate(run, workspace, inputs, ladder)
        rows = yield from on_validation(workspace.engine, candidate.recipe, inputs, rung)
    except (DataError, ModelError, ResourceError) as error:
        return Measured({}, {}, "", False, 0.0, 0.0, left_out=reason_of(error))
    fit_texts = next((path for path in fits if path.exists()), None)
    if fit_texts:  # metrics are fitted to answers: one fit for all
        goal, examples = run.job.settings.goal, workspace.data.validation
        common = measure_of(goal, run.job.folder, workspace.data.reading.examples, fit_texts)
        rows = common.score(examples, [row.answer for row in rows])
    spent = math.fsum(row.answer.seconds for row in rows)
    return Measured(
        values={row.id: row.value for row in rows},
        groups={row.id: row.group for row in rows},
        recipe=f"{rung}: {candidate.recipe.describe()}",
        sound=candidate.sound,
        tokens_per_second=sum(row.answer.new_tokens for row in rows) / spent if spent else 0.0,
        seconds=time.monotonic() - began,
    )


def _best_candidate(
    run: Run, workspace: Workspace, inputs: RungInputs, ladder: Sequence[Rung]
) -> Work[tuple[Candidate, str]]:
    """The best candidate of a base on validation, and the name of its rung; each builds on the best one so far."""
    base = Specialist(workspace.engine, Recipe(decoding=workspace.untrained_decoding))
    made = list[tuple[Candidate, str]]()
    rungs = [rung for rung in ladder if not rung.reason_to_skip(run.job, workspace.engine)]
    for rung in (rung for rung in rungs if not rung.trains):
        work = partial(rung.make, _specialist(made, base), inputs)
        made.append(((yield from run.once(candidate_key(rung.name), work)), rung.name))
    reached = bool(made) and _best(made)[0].validation >= _goal(workspace, run)
    if not reached and any(rung.trains for rung in rungs):
        try:
            made.append(((yield from short_trial(_specialist(made, base), inputs)), TRIAL))
        except ResourceError as error:
            yield Note(f"bases: {run.job.settings.base} cannot be tuned here: {reason_of(error)}", "warning")
    return _best(made)


def _specialist(made: Sequence[tuple[Candidate, str]], base: Specialist) -> Specialist:
    return specialist_of(base.engine, _best(made)[0].recipe) if made else base


def _best(made: Sequence[tuple[Candidate, str]]) -> tuple[Candidate, str]:
    """The best on validation among those that no gate rejects, if there are any; of equals the first."""
    return max([one for one in made if one[0].sound] or made, key=lambda one: one[0].validation)


def _goal(workspace: Workspace, run: Run) -> float:
    """The validation score from which no tuning is needed: the pass mark, and the incumbent's less the margin."""
    goal, now = run.job.settings.goal, workspace.incumbent
    reach = [mean(now.validation) - goal.margin] if now and now.validation else []
    return max([*reach, *([goal.pass_mark] if goal.pass_mark is not None else [])], default=1.0)


def compared(surveyed: Sequence[Surveyed], measured: Mapping[int, Measured]) -> tuple[ComparedBase, ...]:
    """The bases in the order of the list, one of them chosen. Raises ModelError if all were left out."""
    left_out = {number: one.left_out or measured[number].left_out for number, one in enumerate(surveyed)}
    entries = {n: Entry(surveyed[n].base, surveyed[n].bytes, measured[n]) for n in left_out if not left_out[n]}
    if not entries:
        raise ModelError(
            "None of the bases can be used.",
            "\n".join(f"{one.base}: {left_out[number]}" for number, one in enumerate(surveyed)),
            "name other bases, or correct what is said about these.",
        )
    judged = dict(zip(entries, compare_bases(list(entries.values())), strict=True))
    return tuple(
        judged[number] if number in judged else ComparedBase(one.base, one.bytes, reason=left_out[number])
        for number, one in enumerate(surveyed)
    )


def adopt(inner: Run, run: Run, ladder: Sequence[Rung]) -> None:
    """Copy the steps that a base took in the comparison into the run, which then repeats none of them.

    Candidates are not copied if the job lets a specialist abstain, because its threshold is chosen for one look at the
    test set.
    """
    not_copied = {TRIAL} if run.job.settings.goal.min_answered is None else {TRIAL, *(rung.name for rung in ladder)}
    for source in (inner.folder / "done", inner.folder / "answers"):
        for path in sorted(source.glob("*.json*")):
            target = run.folder / source.name / path.name
            if path.stem not in not_copied:
                _copy(path, target)


def _copy(path: Path, target: Path) -> None:
    """Copy a finished step, unless it is there."""
    if not target.exists():
        with new_path(target) as new:
            shutil.copyfile(path, new)

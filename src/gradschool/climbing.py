"""The climb: one rung after another until one is proven to reach the goal; then the package, and its test."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from gradschool.choose_base import choose_base
from gradschool.data.instructions import instructions_of
from gradschool.data.ledger import claim, settle
from gradschool.environment import peak_memory
from gradschool.errors import DamagedError
from gradschool.evaluate import evaluate_until
from gradschool.model.here import features_of
from gradschool.model.opening import base_folder
from gradschool.package.base_words import advice_on_bases
from gradschool.package.bundle import pack
from gradschool.package.floor_words import notes_about
from gradschool.package.prove import prove
from gradschool.records import ComparedBase, Gate, Note, RungResult, Scored, Use, Verdict, Work
from gradschool.remedies import advise
from gradschool.run import Run
from gradschool.run_keys import BASES, CLIMB, PACKAGE, Key, result_key
from gradschool.rungs.abstain import kept_of, make_candidate
from gradschool.rungs.ladder import LADDER
from gradschool.rungs.rung import Candidate, Rung, RungInputs, candidate_key, on_validation
from gradschool.saved_job import JOB_FILE, is_own_run
from gradschool.score.abstention import judge_answered
from gradschool.score.certain import all_of, ask_until, better_by, decide_by
from gradschool.score.floors import FLOORS, Trivial, above_floors, are_same, find_floors, is_of_test
from gradschool.score.incumbent import excluded
from gradschool.score.judge import Rival, mean
from gradschool.score.metric import Comparing
from gradschool.score.threshold import Look
from gradschool.settings import Goal
from gradschool.specialist import Recipe, Specialist, specialist_of
from gradschool.tune.train_job import dismiss_helpers
from gradschool.workspace import Workspace, open_job


@dataclass(frozen=True, slots=True)
class Climbed:
    """The result of a climb: the score of every rung, the rung that is packaged, and the gates of the package."""

    verdict: Verdict
    rung: str
    specialist: str  # folder of the package
    results: tuple[RungResult, ...]
    gates: tuple[Gate, ...]
    remedies: tuple[str, ...] = ()  # if nothing passed: what would most likely help, each with its evidence
    bases: tuple[ComparedBase, ...] = ()  # as they were compared, if the job names several


@dataclass(frozen=True, slots=True)
class Tested:
    """A candidate with its result on the test examples and the answers it gave."""

    candidate: Candidate
    specialist: Specialist
    result: RungResult
    rows: Sequence[Scored]

    @property
    def given(self) -> Sequence[Scored]:
        """The rows of the answers that it gives: all, unless it abstains."""
        return kept_of(self.rows, self.candidate.abstention)

    @property
    def packaged(self) -> Specialist:
        """The specialist as it is packaged; rungs build on the one that answers every question."""
        return replace(self.specialist, recipe=_complete(self.candidate))

    @property
    def decided_on_test(self) -> bool:
        """Whether the verdict comes from the test set, which spends a part of the error budget."""
        return self.result.report is not None and not self.result.report.on_validation


@dataclass(frozen=True, slots=True)
class Before:
    """What a look at the test set depends on besides the candidate."""

    use: Use  # of the test set by this climb
    level: float  # the confidence of each bound
    start: Tested | None  # the candidate that the new one is built on
    tested: tuple[Tested, ...]
    floors: tuple[Trivial, ...]

    @property
    def best(self) -> Tested | None:
        """The candidate with the best test score so far."""
        return max(self.tested, key=lambda one: (mean(one.rows), one is self.start), default=None)


CLIMBED: Key[Climbed] = Key(CLIMB, Climbed)


def climb(run: Run, ladder: Sequence[Rung] = LADDER) -> Work[Climbed]:
    """Climb the ladder to the first rung that passes, package the best specialist, and test the package.

    Finished steps are saved in the run: after a crash, another call continues where the last one stopped.
    """
    run = yield from choose_base(run, ladder)
    workspace = yield from open_job(run.job, run, ladder)
    results, tested = yield from climb_rungs(run, workspace, ladder)
    chosen = tested[-1] if tested[-1].result.passed else best_on_validation(tested)
    data = workspace.data
    asked = data.test[: len(chosen.rows)]  # parity and exports are tested on them
    known = data.train, data.validation
    now = workspace.incumbent.test if workspace.incumbent else ()
    work = partial(pack, run, chosen.packaged, chosen.result, results, chosen.rows, data.split, asked, known, now)
    yield from run.once(PACKAGE, work)
    base = base_folder(run.job.settings, workspace.engine)
    gates = yield from prove(run, base, asked, chosen.rows, workspace.measure)
    verdict = overall(chosen.result, gates)
    remedies: tuple[str, ...] = ()
    bases = run.saved(BASES) or ()
    if verdict != "passed":
        advice = [*advice_on_bases(bases), *(sentence for one in tested for sentence in one.candidate.advice)]
        remedies = tuple(
            advise(chosen.result, results, workspace, ladder, advice, chosen.rows, instructions_of(run.job))
        )
    climbed = Climbed(verdict, chosen.result.rung, str(run.specialist), tuple(results), gates, remedies, bases)
    dismiss_helpers()
    # The run may have been moved, or its path may be relative to another folder, since it was saved.
    return replace(run.save(CLIMBED, climbed), specialist=str(run.specialist))


def climb_rungs(
    run: Run, workspace: Workspace, ladder: Sequence[Rung]
) -> Work[tuple[Sequence[RungResult], Sequence[Tested]]]:
    """Make and test one candidate after another; each rung starts from the best one so far. Stops at the first pass."""
    inputs = workspace.inputs(run)
    base = Specialist(workspace.engine, Recipe(decoding=workspace.untrained_decoding))
    start: Tested | None = None
    use: Use | None = None
    results: list[RungResult] = []
    tested: list[Tested] = []
    looks, floors = workspace.looks, (yield from floors_of(run, workspace))
    for rung in ladder:
        if reason := rung.reason_to_skip(run.job, workspace.engine):
            results.append(RungResult(rung.name, None, skipped=reason))
            yield results[-1]
            continue
        best = start.specialist if start else base
        make = partial(make_candidate, rung, best, inputs, look_of(workspace, run.job.settings.goal, looks.level))
        candidate = yield from run.once(candidate_key(rung.name), make)
        high = yield from _difference_high(workspace, candidate, inputs, rung.name)
        if use is None:
            use = yield from claim(run, workspace.data.test, run.job.settings.goal.error_budget)
            looks = replace(looks, budget=use.budget)
        before = Before(use, looks.level, start, tuple(tested), floors)
        tested.append((yield from measure_on_test(run, workspace, rung.name, candidate, before, high)))
        looks = looks.after(tested[-1].decided_on_test)
        results.append(tested[-1].result)
        yield results[-1]
        if results[-1].passed:
            break
        start = best_on_validation(tested)
    if use:
        settle(run, use.budget - looks.budget)
    return results, tested


def floors_of(run: Run, workspace: Workspace) -> Work[tuple[Trivial, ...]]:
    """The trivial answers to the test questions, scored once; warns if they reach the pass mark.

    None for a finished climb of an earlier version, whose results had no floors. In a run of someone else, saved ones
    are scored again. Raises DamagedError if they are not those of this test.
    """
    if run.saved(CLIMBED):
        return run.saved(FLOORS) or ()
    data, goal = workspace.data, run.job.settings.goal
    work = partial(
        find_floors, data.train, data.test, workspace.measure.decides, goal.metric, features_of(workspace.engine)
    )
    known = run.saved(FLOORS)
    floors = yield from run.once(FLOORS, work)
    right = is_of_test(floors, data.test)
    if known is not None and right and not is_own_run((run.outer or run).folder / JOB_FILE):
        right = are_same(floors, (yield from work()))
    if not right:
        raise DamagedError(
            f"The scores of trivial answers that {run.folder} has saved are not those of its test.",
            "A specialist must be better than these.",
            f"delete done/{FLOORS.name}.json in it; the step is then run again.",
        )
    yield from notes_about(floors, goal.metric, goal.pass_mark)
    above, margin = workspace.proof_with(floors), workspace.margin_with(floors)
    if workspace.proof and above and above.needed != workspace.proof.needed:
        yield Note(above.sentence())
    if workspace.incumbent and margin and margin.needed != workspace.incumbent.proof.needed:
        yield Note(margin.sentence())
    return floors


def measure_on_test(
    run: Run, workspace: Workspace, rung: str, candidate: Candidate, before: Before, difference_high: float | None
) -> Work[Tested]:
    """Answer and judge the test examples, and compare the scores with those of other rungs.

    A candidate whose validation score excludes a pass gets no verdict from the test, nor does one whose difference from
    the incumbent excludes it there: `difference_high` is its upper bound then. The other rungs are the one that the
    candidate was built on, and the one with the best test score so far; a pass must be proven better than the floors
    too.
    """
    began = time.monotonic()
    specialist, data, goal = specialist_of(workspace.engine, candidate.recipe), workspace.data, run.job.settings.goal
    below = goal.pass_mark is not None and candidate.highest < goal.pass_mark
    rows = yield from _answer(run, workspace, rung, specialist, before, decides=not below and difference_high is None)
    unasked, now = data.test[len(rows) :], workspace.incumbent
    first, second = _rivals(before.start, before.best)
    groups = [column for column, part in data.reading.columns.items() if part == "group"]
    report = judge_answered(
        rows,
        candidate.abstention,
        goal,
        before.level,
        start=first,
        best=second,
        group_name=next(iter(groups), ""),
        validation_high=candidate.highest if below else None,
        now=(now.name, now.test) if now else None,
        difference_high=difference_high,
        unasked=unasked,
    )
    report = above_floors(report, kept_of(rows, candidate.abstention), before.floors, unasked)
    result = RungResult(
        rung=rung,
        report=replace(report, use=replace(before.use, per_group=data.split.per_group, unasked=len(unasked))),
        gates=candidate.gates,
        recipe=_complete(candidate).describe(),
        seconds=candidate.seconds + time.monotonic() - began,
        peak_memory=peak_memory(),
        tokens_trained=candidate.tokens_trained,
    )
    # A resumed climb reports the cost of the first time, not that of reading answers from disk.
    return Tested(candidate, specialist, run.save(result_key(rung), result), rows)


def _answer(
    run: Run, workspace: Workspace, rung: str, specialist: Specialist, before: Before, decides: bool
) -> Work[list[Scored]]:
    """Answer the test examples, in their drawn order, until no further answer could change the verdict.

    If the test does not decide, or not by each answer alone (if the metric compares all answers, there is an incumbent,
    or the specialist may abstain), all are answered.
    """
    test, measure, goal = workspace.data.test, workspace.measure, run.job.settings.goal
    groups, level = [example.group for example in test], before.level
    floors = [[one.values[example.id] for example in test] for one in before.floors if one.binding]
    better = [better_by(0.0, floor, groups, level) for floor in floors]
    saved = run.saved(result_key(rung))
    whole = not decides or isinstance(measure.decides, Comparing) or goal.incumbent or goal.min_answered

    def until(rows: Sequence[Scored]) -> int:
        if saved and saved.report:
            return saved.report.asked.examples
        if whole or goal.pass_mark is None:
            return len(test)
        decide = all_of([decide_by(groups, goal.pass_mark, level), *better])
        return ask_until(decide, [row.value for row in rows], len(test))

    return (yield from evaluate_until(until, specialist, test, measure, run.test_answers(rung), f"{rung}: test"))


def _difference_high(workspace: Workspace, candidate: Candidate, inputs: RungInputs, rung: str) -> Work[float | None]:
    """The upper bound of a candidate's difference from the incumbent on validation, if it excludes the margin."""
    if workspace.incumbent is None:
        return None
    rows = yield from on_validation(workspace.engine, candidate.recipe, inputs, rung)
    now = workspace.incumbent.name, workspace.incumbent.validation
    return excluded(rows, now, inputs.settings.goal.margin)


def _rivals(start: Tested | None, best: Tested | None) -> tuple[Rival | None, Rival | None]:
    """The candidates to compare with, by name and rows: the best one only if it is not the start too."""
    first, second = ((one.result.rung, one.given) if one else None for one in (start, None if best is start else best))
    return first, second


def look_of(workspace: Workspace, goal: Goal, level: float) -> Look | None:
    """The look at the test set for which a specialist may abstain; None if it must answer every question."""
    if goal.min_answered is None or workspace.proof is None:
        return None
    return Look(workspace.proof.separate, level, workspace.proof.pass_mark, goal.min_answered)


def _complete(candidate: Candidate) -> Recipe:
    """The recipe of a candidate, with when it abstains."""
    return replace(candidate.recipe, abstention=candidate.abstention)


def best_on_validation(tested: Sequence[Tested]) -> Tested:
    """The candidate with the best validation score among those that no gate rejects; of equals the lowest rung.

    If gates reject all, it is the best of these.
    """
    sound = [one for one in tested if one.result.sound]
    return max(sound or tested, key=lambda one: one.candidate.validation)


def overall(result: RungResult, gates: Sequence[Gate]) -> Verdict:
    """The verdict on a packaged rung: that of its score, unless a gate rejects the rung or the package."""
    assert result.report is not None
    if result.report.verdict == "passed" and not (result.sound and all(gate.held for gate in gates)):
        return "failed"
    return result.report.verdict

"""The main job: climb the ladder until a rung is proven to reach the pass mark, and package what stands there."""

import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from gradschool.evaluate import evaluate
from gradschool.package.bundle import pack
from gradschool.package.prove import prove
from gradschool.records import Gate, RungResult, Scored, Split, Verdict, Work
from gradschool.remedies import advise
from gradschool.run import Run, peak_memory
from gradschool.rungs.curve import Curve
from gradschool.rungs.ladder import LADDER
from gradschool.rungs.rung import Candidate, Rung, RungInputs
from gradschool.score.judge import judge
from gradschool.score.stats import look_level
from gradschool.specialist import Recipe, Specialist, specialist_of
from gradschool.workspace import Workspace, open_job


@dataclass(frozen=True, slots=True)
class Climbed:
    """How a climb ended: what every rung scored, which one is packaged where, and what the package's test said."""

    verdict: Verdict
    rung: str
    specialist: str
    results: tuple[RungResult, ...]
    gates: tuple[Gate, ...]
    remedies: tuple[str, ...] = ()  # what would most likely help where nothing passed, each with its evidence


@dataclass(frozen=True, slots=True)
class Tested:
    """A candidate that has been put to the test, with the answers behind its verdict."""

    specialist: Specialist
    validation: float
    result: RungResult
    rows: Sequence[Scored]


def climb(run: Run) -> Work[Climbed]:
    """Climb until a rung is proven to reach the pass mark; package what stands there and test the package.

    What is done stays done: called again after a crash, it goes on where it was.
    """
    data = yield from open_job(run.job, run)
    inputs = RungInputs(run, data.train, data.validation, data.measure)
    best = Specialist(data.engine, Recipe(decoding=data.decoding))
    level = look_level(data.goal.error_budget, data.looks)
    tested: list[Tested] = []
    results: list[RungResult] = []
    for rung in LADDER:
        if reason := rung.reason_to_skip(run.job, data.engine):
            results.append(RungResult(rung.name, None, skipped=reason))
            yield results[-1]
            continue
        candidate: Candidate = yield from run.once(rung.name, partial(rung.make, best, inputs), Candidate)
        tested.append((yield from put_to_test(rung, candidate, data, run, level, tested)))
        results.append(tested[-1].result)
        yield results[-1]
        best = better_on_validation(tested).specialist
        if tested[-1].result.passed:
            break
    chosen = tested[-1] if tested[-1].result.passed else better_on_validation(tested)
    yield from run.once(
        "package",
        partial(pack, run, chosen.specialist, chosen.result, results, chosen.rows, data.split, data.test),
        str,
    )
    gates = yield from prove(run, data.test, chosen.rows, data.measure)
    verdict = overall(chosen.result, gates)
    curve = run.kept("tune-curve", Curve | None)
    remedies = () if verdict == "passed" else tuple(advise(chosen.result, results, data, curve))
    climbed = Climbed(verdict, chosen.result.rung, str(run.specialist), tuple(results), gates, remedies)
    return run.keep("climbed", climbed, Climbed)


def put_to_test(
    rung: Rung, candidate: Candidate, data: Workspace, run: Run, level: float, below: Sequence[Tested]
) -> Work[Tested]:
    """Answer the test examples, judge the answers, and compare them with those of the rung below."""
    began = time.monotonic()
    specialist = specialist_of(data.engine, candidate.recipe)
    kept = run.answers(f"{rung.name}-test")
    rows = yield from evaluate(specialist, data.test, data.measure, kept, f"{rung.name}: test")
    report = judge(rows, data.goal, level, (below[-1].result.rung, below[-1].rows) if below else None)
    result = RungResult(
        rung=rung.name,
        report=report,
        gates=candidate.gates,
        recipe=candidate.recipe.describe(),
        seconds=candidate.seconds + time.monotonic() - began,
        peak_memory=peak_memory(),
        tokens_trained=candidate.tokens_trained,
    )
    # A resumed climb tells what the rung cost when it was climbed, not what it costs to read it back.
    return Tested(specialist, candidate.validation, run.keep(f"{rung.name}-result", result, RungResult), rows)


def better_on_validation(tested: Sequence[Tested]) -> Tested:
    """The best so far, chosen on validation alone among those that no gate refuses; among equals the lowest rung."""
    return max((t for t in tested if t.result.sound), key=lambda t: t.validation)


def overall(result: RungResult, gates: Sequence[Gate]) -> Verdict:
    """The verdict over a packaged rung: what its score proved, unless a gate refuses rung or package."""
    assert result.report is not None
    if result.report.verdict == "passed" and not (result.sound and all(gate.held for gate in gates)):
        return "failed"
    return result.report.verdict


def discard_unless_begun(run: Run) -> None:
    """Take a new run away again where not even its split was made, as after a wrong job: nothing could go on from it.

    Files in its folder that are not ours stay.
    """
    if run.kept("split", Split):
        return
    shutil.rmtree(run.folder / "done", ignore_errors=True)
    for name in (".lock", "run.json", "environment.json", "events.jsonl"):
        (run.folder / name).unlink(missing_ok=True)
    with suppress(OSError):  # something else is in it
        run.folder.rmdir()

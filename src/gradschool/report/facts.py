"""What a run has saved so far, read once for its report."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from gradschool.files import read_json, read_lines
from gradschool.package.manifest import MANIFEST, Manifest, load_manifest
from gradschool.records import Answer, Gate, RungResult, Split, Verdict
from gradschool.run import CLIMB, SPLIT, Key, Run, result_key
from gradschool.rungs.rung import Candidate, candidate_key


@dataclass(frozen=True, slots=True)
class Ended:
    """The part of a climb's result that is shown; climbing.py has the full record."""

    verdict: Verdict
    gates: tuple[Gate, ...] = ()  # of the package
    remedies: tuple[str, ...] = ()


ENDED: Key[Ended] = Key(CLIMB, Ended)


@dataclass(frozen=True, slots=True)
class Facts:
    """The content of a run's folder. A run in progress lacks parts of it; only run.json is always there.

    Rungs are in the order in which they were climbed.
    """

    run: Run
    results: list[RungResult]
    candidates: dict[str, Candidate]  # by rung
    answers: dict[str, dict[str, Answer]]  # by rung, then by example
    packaged: dict[str, Answer]  # answers of the reopened package, by example
    events: list[dict[str, Any]]
    environment: dict[str, Any]
    manifest: Manifest | None
    split: Split | None
    ended: Ended | None

    @property
    def tested(self) -> list[RungResult]:
        """The rungs with a score."""
        return [result for result in self.results if result.report]

    @property
    def chosen(self) -> RungResult | None:
        """The packaged rung, or the last tested one if nothing is packaged yet; None if the results lack it."""
        tested = self.tested
        packaged = [result for result in tested if self.manifest and result.rung == self.manifest.rung]
        return next(iter(packaged or tested[-1:]), None)


def read_facts(run: Run) -> Facts:
    """Read all that a run has saved so far; raises DamagedError if a file cannot be read."""
    events = run.events()
    # Skipped rungs are recorded as events only.
    ended = [event for event in events if event.get("event") == "RungResult"]
    results = {e["rung"]: RungResult(e["rung"], None, skipped=e["skipped"]) for e in ended if e.get("skipped")}
    for path in sorted((run.folder / "done").glob("*-result.json")):
        result = run.saved(result_key(path.stem.removesuffix("-result")))
        assert result is not None
        results[result.rung] = result
    answers = {path.stem.removesuffix("-test"): _answers(path) for path in _test_answers(run)}
    packaged = answers.pop("package", {})
    rungs = list(dict.fromkeys([*(event["rung"] for event in ended), *results, *answers]))
    environment = run.folder / "environment.json"
    return Facts(
        run=run,
        results=[results[rung] for rung in rungs if rung in results],
        candidates={rung: candidate for rung in rungs if (candidate := run.saved(candidate_key(rung)))},
        answers={rung: answers[rung] for rung in rungs if rung in answers},
        packaged=packaged,
        events=events,
        environment=read_json(environment) if environment.exists() else {},
        manifest=load_manifest(run.specialist) if (run.specialist / MANIFEST).exists() else None,
        split=run.saved(SPLIT),
        ended=run.saved(ENDED),
    )


def _test_answers(run: Run) -> list[Path]:
    return sorted((run.folder / "answers").glob("*-test.jsonl"))


def _answers(path: Path) -> dict[str, Answer]:
    answer: TypeAdapter[Answer] = TypeAdapter(Answer)
    return {row["id"]: answer.validate_python(row["answer"]) for row in read_lines(path)}

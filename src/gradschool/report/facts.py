"""What a run has saved so far, read once for its report."""

from dataclasses import dataclass
from pathlib import Path

from gradschool.environment import Environment
from gradschool.files import read_rows
from gradschool.package.manifest import MANIFEST, Manifest, load_manifest
from gradschool.records import Answer, ComparedBase, Gate, NumberFormat, RungResult, SavedAnswer, Split, Verdict
from gradschool.run import REOPENED, Recorded, Run
from gradschool.run_keys import BASES, CLIMB, FORMAT, SPLIT, TRAINING_FORMAT, Key
from gradschool.rungs.rung import Candidate, candidate_key
from gradschool.score.calibration import Calibration
from gradschool.score.causes import Causes


@dataclass(frozen=True, slots=True)
class Ended:
    """The part of a climb's result that is shown; climbing.py has the full record."""

    verdict: Verdict
    gates: tuple[Gate, ...] = ()  # of the package
    remedies: tuple[str, ...] = ()


FORMATS = {"number format of answers": FORMAT, "number format of training": TRAINING_FORMAT}
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
    incumbent: dict[str, tuple[Answer, ...]]  # its answers to the test questions, by example
    events: list[Recorded]
    environment: Environment | None
    manifest: Manifest | None
    split: Split | None
    ended: Ended | None
    bases: tuple[ComparedBase, ...]  # if the job names several
    formats: dict[str, NumberFormat]  # that a local base computes in, by use

    @property
    def base(self) -> str:
        """The base; of several that the job names, the one that was chosen, or all as long as none is."""
        chosen = [one.base for one in self.bases if one.chosen]
        return ", ".join(chosen or self.run.job.settings.bases)

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

    @property
    def calibration(self) -> Calibration | None:
        """The calibration of the chosen rung on validation, if it compares labels."""
        return self._candidate.calibration if self._candidate else None

    @property
    def causes(self) -> Causes | None:
        """What the citations of the chosen rung bear on validation, if it cites passages."""
        return self._candidate.causes if self._candidate else None

    @property
    def _candidate(self) -> Candidate | None:
        return self.candidates.get(self.chosen.rung) if self.chosen else None


def read_facts(run: Run) -> Facts:
    """Read all that a run has saved so far; raises DamagedError if a file cannot be read."""
    events = run.events()
    # Skipped rungs are recorded as events only.
    ended = [recorded.event for recorded in events if isinstance(recorded.event, RungResult)]
    results = {result.rung: result for result in (*(one for one in ended if one.skipped), *run.results())}
    answers = {rung: _answers(run.test_answers(rung)) for rung in run.answered()}
    packaged = answers.pop(REOPENED, {})
    rungs = list(dict.fromkeys([*(result.rung for result in ended), *results, *answers]))
    return Facts(
        run=run,
        results=[results[rung] for rung in rungs if rung in results],
        candidates={rung: candidate for rung in rungs if (candidate := run.saved(candidate_key(rung)))},
        answers={rung: answers[rung] for rung in rungs if rung in answers},
        packaged=packaged,
        incumbent=_all_answers(run.incumbent_answers),
        events=events,
        environment=run.environment,
        manifest=load_manifest(run.specialist) if (run.specialist / MANIFEST).exists() else None,
        split=run.saved(SPLIT),
        ended=run.saved(ENDED),
        bases=run.saved(BASES) or (),
        formats={use: found for use, key in FORMATS.items() if (found := run.saved(key))},
    )


def _answers(path: Path) -> dict[str, Answer]:
    return {row.id: row.answer for row in read_rows(path, SavedAnswer)}


def _all_answers(path: Path) -> dict[str, tuple[Answer, ...]]:
    """As `_answers`, with all answers to a question that has several."""
    found: dict[str, tuple[Answer, ...]] = {}
    for row in read_rows(path, SavedAnswer):
        found[row.id] = (*found.get(row.id, ()), row.answer)
    return found

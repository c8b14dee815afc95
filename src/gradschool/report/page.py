"""The report page: one HTML file about a run, with the verdict, the evidence and the cost.

The page loads nothing from the network. A content security policy with the hash of its only script keeps text that a
model wrote from running. It needs the run's folder alone, so that unfinished runs have a page too.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, partial
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from gradschool.environment import duration
from gradschool.gates.gate import Measurements
from gradschool.gates.run import PACKAGE_GATES, run_gates
from gradschool.job import Job
from gradschool.options import options, shown
from gradschool.package.base_words import about_bases, behind_best, size_of
from gradschool.package.coverage_words import rule_of
from gradschool.package.floor_words import floor_name, floors_in
from gradschool.package.marks import incumbent
from gradschool.package.verdicts import (
    audit_sentence,
    bounds,
    confidences,
    differences,
    percent,
    plain_verdict,
    tested_on,
    verdict_sentence,
    verdict_words,
    what_settles,
)
from gradschool.records import Answer, Event, Gate, Note, Progress, Report, Step
from gradschool.report.facts import Facts, read_facts
from gradschool.report.losses import loss_curves
from gradschool.report.questions import failure_examples, questions_of
from gradschool.report.verified import as_recorded, doubt
from gradschool.run import Run, resume_command
from gradschool.rungs.ladder import LADDER
from gradschool.rungs.rung import Rung
from gradschool.score.abstention import keeps
from gradschool.version import __version__
from gradschool.visible import visible

MAX_QUESTIONS = 60  # questions on the page; all are counted
CLIP = 360  # characters of a text that are shown unfolded
LONGEST = 50_000  # characters of a text on the page


def page(run: Run, ladder: Sequence[Rung] = LADDER) -> str:
    """Render the report of a run, finished or not, that climbed a ladder.

    Answers are scored again with the job's own examples. If these were moved or changed, the page shows the saved
    scores and says so. Raises DamagedError if a file of the run cannot be read.
    """
    facts = read_facts(run)
    questions, note = questions_of(facts)
    curves, loss_ticks, logarithmic = loss_curves(recorded.event for recorded in facts.events)
    gates, reports = package_gates(facts), [result.report for result in facts.tested if result.report]
    return _template("page").render(
        facts=facts,
        run=run,
        recorded=as_recorded(run),
        job=run.job.settings,
        headline=headline(facts, gates),
        package_gates=gates,
        tested=facts.tested,
        tested_on=tested_on,
        confidences=confidences,
        differences=differences,
        floors=floors_in(facts.results),
        about_bases=about_bases,
        behind_best=behind_best,
        size_of=size_of,
        floor_name=floor_name,
        settles=what_settles,
        rule=rule_of,
        withheld=partial(_withheld, {result.rung: result.report for result in facts.tested if result.report}),
        verdict=verdict_words,
        incumbent=incumbent,
        resume=resume_command(run.folder),
        curves=curves,
        loss_ticks=loss_ticks,
        logarithmic=logarithmic,
        parts=list(dict.fromkeys(part for report in reports for part in report.parts)),
        kinds=list(dict.fromkeys(kind for report in reports for kind in report.failures)),
        reasons=failure_examples(questions),
        questions=questions[:MAX_QUESTIONS],
        pictured=any(question.images for question in questions),
        total=len(questions),
        note=note,
        clip=CLIP,
        longest=LONGEST,
        rungs=", ".join(f"{rung.name} ({rung.summary})" for rung in ladder),
        doing=_doing(facts.events[-1].event) if facts.events else "",
        notes=[(recorded.time, recorded.event) for recorded in facts.events if isinstance(recorded.event, Note)],
        settings=_settings(run.job),
        hashes=_hashes(facts),
        version=__version__,
    )


def audit_page(name: str, base: str, gates: Sequence[Gate]) -> str:
    """Render the gates of an audit as a page; `name` is that of what was audited."""
    return _template("audit").render(name=name, base=base, gates=gates, sentence=audit_sentence(gates))


class Headline(NamedTuple):
    """The state of a run in a word, the verdict in plain words, its figures, and whether it could not be verified."""

    state: str
    sentence: str
    figures: str
    doubted: bool = False


def headline(facts: Facts, gates: Sequence[Gate]) -> Headline:
    """The headline of a run; `gates` are those of the package."""
    chosen = facts.chosen
    if facts.manifest is None:
        done = ", ".join(result.rung for result in facts.tested)
        so_far = f"tested so far: {done}" if done else "no rung has been tested yet"
        return Headline("unfinished", f"Not finished: {so_far}. There is no verdict on the climb yet.", "")
    if chosen is None:
        missing = "A specialist is packaged, but the results of its rungs are missing from this run."
        return Headline("unfinished", missing, "")
    assert chosen.report is not None
    rejected = any(not gate.held for gate in (*chosen.gates, *gates))
    state = "failed" if rejected else chosen.report.verdict
    sentence = verdict_sentence(chosen, gates)
    if reason := doubt(facts):
        return Headline("not proven", f"Not verified: {reason}.", f"Its record says: {sentence}", doubted=True)
    return Headline(state, plain_verdict(chosen, gates), sentence)


def package_gates(facts: Facts) -> tuple[Gate, ...]:
    """Whether the reopened package gave the answers that were scored; known for local bases only."""
    if facts.ended:
        return facts.ended.gates
    manifest = facts.manifest
    if manifest is None or manifest.base.kind != "local":
        return ()
    scored = facts.answers.get(manifest.rung, {})
    both = [id_ for id_ in facts.packaged if id_ in scored]
    answers = [scored[id_] for id_ in both], [facts.packaged[id_] for id_ in both]
    return run_gates(PACKAGE_GATES, Measurements(answers=answers)) if both else ()


def _withheld(reports: Mapping[str, Report], rung: str, answer: Answer) -> bool:
    """Whether a rung abstains instead of giving an answer."""
    coverage = reports[rung].coverage if rung in reports else None
    return coverage is not None and answer.failure is None and not keeps(coverage.abstention, answer)


def _shown(value: object) -> object:
    """A value of the page; texts that are not markup of our own are made visible."""
    return visible(value) if type(value) is str else value


def _doing(event: Event) -> str:
    """How far an event shows the run to be; empty if it does not show that."""
    match event:
        case Step():
            return f"training step {event.step} of {event.steps}"
        case Progress():
            return f"{event.what}, {event.done} of {event.total} {event.unit}"
    return ""


@cache
def _template(name: str) -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=_shown,
    )
    environment.filters |= {
        "bounds": bounds,
        "percent": percent,
        "duration": duration,
        "digest": _digest,
        "clock": _clock,
    }
    return environment.get_template(f"{name}.html.j2")


def _settings(job: Job) -> list[tuple[str, str, bool]]:
    """Every setting, its value, and whether it differs from the default."""
    rows = []
    for option in options():
        value = attrgetter(option.path)(job.settings)
        rows.append((option.path, "none" if value in (None, "", ()) else shown(value), value != option.default))
    for rule in job.settings.goal.rules:
        rows.append((f"rule: {rule.name}", f"{rule.kind} {rule.value}", True))
    return rows


def _hashes(facts: Facts) -> list[tuple[str, str]]:
    """What the result depends on, each with its SHA-256 or Git commit."""
    found = [("split", facts.split.hash)] if facts.split else []
    if facts.manifest:
        base = facts.manifest.base
        parts = (("revision", base.revision), ("weights", base.weights), ("template", base.template))
        found += [(f"base {part}", value) for part, value in parts if value]
        found += [(f"specialist/{name}", digest) for name, digest in facts.manifest.hashes.items()]
    return found


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")

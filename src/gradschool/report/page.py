"""One page about a run: what was climbed, what was proven, what each rung answered, and what it cost.

The page is one file without network, fonts or images from elsewhere; a content security policy with the hash of its
one small script keeps anything that a model wrote from ever running. It is made from the run's folder alone, so that
a run under way or interrupted has a page too.
"""

import base64
import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import TypeAdapter

from gradschool.data.check import check
from gradschool.data.read import read_examples
from gradschool.data.split import verify_split
from gradschool.errors import DataError, GradschoolError
from gradschool.files import read_lines
from gradschool.gates.gate import Measurements
from gradschool.gates.run import PACKAGE_GATES, run_gates
from gradschool.job import Job
from gradschool.package.card import bounds, difference, percent, verdict_sentence, verdict_words
from gradschool.records import Answer, Example, Gate, Scored
from gradschool.report.facts import Facts, read_facts
from gradschool.report.losses import loss_curves
from gradschool.run import Run
from gradschool.score.judge import score
from gradschool.score.metrics import find_metrics
from gradschool.settings import options, shown
from gradschool.version import __version__

MAX_QUESTIONS = 60  # shown side by side; the rest is counted
CLIP = 360  # characters of a text that stand open


@dataclass(frozen=True, slots=True)
class Token:
    """What one rung answered; `value` is None where the answer could not be scored again."""

    rung: str
    answer: Answer
    value: float | None
    failure: str
    parts: dict[str, float]


@dataclass(frozen=True, slots=True)
class Question:
    """A test question with the answers of all rungs side by side."""

    id: str
    question: str
    ideal: str
    said: list[Token]
    failed: bool


def page(run: Run) -> str:
    """Write one self-contained HTML page about a run, finished or not.

    Answers are scored again from the job's own examples; where those moved or changed, the page shows the scores
    that were written down, and says so. Raises DamagedError where a file of the run cannot be read.
    """
    facts = read_facts(run)
    questions, remark = side_by_side(facts)
    curves, loss_marks, logarithmic = loss_curves(facts.events)
    checks, reports = package_gates(facts), [r.report for r in facts.results if r.report]
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {"bounds": bounds, "percent": percent, "digest": _digest, "clock": _clock}
    return environment.get_template("page.html.j2").render(
        facts=facts,
        run=run,
        job=run.job.settings,
        headline=headline(facts, checks),
        checks=checks,
        tested=[result for result in facts.results if result.report],
        difference=difference,
        verdict=verdict_words,
        curves=curves,
        loss_marks=loss_marks,
        logarithmic=logarithmic,
        parts=list(dict.fromkeys(part for report in reports for part in report.parts)),
        kinds=list(dict.fromkeys(kind for report in reports for kind in report.failures)),
        reasons=_reasons(questions),
        questions=questions[:MAX_QUESTIONS],
        total=len(questions),
        remark=remark,
        clip=CLIP,
        notes=[event for event in facts.events if event.get("event") == "Note"],
        settings=_settings(run.job),
        hashes=_hashes(facts),
        version=__version__,
    )


def headline(facts: Facts, checks: Sequence[Gate]) -> tuple[str, str]:
    """The run's state in a word, and the verdict in a plain sentence."""
    chosen = facts.chosen
    if not facts.manifest:
        done = [result.rung for result in facts.results if result.report]
        so_far = f"put to the test so far: {', '.join(done)}" if done else "no rung was put to the test yet"
        return "unfinished", f"Not finished: {so_far}. There is no verdict about the whole climb yet."
    if chosen is None:
        return "unfinished", "A specialist is packaged, but the results of its rungs are missing from this run."
    if any(not gate.held for gate in (*chosen.gates, *checks)):
        return "failed", verdict_sentence(chosen, checks)
    assert chosen.report is not None
    return chosen.report.verdict, verdict_sentence(chosen)


def package_gates(facts: Facts) -> tuple[Gate, ...]:
    """Whether the package, opened anew, answered as the specialist that was scored; only known for local bases."""
    scored = facts.answers.get(facts.manifest.get("rung", ""), {})
    both = [id_ for id_ in facts.packaged if id_ in scored]
    if not both or facts.manifest["base"].get("kind") != "local":
        return ()
    answers = [scored[id_] for id_ in both], [facts.packaged[id_] for id_ in both]
    return run_gates(PACKAGE_GATES, Measurements(answers=answers))


def side_by_side(facts: Facts) -> tuple[list[Question], str]:
    """Test questions with every rung's answer, failures and lowest scores of the chosen rung first.

    The remark is empty, or says why answers could not be scored again.
    """
    job, remark = facts.run.job, ""
    asked: dict[str, tuple[str, str]] = {}
    rows: dict[str, dict[str, Scored]] = {}
    try:
        examples = _test_examples(job, facts)
        decides, also = find_metrics(job.settings.goal, job.folder, list(examples.values()))
        for rung, said in facts.answers.items():
            known = [examples[id_] for id_ in said if id_ in examples]
            scored = score(known, [said[example.id] for example in known], decides, also)
            rows[rung] = {row.id: row for row in scored}
        asked = {id_: (_conversation(example), example.ideal) for id_, example in examples.items()}
    except (GradschoolError, OSError) as error:
        form: TypeAdapter[Scored] = TypeAdapter(Scored)
        written = read_lines(facts.run.specialist / "evidence" / "test.jsonl") if facts.manifest else []
        evidence = {row["id"]: form.validate_python(row) for row in written}
        rows = {facts.manifest["rung"]: evidence} if evidence else {}
        asked = {row.id: (row.question, row.ideal) for row in evidence.values()}
        what = error.what if isinstance(error, GradschoolError) else str(error)
        where = "Only the packaged rung's are shown, as the package holds them." if evidence else "None are shown."
        remark = f"The answers could not be scored again: {what} {where}"
    order = list(dict.fromkeys(id_ for said in facts.answers.values() for id_ in said))
    questions = [_question(id_, asked.get(id_, ("", "")), facts, rows) for id_ in order]
    judged = facts.chosen.rung if facts.chosen else next(reversed(facts.answers), "")
    return sorted(questions, key=lambda question: _rank(question, judged)), remark


def _test_examples(job: Job, facts: Facts) -> dict[str, Example]:
    """The job's examples by id, if they are still those that were split."""
    examples = check(read_examples(job.path(job.settings.data.examples), job.settings.data)).examples
    split = facts.split
    if split is None:
        raise DataError("This run has no split yet.")
    divided = {*split.train, *split.validation, *split.test}
    try:
        verify_split(examples, split)
    except DataError:
        # Examples too long for the base were taken out before the split, which only the base itself can tell.
        verify_split([example for example in examples if example.id in divided], split)
    return {example.id: example for example in examples}


def _conversation(example: Example) -> str:
    turns = [message for message in example.question if message.role != "system"]
    if len(turns) == 1:
        return turns[0].content
    return "\n\n".join(f"{turn.role}: {turn.content}" for turn in turns)


def _question(id_: str, asked: tuple[str, str], facts: Facts, rows: Mapping[str, Mapping[str, Scored]]) -> Question:
    said = []
    for rung, answers in facts.answers.items():
        if id_ not in answers:
            continue
        row = rows.get(rung, {}).get(id_)
        failure = row.failure if row else answers[id_].failure
        told = f"{failure.kind}: {failure.reason}" if failure else ""
        said.append(Token(rung, answers[id_], row.value if row else None, told, row.parts if row else {}))
    return Question(id_, *asked, said, any(one.failure for one in said))


def _rank(question: Question, judged: str) -> tuple[bool, float]:
    """Where a question stands: by the chosen rung's answer, failures before low scores; unanswered ones last."""
    one = next((said for said in question.said if said.rung == judged), None)
    if one is None:
        return True, math.inf
    return not one.failure, math.inf if one.value is None else one.value


def _reasons(questions: Iterable[Question]) -> dict[str, str]:
    """One reason for each kind of failure, as an example."""
    failures = (said.failure.partition(": ") for question in questions for said in question.said if said.failure)
    return {kind: reason for kind, _, reason in reversed(list(failures))}


def _settings(job: Job) -> list[tuple[str, str, bool]]:
    """Every setting, its value, and whether the job set it other than by default."""
    written = job.settings.model_dump()
    rows = []
    for option in options():
        value: Any = written
        for key in option.path.split("."):
            value = value[key]
        rows.append((option.path, "none" if value in (None, "", ()) else shown(value), value != option.default))
    for rule in job.settings.goal.rules:
        rows.append((f"rule: {rule.name}", f"{rule.kind} {rule.value}", True))
    return rows


def _hashes(facts: Facts) -> list[tuple[str, str]]:
    """What the result hangs on, each with its SHA-256."""
    base = facts.manifest.get("base", {})
    found = [("split", facts.split.hash)] if facts.split else []
    found += [(f"base {part}", base[part]) for part in ("revision", "weights", "template") if base.get(part)]
    return found + [(f"specialist/{name}", digest) for name, digest in facts.manifest.get("hashes", {}).items()]


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")

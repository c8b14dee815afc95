"""One page about a run: what was climbed, what was proven, what each rung answered, and what it cost.

The page is one file without network, fonts or images from elsewhere; a content security policy with the hash of its
one small script keeps anything that a model wrote from ever running. It is made from the run's folder alone, so that
a run under way or interrupted has a page too.
"""

import base64
import hashlib
import math
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import TypeAdapter

from gradschool import __version__
from gradschool.data.check import check
from gradschool.data.read import read_examples
from gradschool.data.split import verify_split
from gradschool.errors import DataError, GradschoolError
from gradschool.files import read_json, read_lines
from gradschool.gates.parity import same_answers
from gradschool.package.card import ORDER, bounds, difference, percent, place, verdict_sentence, verdict_words
from gradschool.records import Answer, Example, Gate, RungResult, Scored, Split
from gradschool.run import Run
from gradschool.score.evaluate import score
from gradschool.score.metrics import find_metrics
from gradschool.settings import Job, options, shown

MOST_QUESTIONS = 60  # shown side by side; the rest is counted
CLIP = 360  # characters of a text that stand open
MOST_POINTS = 300  # of one line in a chart
SMOOTHING = 1 / 20  # of a training's steps goes into each point of the smoothed loss
LOG_RANGE = 6.0  # losses that differ by a greater factor are drawn on a logarithmic scale


@dataclass(frozen=True, slots=True)
class Facts:
    """What a run's folder says, read once: nothing in it need be there but run.json."""

    run: Run
    results: list[RungResult]
    candidates: dict[str, dict[str, Any]]
    answers: dict[str, dict[str, Answer]]  # by rung, then by example
    packaged: dict[str, Answer]
    events: list[dict[str, Any]]
    environment: dict[str, Any]
    manifest: dict[str, Any]
    split: Split | None

    @property
    def chosen(self) -> RungResult | None:
        """The rung that is packaged, or the highest that was put to the test so far."""
        tested = [result for result in self.results if result.report]
        return next((r for r in tested if r.rung == self.manifest.get("rung")), tested[-1] if tested else None)


@dataclass(frozen=True, slots=True)
class Said:
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
    said: list[Said]
    failed: bool


@dataclass(frozen=True, slots=True)
class Curve:
    """The loss of one training, in per cent of its panel: lines as SVG points, validation as (x, y, step, loss)."""

    label: str
    steps: int
    raw: str
    smooth: str
    validation: list[tuple[float, float, int, float]]
    validation_line: str
    best: tuple[int, float] | None
    marks: list[tuple[float, str]]  # of the axis of steps


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
        questions=questions[:MOST_QUESTIONS],
        total=len(questions),
        remark=remark,
        clip=CLIP,
        notes=[event for event in facts.events if event.get("event") == "Note"],
        settings=_settings(run.job),
        hashes=_hashes(facts),
        version=__version__,
    )


def read_facts(run: Run) -> Facts:
    """Read all that a run has written down so far."""
    form: TypeAdapter[Answer] = TypeAdapter(Answer)

    def answers(path: Path) -> dict[str, Answer]:
        return {row["id"]: form.validate_python(row["answer"]) for row in read_lines(path)}

    events = run.events()
    results: dict[str, RungResult] = {
        # A rung that could not run is only told as an event.
        e["rung"]: RungResult(e["rung"], None, skipped=e["skipped"])
        for e in events
        if e.get("event") == "RungResult" and e.get("skipped")
    }
    for path in sorted((run.folder / "done").glob("*-result.json")):
        result: RungResult = run.kept(path.stem, RungResult)
        results[result.rung] = result
    said = {path.stem.removesuffix("-test"): answers(path) for path in (run.folder / "answers").glob("*-test.jsonl")}
    packaged = said.pop("package", {})
    environment, manifest = run.folder / "environment.json", run.specialist / "specialist.toml"
    return Facts(
        run=run,
        results=sorted(results.values(), key=lambda result: place(result.rung)),
        candidates={rung: made for rung in ORDER if (made := run.kept(rung, dict[str, Any]))},
        answers={rung: said[rung] for rung in sorted(said, key=place)},
        packaged=packaged,
        events=events,
        environment=read_json(environment) if environment.exists() else {},
        manifest=tomllib.loads(manifest.read_text(encoding="utf-8")) if manifest.exists() else {},
        split=run.kept("split", Split),
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


def package_gates(facts: Facts) -> list[Gate]:
    """Whether the package, opened anew, answered as the specialist that was scored; only known for local bases."""
    scored = facts.answers.get(facts.manifest.get("rung", ""), {})
    both = [id_ for id_ in facts.packaged if id_ in scored]
    if not both or facts.manifest["base"].get("kind") != "local":
        return []
    return [same_answers([scored[id_] for id_ in both], [facts.packaged[id_] for id_ in both])]


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
        said.append(Said(rung, answers[id_], row.value if row else None, told, row.parts if row else {}))
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


def loss_curves(events: Iterable[Mapping[str, Any]]) -> tuple[list[Curve], list[tuple[float, str]], bool]:
    """One curve per training on a common scale, the marks of that scale, and whether it is logarithmic."""
    trainings = [list(steps.values()) for steps in _trainings(events)]
    losses = [loss for steps in trainings for step in steps for loss in _losses(step)]
    if not losses:
        return [], [], False
    low, high = min(losses), max(losses)
    logarithmic = low > 0 and high / low > LOG_RANGE
    if logarithmic:
        marks = [m * 10.0**e for e in range(-6, 7) for m in (1, 2, 5) if low <= m * 10.0**e <= high]
    else:
        marks = _marks(min(low, 0.9 * high), high)
        low, high = min(low, marks[0]), max(high, marks[-1])

    def height(loss: float) -> float:
        part = math.log(loss / low) / math.log(high / low) if logarithmic else (loss - low) / ((high - low) or 1)
        return round(100 * (1 - part), 2)

    final = max(range(len(trainings)), key=lambda i: (trainings[i][-1]["steps"], i))
    curves = []
    for number, steps in enumerate(trainings):
        rate = max(step["learning_rate"] for step in steps)
        label = "the training" if number == final else "short trial"
        curves.append(_curve(f"{label}, learning rate {rate:.2g}", steps, height))
    return [curves[final], *curves[:final], *curves[final + 1 :]], [(height(m), f"{m:g}") for m in marks], logarithmic


def _trainings(events: Iterable[Mapping[str, Any]]) -> list[dict[int, Mapping[str, Any]]]:
    """Step events by training. One that was resumed takes up some steps again: what was done last counts."""
    trainings: list[dict[int, Mapping[str, Any]]] = []
    began = (0, 0.0)
    for event in events:
        if event.get("event") != "Step" or not all(map(math.isfinite, _losses(event))):
            continue
        number, beginning = event["step"], (event["steps"], event["learning_rate"])
        # One that begins with another length or rate is another training; the same one was interrupted early.
        if event["steps"] != began[0] or (number == 1 and beginning != began):
            trainings.append({})
            began = beginning
        trainings[-1] = {step: kept for step, kept in trainings[-1].items() if step < number} | {number: event}
    return trainings


def _losses(step: Mapping[str, Any]) -> list[float]:
    return [loss for loss in (step["loss"], step.get("validation_loss")) if loss is not None]


def _curve(label: str, steps: Sequence[Mapping[str, Any]], height: Callable[[float], float]) -> Curve:
    first: int = steps[0]["step"]
    last = max(int(steps[-1]["step"]), first + 1)

    def across(step: int) -> float:
        return round(100 * (step - first) / (last - first), 2)

    def line(points: Sequence[tuple[int, float]]) -> str:
        kept = points[:: max(1, len(points) // MOST_POINTS)]
        return " ".join(f"{across(step)},{height(loss)}" for step, loss in kept)

    raw = [(step["step"], step["loss"]) for step in steps]
    validation = [(step["step"], step["validation_loss"]) for step in steps if step.get("validation_loss") is not None]
    best = min(validation, key=lambda point: point[1], default=None)
    return Curve(
        label=label,
        steps=len(steps),
        raw=line(raw),
        smooth=line(_smoothed(raw)),
        validation=[(across(step), height(loss), step, loss) for step, loss in validation],
        validation_line=line(validation),
        best=best,
        marks=[(across(step), f"{step:,}") for step in (first, (first + last) // 2, last)],
    )


def _smoothed(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Means over the points around each point."""
    reach = max(1, round(len(points) * SMOOTHING / 2))
    smooth = []
    for i, (step, _) in enumerate(points):
        near = [loss for _, loss in points[max(0, i - reach) : i + reach + 1]]
        smooth.append((step, sum(near) / len(near)))
    return smooth


def _marks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers for an axis from `low` to `high`, one below and one above included."""
    rough = (high - low or 1) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough)
    return [round(i * step, 10) for i in range(math.floor(low / step), math.ceil(high / step) + 1)]


def _settings(job: Job) -> list[tuple[str, str, bool]]:
    """Every setting, its value, and whether the job set it other than by default."""
    written = job.settings.model_dump()
    rows = []
    for option in options():
        if option.path == "goal.rules":
            continue  # each stands below by its name
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

"""The report page: complete, safe for any text of a model, and available for an unfinished run."""

import json
import math
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter

from gradschool.data.check import check
from gradschool.data.proof import look_level
from gradschool.data.read import read_examples
from gradschool.data.split import freeze_split, split_of
from gradschool.files import append_line
from gradschool.job import Job
from gradschool.model.fake import FakeEngine
from gradschool.package.bundle import pack
from gradschool.records import Answer, Example, Failure, Gate, Note, RungResult, Scored, Step, Work
from gradschool.report.losses import loss_curves
from gradschool.report.page import MAX_QUESTIONS, page
from gradschool.run import Run
from gradschool.run_keys import SPLIT, Key, result_key
from gradschool.score.judge import judge, score
from gradschool.score.metrics import find_metrics
from gradschool.settings import Settings
from gradschool.specialist import Recipe, Specialist

HOSTILE = "</dd></script><script>alert('ran')</script><img src=http://evil.example/x onerror=alert(1)>"
GATES = (Gate("forgetting", True, "the loss on general text rose by 0.04"),)


class Made:
    """A run built as a climb builds it, step by step, with answers given instead of a model's."""

    def __init__(self, folder: Path, job: Job) -> None:
        self.run = Run.start(job, folder)
        self.examples = check(read_examples(job.path(job.settings.data.examples), job.settings.data)).examples
        self.split = freeze_split(self.examples, job.settings.split, job.settings.goal, [], 4)
        self.run.save(SPLIT, self.split)
        self.test = split_of(self.examples, self.split)[2]
        self.below: tuple[str, list[Scored]] | None = None
        self.results: list[RungResult] = []

    def write(self, *events: Note | Step | RungResult) -> None:
        def work() -> Work[None]:
            yield from events

        for _ in self.run.recorded(work()):
            pass

    def answer(self, rung: str, answers: Sequence[Answer]) -> None:
        form: TypeAdapter[Answer] = TypeAdapter(Answer)
        for example, said in zip(self.test, answers, strict=False):
            row = {"id": example.id, "answer": form.dump_python(said, mode="json")}
            append_line(self.run.test_answers(rung), row)

    def rung(self, name: str, say: Callable[[int, Example], Answer], recipe: str, tried: object = ()) -> None:
        settings = self.run.job.settings
        answers = [say(number, example) for number, example in enumerate(self.test)]
        self.answer(name, answers)
        rows = score(self.test, answers, *find_metrics(settings.goal, self.run.job.folder, self.examples))
        report = judge(rows, settings.goal, look_level(0.05, 4), self.below)
        gates = GATES if name == "tune" else ()
        result = RungResult(name, report, gates, "", recipe, 84.0, 2_100_000_000, 130_000 if name == "tune" else 0)
        made = {"recipe": asdict(Recipe()), "validation": report.score.mean - 0.01, "tried": tried}
        if name == "tune":
            made["causes"] = {"answers": 8, "citations": 9, "bearing": 2 / 3, "drop": 3.21}
        self.run.save(Key(name, dict[str, object]), made)
        self.results.append(self.run.save(result_key(name), result))
        self.write(result)
        self.below = (name, rows)

    def pack(self) -> None:
        assert self.below is not None
        specialist = Specialist(FakeEngine(), Recipe(instructions="Answer <b>well</b>."))
        work = pack(self.run, specialist, self.results[-1], self.results, self.below[1], self.split, ())
        for _ in work:
            pass


def steps(rate: float, count: int, start: float) -> list[Step]:
    noise = random.Random(0)
    found = []
    for number in range(1, count + 1):
        loss = start * math.exp(-4 * number / count) + 0.3 + noise.uniform(-0.08, 0.08)
        held = 0.1 + start * math.exp(-3 * number / count) + 0.35 if number % (count // 6) == 0 else None
        found.append(Step(number, count, number / 20, loss, rate * min(1, number / 5), 900 * number, held))
    return found


def climbed(made: Made, known: float) -> None:
    """The usual course: base, prompt, no documents, then a training that passes."""

    def base(number: int, example: Example) -> Answer:
        if number % 9 == 0:
            return Answer("", prompt_tokens=30)
        if number % 9 == 1:
            return Answer(HOSTILE, prompt_tokens=30, new_tokens=12, seconds=0.2)
        return Answer(f"I think that {example.last_user}", prompt_tokens=30, new_tokens=14, seconds=0.21)

    def prompt(number: int, example: Example) -> Answer:
        if number == 4:
            return Answer("", "error", failure=Failure("server", f"It said {HOSTILE}"))
        text = example.ideal if number % 2 else "It says: " + example.ideal[: len(example.ideal) // 2]
        return Answer(text, prompt_tokens=412, new_tokens=13, seconds=0.6)

    def tune(number: int, example: Example) -> Answer:
        text = example.ideal if number % 40 else example.ideal[::-1]
        return Answer(text, prompt_tokens=61, new_tokens=11, seconds=0.26)

    made.write(Note(f"{len(made.examples)} usable examples."), Note(HOSTILE, "warning"))
    made.rung("base", base, "no help")
    made.rung("prompt", prompt, "instructions + 4 nearest examples", [["instructions", 0.41], ["2 fixed", 0.52]])
    made.write(RungResult("ground", None, skipped="the job names no documents"))
    for rate in (0.0005, 0.001, 0.002):
        made.write(*steps(rate, 30, 3.2 - 100 * rate))
    made.write(*steps(known, 120, 3.2))
    made.rung("tune", tune, "instructions + adapter", [["learning rate 0.001, loss in a short trial", 0.61]])
    made.results.append(RungResult("ground", None, skipped="the job names no documents"))
    made.results.sort(key=lambda result: result.rung == "tune")


@pytest.fixture
def job(tmp_path: Path) -> Job:
    words = ["clause", "tenant", "rent", "notice", "deposit", "repair", "fee", "month", "court", "key", "lamp", "roof"]
    rows = []
    for number in range(360):
        chance = random.Random(number)
        question = f"Question {number}: " + " ".join(chance.choices(words, k=12))
        rows.append({"id": f"q{number}", "prompt": question, "completion": " ".join(chance.choices(words, k=9))})
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    goal = {
        "metric": "token_f1",
        "pass_mark": 0.8,
        "extra_metrics": ["rouge_l"],
        "rules": [{"name": f"no {HOSTILE}", "kind": "not_contains", "value": "<script>"}],
    }
    settings = {"task": f"Say it plainly. {HOSTILE}", "goal": goal, "split": {"max_test": 90}}
    return Job("contracts", tmp_path / "job", Settings.model_validate(settings))


@pytest.fixture
def made(tmp_path: Path, job: Job) -> Made:
    return Made(tmp_path / "runs" / "contracts-1", job)


class Outline(HTMLParser):
    """What a browser would find: every tag with its attributes, and whether tags close in order."""

    VOID = ("meta", "br", "input", "img", "link")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


def test_a_finished_run(made: Made) -> None:
    climbed(made, 0.001)
    made.pack()
    text = page(made.run)
    outline = Outline(text)
    assert "Passed: the tune rung is proven to reach the pass mark of 0.8" in text
    assert "the job names no documents" in text
    for result in made.results:
        if result.report:
            assert f"{result.report.score.mean:.3f} · {result.report.verdict}" in text
            assert f"{result.report.score.interval.low:.3f} to {result.report.score.interval.high:.3f}" in text
    assert "the loss on general text rose by 0.04" in text
    assert outline.count("article") == min(MAX_QUESTIONS, len(made.test))
    assert f"{MAX_QUESTIONS} of {len(made.test)} questions" in text
    assert "The training, learning rate 0.001" in text
    assert text.count("Short trial, learning rate") == 3
    assert made.split.hash in text
    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [attributes["href"] or "" for tag, attributes in outline.tags if tag == "a"]
    assert {link.removeprefix("#") for link in links} <= set(ids)


def test_a_run_is_named_by_its_folder_even_from_inside_it(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made.run.folder)
    for folder in (made.run.folder, Path()):
        assert f"</span> {made.run.folder.name}</h1>" in page(Run.open(folder))


def test_untrusted_text_neither_runs_nor_loads_anything(made: Made) -> None:
    climbed(made, 0.001)
    made.pack()
    text = page(made.run)
    outline = Outline(text)
    assert outline.count("script") == 1
    assert not {"img", "link", "iframe", "object", "base", "form"} & {tag for tag, _ in outline.tags}
    assert not [name for _, attributes in outline.tags for name in attributes if name.startswith("on")]
    assert not [a for _, attributes in outline.tags for a in ("src", "srcset", "action", "style") if a in attributes]
    assert "url(" not in text
    assert "@import" not in text
    assert "alert(&#39;ran&#39;)" in text
    assert "default-src &#39;none&#39;" in text or "default-src 'none'" in text


def test_long_answers_are_cut_off(made: Made) -> None:
    made.answer("base", [Answer("so long " * 80_000)] * 3)
    text = page(made.run)
    assert len(text) < 800_000 and "590,000 more characters" in text


def test_the_script_is_the_one_that_the_policy_allows(made: Made) -> None:
    import base64
    import hashlib

    climbed(made, 0.001)
    text = page(made.run)
    script = text[text.index("<script>") + 8 : text.index("</script>", text.index("<script>"))]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in text
    assert "&lt;" not in script
    assert "&amp;" not in script


def test_failures_and_lowest_scores_come_first(made: Made) -> None:
    climbed(made, 0.001)
    made.pack()
    shown = re.findall(r"<dt><b>tune</b><span>([\d.]+|failed)</span>", page(made.run))
    values = [-1.0 if value == "failed" else float(value) for value in shown]
    assert values == sorted(values)
    assert values[0] < 0.5


@pytest.mark.parametrize("rungs", [0, 1, 2])
def test_an_interrupted_run_shows_what_there_is(made: Made, rungs: int) -> None:
    said = Answer("a roof", prompt_tokens=9, new_tokens=2, seconds=0.1)
    for name in ("base", "prompt")[:rungs]:
        made.rung(name, lambda number, example: said, "no help")
    if rungs:
        made.answer("tune", [said] * 7)
        made.write(*steps(0.001, 30, 3.0)[:11])
    text = page(made.run)
    Outline(text)
    assert "Not finished" in text
    assert "--resume" in text
    if rungs:
        assert "training step 11 of 30" in text
        assert f"The tune rung is being tested: 7 of {len(made.test)} test questions" in text


def test_a_run_with_only_its_job_has_a_page(made: Made) -> None:
    for path in ("environment.json", "done/split.json"):
        (made.run.folder / path).unlink()
    text = page(made.run)
    Outline(text)
    assert "no rung has been tested yet" in text


@pytest.mark.parametrize("change", ["gone", "changed"])
def test_moved_examples_are_reported_and_the_saved_scores_are_shown(made: Made, change: str) -> None:
    climbed(made, 0.001)
    made.pack()
    path = made.run.job.folder / "examples.jsonl"
    if change == "gone":
        path.unlink()
    else:
        path.write_text(path.read_text().replace('"completion": "', '"completion": "not '))
    text = page(made.run)
    Outline(text)
    assert "could not be scored again" in text
    assert made.test[0].ideal in text
    assert "not scored" in text
    assert re.search(r"<dt><b>tune</b><span>[\d.]+</span>", text)


def test_a_package_with_other_answers_does_not_pass(made: Made) -> None:
    climbed(made, 0.001)
    made.pack()
    manifest = made.run.specialist / "specialist.toml"
    manifest.write_text(manifest.read_text().replace('kind = "fake"', 'kind = "local"'))
    made.answer("package", [Answer("something else")] * 5)
    text = page(made.run)
    assert "Not passed: the tune rung is rejected" in text
    assert "0 of 5 test answers are the same" in text


def test_the_share_of_citations_that_bear_their_answer_is_a_line(made: Made) -> None:
    climbed(made, 0.001)
    made.pack()
    line = "Citations of 8 validation answers: 67% of 9 bear their answer"
    assert line in page(made.run) and "3.21 nats" in page(made.run)


def test_a_failed_gate_is_reported(made: Made) -> None:
    made.rung("base", lambda number, example: Answer(example.ideal), "no help")
    result = replace(made.results[0], gates=(Gate("it learnt to stop", False, "3 of 90 answers stopped"),))
    (made.run.folder / "done" / "base-result.json").unlink()
    made.run.save(result_key("base"), result)
    text = page(made.run)
    assert "passed, gate failed" in text
    assert "3 of 90 answers stopped" in text


def test_the_packaged_card_parses_back(made: Made) -> None:
    climbed(made, 0.001)
    made.pack()
    card = (made.run.specialist / "README.md").read_text()
    header = yaml.safe_load(card.split("---\n")[1])
    assert header["model-index"][0]["name"] == "contracts"
    assert header["library_name"] == "peft"


def test_losses_of_a_training_that_was_resumed_are_one_curve() -> None:
    whole = steps(0.001, 30, 3.0)
    [once], marks, _ = loss_curves(whole)
    [resumed], _, _ = loss_curves([*whole[:17], *whole[12:]])
    [again], _, _ = loss_curves([*whole[:4], *whole])
    assert once == resumed == again
    assert all(0 <= height <= 100 for height, _ in marks)
    assert once.best is not None
    assert once.best[0] == 30


def test_trainings_are_labelled_by_their_names() -> None:
    lengths = {"trial-0.001": 6, "trial-0.002": 6, "training": 12, "curve-40-training": 18, "curve-80-training": 18}
    named = [replace(step, training=name) for name, count in lengths.items() for step in steps(0.001, count, 3.0)]
    rate = ", learning rate 0.001"
    trials, curve = [f"short trial{rate}"] * 2, [f"learning curve, {n} examples{rate}" for n in (40, 80)]
    assert [one.label for one in loss_curves(named)[0]] == [f"the training{rate}", *trials, *curve]
    older = [replace(one, training="") for one in named[:24]]
    assert [one.label for one in loss_curves(older)[0]] == [f"the training{rate}", trials[0]]


def test_losses_that_are_constant_or_broken_still_make_a_page() -> None:
    flat = [Step(n, 3, 1.0, 0.0, 0.001, 10) for n in (1, 2, 3)]
    broken = [Step(1, 3, 1.0, math.nan, 0.001, 10)]
    assert len(loss_curves(flat)[0]) == 1
    assert loss_curves(broken)[0] == []
    assert loss_curves([]) == ([], [], False)

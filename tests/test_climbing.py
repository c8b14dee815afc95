"""A complete climb: a folder of examples becomes a specialist, and every claim about it has its evidence."""

import json
import tomllib
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

import small_job
from finish import finish
from gradschool.climbing import climb
from gradschool.data.proof import Looks
from gradschool.files import sha256, sha256_of
from gradschool.job import read_job
from gradschool.package.bundle import open_specialist
from gradschool.package.manifest import read_manifest
from gradschool.records import Gate, Note, RungResult, Work
from gradschool.report.page import page
from gradschool.run import Run
from gradschool.rungs.base import BASE
from gradschool.rungs.rung import Candidate, Rung, RungInputs
from gradschool.runs import compare_runs
from gradschool.specialist import Specialist
from model_server import server
from small_job import Whole

Serve = Callable[[type[BaseHTTPRequestHandler]], str]
RUNGS = ("base", "prompt", "ground", "tune")
STARTED = ("run.json", "environment.json", "events.jsonl")


@pytest.mark.slow
def test_a_climb_ends_with_a_ladder_a_verdict_and_what_to_type_next(whole: Whole) -> None:
    climbed = whole.done("climbed")
    assert whole.code == (0 if climbed["verdict"] == "passed" else 3), whole.complained
    assert "Traceback" not in whole.complained
    said = whole.said
    ladder, _, after = said.partition("The ladder: token_f1")[2].partition("test examples in")
    assert all(f"\n  {rung} " in ladder for rung in RUNGS)
    assert "difference" in ladder and "vs base" in ladder
    sentences = [line for line in after.splitlines() if line.startswith(("Passed: ", "Not passed: ", "Not proven: "))]
    assert len(sentences) == 1 and "0.999" in sentences[0] and climbed["rung"] in sentences[0]
    following = after.partition("Next:\n")[2]
    for command in ("report", "chat", "answer"):
        assert f"  gradschool {command} runs/orders-1" in following


@pytest.mark.slow
def test_every_rung_saves_its_answers_and_its_result(whole: Whole) -> None:
    for name in STARTED:
        assert (whole.run / name).stat().st_size > 0
    split, said = whole.done("split"), small_job.answers(whole.run)
    for rung in RUNGS:
        assert [id_ for id_, _ in said[f"{rung}-test"]] == sorted(split["test"])
        asked = [id_ for id_, _ in said[f"{rung}-validation"]]
        assert set(asked) == set(split["validation"])
        result = whole.done(f"{rung}-result")
        assert result["report"]["score"]["examples"] == len(split["test"])
        assert result["seconds"] > 0 and result["peak_memory"] > 1e6
        assert set(result["report"]["parts"]) == {"exact_match", "short", "rules"}
    # The instructions alone and sets of two examples were tried, and not all of them on all questions.
    assert len(said["prompt-validation"]) == 9 * 4 + 8 * 2  # all nine on four questions, eight on the other two
    assert set(id_ for id_, _ in said["prompt-own"]) <= set(split["train"])
    assert whole.done("tune")["tokens_trained"] > 0
    assert not list((whole.run / "work" / "tune").glob("*.safetensors"))  # checkpoints


@pytest.mark.slow
def test_looks_that_can_pass_share_the_error_budget_and_rungs_are_compared_in_pairs(whole: Whole) -> None:
    before: list[str] = []
    looks = Looks(0.05, 4)
    for rung in RUNGS:
        report, highest = whole.done(f"{rung}-result")["report"], whole.done(rung)["highest"]
        can_pass = highest >= report["pass_mark"]
        assert report["validation_high"] == (None if can_pass else highest)
        assert report["score"]["interval"]["level"] == pytest.approx(looks.level)
        looks = looks.after(can_pass)
        assert report["score"]["interval"]["low"] <= report["score"]["mean"] <= report["score"]["interval"]["high"]
        start = max(before, key=lambda name: whole.done(name)["validation"], default=None)
        assert (report["difference"] or {}).get("other") == start
        scores = {name: whole.done(f"{name}-result")["report"]["score"]["mean"] for name in before}
        best = max(scores, key=lambda name: (scores[name], name == start), default=None)
        assert (report["best_difference"] or {}).get("other") == (None if best == start else best)
        before.append(rung)


@pytest.mark.slow
def test_training_lowers_the_loss_and_changes_answers(whole: Whole) -> None:
    steps = [event for event in whole.events if event["event"] == "Step"]
    longest = max(step["steps"] for step in steps)
    training = [step for step in steps if step["steps"] == longest]
    assert len(steps) > len(training)  # the two trials come first
    losses = [step["validation_loss"] for step in training if step["validation_loss"] is not None]
    assert min(losses) < losses[0]
    assert training[-1]["loss"] < training[0]["loss"]
    untuned, tuned = (dict(small_job.answers(whole.run)[name]) for name in ("tune-untuned", "tune-validation"))
    assert any(untuned[id_] != tuned[id_] for id_ in untuned)
    gates = {gate["name"]: gate for gate in whole.done("tune")["gates"]}
    assert len(gates) == 6 and all(gate["evidence"] for gate in gates.values())
    assert len(whole.done("tune")["tried"]) == 2


@pytest.mark.slow
def test_the_package_is_complete_and_contains_the_evidence(whole: Whole) -> None:
    manifest = read_manifest(whole.specialist)
    climbed = whole.done("climbed")
    assert manifest.rung == climbed["rung"] and manifest.split == whole.done("split")["hash"]
    assert manifest.verdict == ("passed" if climbed["verdict"] == "passed" else "not passed")
    [parity] = climbed["gates"]
    assert parity["held"], parity["evidence"]
    recipe = whole.done(climbed["rung"])["recipe"]
    for part in ("adapter", "index"):
        assert (whole.specialist / part).is_dir() == bool(recipe[part])
    card = (whole.specialist / "README.md").read_text()
    assert card.startswith("---\n") and "model-index" in card
    evidence = whole.specialist / "evidence"
    told = [json.loads(line) for line in (evidence / "test.jsonl").read_text().splitlines()]
    assert [row["id"] for row in told] == whole.done("split")["test"]
    assert {row["rung"] for row in json.loads((evidence / "results.json").read_text())} == set(RUNGS)
    assert str(whole.home) not in card


@pytest.mark.slow
def test_the_trained_adapter_is_in_the_format_of_peft(whole: Whole) -> None:
    folder = Path(whole.done("tune")["recipe"]["adapter"])
    config = json.loads((folder / "adapter_config.json").read_text())
    assert (config["peft_type"], config["r"], config["base_model_name_or_path"]) == ("LORA", 4, "pocket")
    if whole.done("climbed")["rung"] == "tune":
        packaged = whole.specialist / "adapter" / "adapter_model.safetensors"
        assert sha256(packaged) == sha256(folder / "adapter_model.safetensors")


class Loads(HTMLParser):
    """Collects what a browser would fetch for a page."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name in ("src", "srcset", "poster", "data") or (name == "href" and tag != "a"):
                self.fetched.append(f"{tag} {name}={value}")


@pytest.mark.slow
def test_the_report_page_is_self_contained(whole: Whole, tmp_path: Path) -> None:
    result = small_job.run("report", whole.run, "--output", tmp_path / "page.html")
    assert result.exit_code == 0 and "page.html" in result.stdout
    text = (tmp_path / "page.html").read_text()
    loads = Loads()
    loads.feed(text)
    assert not [one for one in loads.fetched if not one.split("=", 1)[1].startswith(("#", "data:"))]
    assert "@import" not in text and "url(http" not in text
    assert {"table", "svg"} <= loads.tags
    assert all(id_ in text for id_ in whole.done("split")["test"])


SERVED = """
task = "Say it back."
base_model = "fake"
[data]
examples = "examples.jsonl"
[goal]
metric = "exact_match"
pass_mark = {mark}
[split]
max_test = 40
[prompt]
shots = [0, 2]
"""


def echoes(count: int) -> list[dict[str, str]]:
    """Rows whose ideal answer is the question itself, as the fake engine answers."""
    return [{"id": row["id"], "prompt": row["prompt"], "completion": row["prompt"]} for row in small_job.rows(count)]


def test_a_base_that_passes_ends_the_climb(tmp_path: Path) -> None:
    job = small_job.write_job(tmp_path / "echo", SERVED.format(mark=0.7), echoes(72))
    result = small_job.run("climb", job, "--run", tmp_path / "run")
    assert result.exit_code == 0, result.output
    assert "Passed: the base rung is proven to reach the pass mark of 0.7" in result.stdout
    climbed = json.loads((tmp_path / "run" / "done" / "climbed.json").read_text())
    assert [row["rung"] for row in climbed["results"]] == ["base"] and climbed["remedies"] == []
    assert not (tmp_path / "run" / "done" / "prompt.json").exists()
    manifest = tomllib.loads((tmp_path / "run" / "specialist" / "specialist.toml").read_text())
    assert (manifest["rung"], manifest["verdict"]) == ("base", "passed")


def test_a_rung_that_cannot_run_is_skipped_with_the_reason(tmp_path: Path) -> None:
    backwards = [{**row, "completion": row["prompt"][::-1]} for row in echoes(72)]
    job = small_job.write_job(tmp_path / "echo", SERVED.format(mark=0.7), backwards)
    result = small_job.run("climb", job, "--run", tmp_path / "run")
    assert result.exit_code == 3, result.output
    results = {
        row["rung"]: row for row in json.loads((tmp_path / "run" / "done" / "climbed.json").read_text())["results"]
    }
    assert "no documents" in results["ground"]["skipped"] and "not on this machine" in results["tune"]["skipped"]
    assert all(results[rung]["report"] for rung in ("base", "prompt"))
    # Only two rungs can look at the test set; the base cannot pass, so its half of the budget is left for the prompt.
    assert [results[rung]["report"]["score"]["interval"]["level"] for rung in ("base", "prompt")] == [0.975, 0.95]
    assert results["base"]["report"]["verdict"] == "failed" and results["base"]["report"]["validation_high"] < 0.7
    assert "failed on" in result.stdout and "97.5% (base), 95% (prompt) confidence" in result.stdout
    assert "Not passed: the best on validation is the base rung" in result.stdout
    assert "The tune rung could not run" in result.stdout


def test_a_rung_needs_only_its_definition_and_its_entry_in_the_ladder(tmp_path: Path) -> None:
    """A toy rung is climbed, judged, packaged and reported, and its advice is shown."""

    def make(best: Specialist, inputs: RungInputs) -> Work[Candidate]:
        yield Note("toy: here we go.")
        recipe = replace(best.recipe, instructions="Play.")
        return Candidate(recipe, 1.0, (("toy", 1.0),), (Gate("toys are safe", True, "2 of 2"),), advice=("More toys.",))

    toy = Rung("toy", make, lambda job, engine: "", "a game")
    never = Rung("never", make, lambda job, engine: "it never runs", "nothing")
    backwards = [{**row, "completion": row["prompt"][::-1]} for row in echoes(72)]
    job = read_job(small_job.write_job(tmp_path / "echo", SERVED.format(mark=0.7), backwards))
    run = Run.start(job, tmp_path / "run")
    climbed, events = finish(run.recorded(climb(run, (BASE, never, toy))))
    assert [result.rung for result in climbed.results] == ["base", "never", "toy"]
    assert [event for event in events if isinstance(event, RungResult)] == list(climbed.results)
    levels = [result.report.score.interval.level for result in climbed.results if result.report]
    assert levels == [0.975, 0.95]  # two rungs can run, and the base cannot pass
    assert climbed.results[2].report.difference.other == "base"
    assert (climbed.rung, climbed.verdict) == ("toy", "failed") and "More toys." in climbed.remedies
    specialist, _ = finish(open_specialist(run.specialist))
    assert specialist.recipe.instructions == "Play."
    written = page(run, (BASE, never, toy))
    assert "base (the model alone), never (nothing), toy (a game)." in written
    for text in (written, (run.specialist / "README.md").read_text()):
        assert "toy" in text and "toys are safe" in text and "it never runs" in text
    again, events = finish(climb(Run.open(run.folder), (BASE, never, toy)))
    assert again == climbed and not any(isinstance(event, Note) and "toy: here" in event.text for event in events)


def test_a_look_whose_verdict_is_certain_asks_no_further_question(tmp_path: Path) -> None:
    """Report, card, package and comparisons say which questions were asked, and are complete without the others."""
    hopeful = Rung(
        "hopeful",
        lambda best, inputs: _made(Candidate(replace(best.recipe, instructions="Play."), 1.0)),
        lambda job, engine: "",
        "a game",
    )
    backwards = [{**row, "completion": row["prompt"][::-1]} for row in echoes(72)]
    job = read_job(small_job.write_job(tmp_path / "echo", SERVED.format(mark=0.7), backwards))
    run = Run.start(job, tmp_path / "run")
    climbed, _ = finish(run.recorded(climb(run, (BASE, hopeful))))
    base, result = climbed.results
    total = base.report.score.examples
    assert base.report.use.unasked == 0  # it failed on validation: its test score is only reported
    assert (result.report.verdict, climbed.rung) == ("failed", "hopeful")
    assert result.report.use.unasked > 5 and result.report.score.examples + result.report.use.unasked == total
    assert len(run.test_answers("hopeful").read_text().splitlines()) == result.report.score.examples
    said = f"hopeful: {result.report.use.unasked} of {total} questions were not asked"
    written, evidence = page(run, (BASE, hopeful)), run.specialist / "evidence"
    assert said in written and "not asked</span>" in written
    assert said in (run.specialist / "README.md").read_text()
    for name in ("test.jsonl", "questions.jsonl"):
        assert len((evidence / name).read_text().splitlines()) == result.report.score.examples
    compared = compare_runs(run.folder, run.folder).difference
    assert compared and compared.mean == 0
    again, _ = finish(climb(Run.open(run.folder), (BASE, hopeful)))
    assert again == climbed


def _made(candidate: Candidate) -> Work[Candidate]:
    yield Note("Made.")
    return candidate


def test_too_few_correct_answers_for_the_pass_mark_are_not_proven(tmp_path: Path) -> None:
    job = small_job.write_job(tmp_path / "echo", SERVED.format(mark=0.99), echoes(40))
    result = small_job.run("climb", job, "--run", tmp_path / "run")
    assert result.exit_code == 3, result.output
    report = json.loads((tmp_path / "run" / "done" / "base-result.json").read_text())["report"]
    assert (report["verdict"], report["score"]["mean"]) == ("not proven", 1.0)
    assert report["more_examples"] > 100
    assert f"{report['more_examples']} more test examples" in result.stdout


def test_test_examples_are_used_for_the_verdict_only(tmp_path: Path) -> None:
    """Choices are made on validation: only the final candidate of a rung answers test questions."""
    job = small_job.write_job(tmp_path / "echo", SERVED.format(mark=0.99), echoes(72))
    small_job.run("climb", job, "--run", tmp_path / "run")
    split = json.loads((tmp_path / "run" / "done" / "split.json").read_text())
    for name, said in small_job.answers(tmp_path / "run").items():
        ends = name.rpartition("-")[2]
        part = {"test": "test", "own": "train", "train": "train"}.get(ends, "validation")
        assert {id_ for id_, _ in said} <= set(split[part]), name
    assert not {*split["test"]} & {*split["train"], *split["validation"]}


RULES = """
[[goal.rules]]
name = "short"
kind = "max_words"
value = 30
[[goal.rules]]
name = "polite"
kind = "not_contains"
value = "nonsense"
"""


def test_a_climb_that_trivial_answers_would_pass_does_not_pass(tmp_path: Path) -> None:
    """Every repeated question follows the rules, so that following them proves nothing."""
    text = SERVED.format(mark=0.6).replace("exact_match", "rules") + RULES
    job = small_job.write_job(tmp_path / "echo", text, echoes(72))
    result = small_job.run("climb", job, "--run", tmp_path / "run")
    assert result.exit_code == 3, result.output
    assert "The pass mark of 0.6 is not above the floor: repeating the question scores 1.000" in (
        " ".join(result.stdout.split())
    )
    assert "Do not use it: its test score is 1.000 (pass mark 0.6), but no model is needed" in result.stdout
    assert "more test examples" not in result.stdout.partition("Do not use it")[2]
    ladder = result.stdout.partition("The ladder: rules")[2]
    assert ladder.count("\n  floor ") == 4 and "only reported" in ladder and "vs floor" in ladder
    climbed = json.loads((tmp_path / "run" / "done" / "climbed.json").read_text())
    report = climbed["results"][0]["report"]
    assert (climbed["verdict"], report["verdict"]) == ("not proven", "not proven")
    floors = {floor["kind"]: (floor["score"]["mean"], floor["binding"]) for floor in report["floors"]}
    assert floors == {"constant": (1, False), "nearest": (1, False), "question": (1, True), "letter": (1, True)}
    assert climbed["remedies"][0].startswith("A higher pass mark: 0.6 is not above 1.000")
    small_job.run("report", tmp_path / "run")
    page_text, card = (tmp_path / "run" / "report.html").read_text(), tmp_path / "run" / "specialist" / "README.md"
    for shown in (page_text, card.read_text()):
        assert "repeating the question" in shown and "only reported" in shown
    scored = small_job.run("score", tmp_path / "run", job / "examples.jsonl", "--with-known")
    assert "not proven above floor" in scored.stdout and "floor: repeating the question" in scored.stdout


def test_the_floors_of_a_climb_are_shown_before_it_and_do_not_stop_a_good_specialist(tmp_path: Path) -> None:
    job = small_job.write_job(tmp_path / "echo", SERVED.format(mark=0.7), echoes(72))
    checked = json.loads(small_job.run("check", job, "--json").stdout)
    assert set(checked["floors"]) == {"constant", "nearest", "question"} and checked["floors"]["constant"] < 0.1
    result = small_job.run("climb", job, "--run", tmp_path / "run")
    assert result.exit_code == 0 and "Floors (exact_match of trivial answers" in result.stdout
    [rung] = json.loads((tmp_path / "run" / "done" / "climbed.json").read_text())["results"]
    by_kind = {floor["kind"]: floor for floor in rung["report"]["floors"]}
    assert by_kind["question"]["score"]["mean"] == 1 and not by_kind["question"]["binding"]
    assert all(by_kind[kind]["difference"]["interval"]["low"] > 0.5 for kind in ("constant", "nearest"))


SILENT = "The handbook does not say."
HANDBOOK = """
task = "Answer from the handbook."
base_model = "{address}"
model = "small"
[data]
examples = "examples.jsonl"
[goal]
metric = "token_f1"
pass_mark = {mark}
[prompt]
shots = [0]
"""


def handbook(count: int) -> list[dict[str, str]]:
    """Questions of which the handbook answers two in five."""
    made = []
    for number in range(count):
        words = " ".join(sha256_of([number, place])[:5] for place in range(4))
        says = number % 5 in (1, 3)
        made.append({"prompt": f"Where is {words}?", "completion": f"In room {words[:5]}." if says else SILENT})
    return made


@pytest.mark.parametrize("unsure, passes", [(0.95, False), (0.2, True)])
def test_a_model_that_says_the_same_to_nearly_all_questions_does_not_pass(
    serve: Serve, tmp_path: Path, unsure: float, passes: bool
) -> None:
    """The model calls a fraction of all questions unanswered. Both models are proven to reach the pass mark."""
    answers = {row["prompt"]: row["completion"] for row in handbook(200)}

    def reply(body: dict[str, Any], _: int) -> Any:
        question = body["messages"][-1]["content"]
        return SILENT if int(sha256_of(question)[:6], 16) / 16**6 < unsure else answers[question]

    settings = HANDBOOK.format(address=f"{serve(server(reply, []))}/v1", mark=0.4)
    job = small_job.write_job(tmp_path / "job", settings, handbook(200))
    result = small_job.run("climb", job, "--run", tmp_path / "run", "--allow-host", "127.0.0.1")
    climbed = json.loads((tmp_path / "run" / "done" / "climbed.json").read_text())
    report, [gate] = climbed["results"][0]["report"], climbed["results"][0]["gates"]
    assert report["score"]["interval"]["low"] > 0.4 and report["floors"][0]["answer"] == SILENT
    assert (result.exit_code == 0, report["verdict"] == "passed", gate["held"]) == (passes,) * 3
    if not passes:
        assert "failed answers differ: 23 of 24 validation answers are nearly the same" in result.stdout
        assert "not proven above floor" in result.stdout and f"always answering “{SILENT}”" in result.stdout
        assert not any(remedy.startswith("More test examples") for remedy in climbed["remedies"])

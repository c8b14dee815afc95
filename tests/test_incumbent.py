"""The incumbent of a job: its answers are matched by content, scored, and never trained on."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import small_job
from finish import finish
from gradschool.data.given_answers import Given
from gradschool.errors import DamagedError, DataError
from gradschool.evaluate import Measure
from gradschool.incumbent import MAX_ANSWERS, Incumbent, find_incumbent, incumbent_files, match
from gradschool.job import read_job
from gradschool.package.evidence import read_evidence
from gradschool.package.manifest import EVIDENCE, MANIFEST, TEST_FILE, read_manifest
from gradschool.records import Answer, Example, Message, Source
from gradschool.report.page import page
from gradschool.run import Run
from gradschool.score.text import exact_match
from gradschool.settings import Data
from gradschool.workspace import open_job

MEASURE = Measure(exact_match, {})
HERE = Source("answers.jsonl", 3)


def example(name: str, *texts: str, ideal: str = "yes", system: str = "") -> Example:
    roles = ("user", "assistant") * len(texts)
    turns = [Message(role, text) for role, text in zip(roles, texts, strict=False)]
    start = [Message("system", system)] if system else []
    return Example(name, (*start, *turns, Message("assistant", ideal)), name, Source("examples.jsonl", 1))


def given(text: str, *turns: str, id_: str = "", system: str = "", **more: Any) -> Given:
    return Given(example("", *turns, system=system).question if turns else (), id_, text, HERE, **more)


def answers(examples: Sequence[Example], *rows: Given) -> dict[str, list[str]]:
    return {id_: [answer.text for answer in texts] for id_, texts in match(examples, rows).answers.items()}


def test_questions_are_matched_by_their_content() -> None:
    asked = [
        example("a", "Where is my kettle?"),
        example("b", "Send it back!"),
        example("c", "Hi", "Hello", "And now?"),
    ]
    rows = [given("1", "where is  my kettle"), given("2", "Hi", "hello.", "And now?"), given("3", "And now?")]
    assert answers(asked, *rows) == {"a": ["1"], "c": ["2"]}
    assert match(asked, rows).unmatched == [rows[2]]


def test_the_exact_question_goes_before_a_similar_one() -> None:
    asked = [example("a", "Is 5 > 3?"), example("b", "is 5 > 3")]
    assert answers(asked, given("1", "is 5 > 3")) == {"b": ["1"]}
    assert answers(asked, given("1", "IS 5 > 3")) == {"a": ["1"], "b": ["1"]}


def test_other_instructions_do_not_matter_unless_they_are_the_question() -> None:
    alone = [example("a", "Where is it?", system="Sort the mail.")]
    assert answers(alone, given("1", "Where is it?")) == {"a": ["1"]}
    assert answers(alone, given("1", "Where is it?", system="You are old.")) == {"a": ["1"]}
    two = [example("a", "Where is it?", system="Be polite."), example("b", "Where is it?", system="Be rude.")]
    assert answers(two, given("1", "Where is it?", system="be rude")) == {"b": ["1"]}
    assert match(two, [given("1", "Where is it?")]).ambiguous == [given("1", "Where is it?")]


def test_rows_without_a_question_are_matched_by_id_and_others_are_not() -> None:
    asked = [example("7", "Where is it?")]
    found = match(asked, [given("1", id_="7"), given("2", id_="8"), given("3", "Another?", id_="7")])
    assert (answers(asked, given("1", id_="7")), found.by_id) == ({"7": ["1"]}, 1)
    assert [one.text for one in found.unmatched] == ["2", "3"]


def test_the_last_message_is_enough_if_it_is_the_only_one() -> None:
    asked = [example("a", "Hi", "Hello", "And now?"), example("b", "Well", "Yes", "And then?")]
    assert answers(asked, given("1", "And then?", last_only=True)) == {"b": ["1"]}
    twice = [*asked, example("c", "Bye", "Oh", "And then?")]
    assert match(twice, [given("1", "And then?", last_only=True)]).ambiguous


def test_of_several_different_answers_the_mean_counts() -> None:
    asked = [example("a", "Where?"), example("b", "When?")]
    now = Incumbent("old", {"a": (Answer("yes"), Answer("no"), Answer("yes"), Answer("no"))})
    [row] = now.rows(asked, MEASURE)
    assert (row.id, row.value) == ("a", 0.5)
    assert now.unanswered(asked) == ["b"]


def test_an_empty_answer_counts_as_0_and_is_a_failure() -> None:
    [row] = Incumbent("old", {"a": (Answer(""),)}).rows([example("a", "Where?")], MEASURE)
    assert row.value == 0 and row.failure is not None and row.failure.kind == "empty answer"


def find(folder: Path, rows: Sequence[Mapping[str, Any]], examples: Sequence[Example]) -> str:
    (folder / "old.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return "\n".join(note.text for note in find_incumbent("old.jsonl", folder, Data(), examples).notes)


def test_whatever_is_not_used_is_named(tmp_path: Path) -> None:
    asked = [example(f"q{n}", f"Question {n} of the day?", ideal=f"answer {n}") for n in range(9)]
    rows = [{"prompt": f"Question {n} of the day?", "completion": "something"} for n in range(5)]
    rows += [
        {"prompt": "Question 1 of the day?", "completion": "something"},
        {"prompt": "Question 2 of the day?", "completion": "another"},
        {"prompt": "What is that?", "completion": "x"},
        {"prompt": "Question 7 of the day?", "completion": ""},
        {"nothing": "at all"},
    ]
    said = find(tmp_path, rows, asked)
    assert "answers 5 of 9 questions" in said
    assert "1 answer is given again" in said
    assert "1 question has several different answers, whose mean score counts: q2" in said
    assert "1 row answers no question of the job, and is not used: old.jsonl:8 (What is that?)" in said
    assert "1 row without an answer: old.jsonl:9 (it holds no answer)" in said
    assert "1 line gives no answer: old.jsonl:10" in said
    assert "ideal answers" not in said


@pytest.mark.parametrize(("ideal", "said"), [("All of it went out on Monday.", True), ("yes", False)])
def test_an_incumbent_that_wrote_the_ideal_answers_is_named(ideal: str, said: bool, tmp_path: Path) -> None:
    asked = [example(f"q{n}", f"Question {n} of the day?", ideal=ideal) for n in range(20)]
    rows = [{"prompt": f"Question {n} of the day?", "completion": ideal if n else "no"} for n in range(20)]
    assert ("compared with itself" in find(tmp_path, rows, asked)) == said


def test_an_incumbent_without_a_question_of_the_job_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="answers none of the 1 questions") as error:
        find(tmp_path, [{"prompt": "Sort this mail:\nWhere?", "completion": "x"}], [example("a", "Where?")])
    assert "Sort this mail: Where?" in error.value.why


def test_a_missing_file_is_named_with_what_it_should_be(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"goal.incumbent = 'base'.* does not exist"):
        incumbent_files("base", tmp_path)


def test_a_specialist_is_its_evidence(tmp_path: Path) -> None:
    folder = tmp_path / "run" / "specialist"
    (folder / "evidence").mkdir(parents=True)
    (folder / "specialist.toml").write_text("")
    asked = example("old-1", "Hi", "Hello", "And now?")
    row = {
        "id": "old-1",
        "group": "g",
        "question": "And now?",
        "ideal": "yes",
        "answer": {"text": "no", "stop": "stop"},
        "value": 0.0,
    }
    (folder / "evidence" / "test.jsonl").write_text(json.dumps(row))
    stored = {
        "id": "old-1",
        "messages": [{"role": m.role, "content": m.content} for m in asked.messages],
        "group": "g",
        "source": {"file": "f", "line": 1},
    }
    (folder / "evidence" / "questions.jsonl").write_text(json.dumps(stored))
    others = [example("new-1", "Hi", "Hello", "And now?"), example("new-2", "Well", "Yes", "And now?")]
    found = find_incumbent("run", tmp_path, Data(), others)
    assert {id_: texts[0].text for id_, texts in found.answers.items()} == {"new-1": "no"}


JOB = """
base_model = "fake"
[split]
test_share = 0.5
[goal]
metric = "exact_match"
incumbent = "old.jsonl"
margin = 0.2
"""


def job_of(folder: Path, wrong: int = 3, answered: int = 72, job: str = JOB) -> Path:
    """A job whose answers are its questions, which the base repeats; the incumbent errs on every few questions."""
    rows = [{**row, "completion": row["prompt"]} for row in small_job.rows()]
    small_job.write_job(folder, job, rows)
    old = [{"prompt": row["prompt"], "answer": "no" if n % wrong == 0 else row["prompt"]} for n, row in enumerate(rows)]
    (folder / "old.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in old[:answered]))
    return folder


def test_a_climb_is_compared_with_the_incumbent(tmp_path: Path) -> None:
    job, run = job_of(tmp_path / "job"), tmp_path / "run"
    result = small_job.run("climb", job, "--run", run)
    assert result.exit_code == 0, result.output
    said = " ".join(result.stdout.split())
    assert "The ladder: exact_match, at most 0.2 worse than old.jsonl" in said
    assert "old.jsonl answers 36 of 36 test questions" in said and "incumbent old.jsonl scores" in said
    assert "Passed: the base rung is proven to be at most 0.2 worse than old.jsonl" in said
    report = json.loads((run / "done" / "base-result.json").read_text())["report"]
    now = report["incumbent"]
    assert (now["examples"], now["unanswered"], now["verdict"], report["pass_mark"]) == (36, 0, "passed", None)
    assert now["difference"]["mean"] == pytest.approx(1 - now["score"]) and 0.5 < now["score"] < 0.8
    evidence = run / "specialist" / "evidence"
    kept = [json.loads(line) for line in (evidence / "incumbent.jsonl").read_text().splitlines()]
    assert {row["id"] for row in kept} == set(json.loads((run / "done" / "split.json").read_text())["test"])
    manifest = tomllib.loads((run / "specialist" / "specialist.toml").read_text())
    assert (manifest["verdict"], manifest["score"]["incumbent"]["name"]) == ("passed", "old.jsonl")
    proof = read_evidence(run / "specialist", read_manifest(run / "specialist")).now
    assert proof is not None and (proof[0], len(proof[1])) == ("old.jsonl", 36)
    for text in (page(Run.open(run)), (run / "specialist" / "README.md").read_text()):
        assert "vs incumbent" in text and f"{now['score']:.3f}" in text and "pass mark None" not in text
    assert ">incumbent</dt>" in page(Run.open(run))
    scored = small_job.run(
        "score", run, job / "examples.jsonl", "--with-known", "--incumbent", job / "old.jsonl", "--json"
    )
    assert json.loads(scored.stdout)["incumbent"]["verdict"] == "passed", scored.output
    alone = small_job.run("score", run, job / "examples.jsonl", "--with-known")
    assert "no pass mark: not proven" in alone.stdout and "--incumbent FILE" in alone.stderr
    (job / "old.jsonl").write_text((job / "old.jsonl").read_text().replace('"no"', '"yes"'))
    (run / "done" / "climbed.json").unlink()
    again = small_job.run("climb", "--resume", run)
    assert again.exit_code == 4 and "old.jsonl has changed since this run began" in " ".join(again.stderr.split())


def test_a_worse_specialist_fails_on_validation_and_leaves_its_part_of_the_error_budget(tmp_path: Path) -> None:
    job = job_of(tmp_path / "job")
    rows = [{**row, "completion": row["prompt"][::-1]} for row in small_job.rows()]
    small_job.write_job(job, 'task = "Turn it around."' + JOB, rows)
    (job / "old.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    result = small_job.run("climb", job, "--run", tmp_path / "run", "--validation-share", "0.2", "--shots", "0")
    assert result.exit_code == 3, result.output
    reports = [
        json.loads((tmp_path / "run" / "done" / f"{rung}-result.json").read_text())["report"]
        for rung in ("base", "prompt")
    ]
    assert [report["score"]["interval"]["level"] for report in reports] == [0.975, 0.95]
    assert all(report["incumbent"]["validation_high"] < -0.2 for report in reports)
    said = " ".join(result.stdout.split())
    assert "failed on validation" in said and "and on validation it is at least" in said
    assert "the ideal answers themselves" in said


def test_test_questions_without_an_answer_are_left_out_and_named(tmp_path: Path) -> None:
    job = job_of(tmp_path / "job", answered=60)
    result = small_job.run("check", job, "--json")
    checked = json.loads(result.stdout)
    missing = checked["unanswered"]
    assert 0 < len(missing) == 36 - checked["margin"]["answered"]
    assert "left out of the comparison" in result.stderr and missing[0] in result.stderr
    assert checked["proof"] is None
    both = small_job.run("check", job, "--pass-mark", "0.5")
    assert "The highest pass mark" in both.stdout and "The margin" not in both.stdout
    assert "test questions" in both.stdout and "the margin is 0.2" in " ".join(both.stdout.split())


def test_nothing_of_the_incumbent_is_trained_on(tmp_path: Path) -> None:
    with_it, _ = finish(open_job(read_job(job_of(tmp_path / "job"))))
    without, _ = finish(open_job(read_job(tmp_path / "job", {"goal.incumbent": None, "goal.pass_mark": 0.5})))
    assert (with_it.data.train, with_it.data.split) == (without.data.train, without.data.split)


def test_without_an_answer_to_a_test_question_there_is_no_climb(tmp_path: Path) -> None:
    job = job_of(tmp_path / "job")
    ready, _ = finish(open_job(read_job(job)))
    asked = [example.question[-1].content for example in ready.data.train[:5]]
    (job / "old.jsonl").write_text("".join(f"{json.dumps({'prompt': text, 'answer': 'no'})}\n" for text in asked))
    result = small_job.run("climb", job, "--run", tmp_path / "run")
    assert result.exit_code == 4 and "answers none of the 36 test questions" in " ".join(result.stderr.split())
    assert not (tmp_path / "run" / "done" / "base.json").exists()


def test_of_many_answers_to_the_same_question_a_limited_number_counts() -> None:
    asked = [example(f"e{n}", "Hi", ideal=str(n)) for n in range(30)]
    rows = [given(str(n), "Hi") for n in range(50)]
    found = match(asked, rows)
    assert {len(texts) for texts in found.answers.values()} == {MAX_ANSWERS} and found.further == 50 - MAX_ANSWERS


def test_long_names_of_a_stranger_are_shortened_in_notes(tmp_path: Path) -> None:
    rows = [
        {"prompt": "Hi", "completion": "1"},
        {"id": "x" * 10_000, "answer": "y"},
        {"k" * 10_000: "x", "b": [1]},
        {f"key {n}": 1 for n in range(5_000)},
    ]
    (tmp_path / "now.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = find_incumbent("now.jsonl", tmp_path, Data(), [example("e", "Hi")])
    assert len(found.notes) >= 3 and max(len(note.text) for note in found.notes) < 1_000


def test_a_specialist_with_a_link_in_its_evidence_is_no_incumbent(tmp_path: Path) -> None:
    (tmp_path / "theirs" / EVIDENCE).mkdir(parents=True)
    (tmp_path / "theirs" / MANIFEST).write_text("")
    (tmp_path / "secret.jsonl").write_text("{}")
    (tmp_path / "theirs" / EVIDENCE / TEST_FILE).symlink_to(tmp_path / "secret.jsonl")
    with pytest.raises(DamagedError, match="is a link"):
        incumbent_files("theirs", tmp_path)

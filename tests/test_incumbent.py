"""The incumbent of a job: its answers are matched by content, scored, and never trained on."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from gradschool.data.given_answers import Given
from gradschool.errors import DataError
from gradschool.evaluate import Measure
from gradschool.incumbent import Incumbent, find_incumbent, incumbent_files, match
from gradschool.records import Answer, Example, Message, Source
from gradschool.score.text import exact_match
from gradschool.settings import Data

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
    asked = [example("a", "Where is my kettle?"), example("b", "Send it back!"), example("c", "Hi", "Hello", "And now?")]
    rows = [given("1", "where is  my kettle"), given("2", "Hi", "hello.", "And now?"), given("3", "And now?")]
    assert answers(asked, *rows) == {"a": ["1"], "c": ["2"]}
    assert match(asked, rows).strangers == [rows[2]]


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
    assert [one.text for one in found.strangers] == ["2", "3"]


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
    row = {"id": "old-1", "group": "g", "question": "And now?", "ideal": "yes", "answer": {"text": "no", "stop": "stop"}, "value": 0.0}  # fmt: skip
    (folder / "evidence" / "test.jsonl").write_text(json.dumps(row))
    stored = {"id": "old-1", "messages": [{"role": m.role, "content": m.content} for m in asked.messages], "group": "g", "source": {"file": "f", "line": 1}}  # fmt: skip
    (folder / "evidence" / "questions.jsonl").write_text(json.dumps(stored))
    others = [example("new-1", "Hi", "Hello", "And now?"), example("new-2", "Well", "Yes", "And now?")]
    found = find_incumbent("run", tmp_path, Data(), others)
    assert {id_: texts[0].text for id_, texts in found.answers.items()} == {"new-1": "no"}

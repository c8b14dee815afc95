"""The constraint of a job: its own schema, or an inferred one."""

import json
from pathlib import Path
from typing import Any

import pytest

from finish import finish
from gradschool.errors import DataError, ModelError
from gradschool.job import Job
from gradschool.model.fake import FakeEngine
from gradschool.model.local import LocalEngine
from gradschool.records import Constraint, Note
from gradschool.rungs.constraints import constraint_for
from gradschool.settings import Settings
from rung_inputs import TRAIN, example

LISTS = [example(n, f"number {n} please", f"[{n}]") for n in range(20)]


def job(folder: Path, **answers: Any) -> Job:
    return Job("small", folder, Settings.model_validate({"answers": answers}))


def test_labels_are_inferred_and_shown(tmp_path: Path) -> None:
    constraint, events = finish(constraint_for(job(tmp_path), FakeEngine(constrains=True), TRAIN))
    assert constraint == Constraint(("even", "odd"))
    assert events == [Note('Each rung also tries answers that are constrained to 2 labels: "even", "odd".')]


def test_answers_stay_free_if_the_job_says_so_or_the_base_cannot(tmp_path: Path) -> None:
    assert finish(constraint_for(job(tmp_path, constrain=False), FakeEngine(constrains=True), TRAIN)) == (None, [])
    unused = job(tmp_path, constrain=False, json_schema="schema.json")
    constraint, [note] = finish(constraint_for(unused, FakeEngine(constrains=True), TRAIN))
    assert constraint is None and note.text.startswith("answers.json_schema is not used")
    constraint, [note] = finish(constraint_for(job(tmp_path), FakeEngine(), TRAIN))
    assert constraint is None
    assert note.text.startswith('Answers stay free, although all are 2 labels: "even", "odd". The fake engine cannot')


def test_the_schema_of_the_job_comes_first(tmp_path: Path, engine: LocalEngine) -> None:
    (tmp_path / "schema.json").write_text(json.dumps({"type": "array", "items": {"type": "integer"}}))
    constraint, [note] = finish(constraint_for(job(tmp_path, json_schema="schema.json"), engine, LISTS))
    assert constraint and constraint.schema == {"type": "array", "items": {"type": "integer"}}
    assert note.text.endswith("constrained to JSON: [integer, …].")


def test_a_schema_with_a_byte_order_mark_is_read(tmp_path: Path, engine: LocalEngine) -> None:
    (tmp_path / "schema.json").write_text('{"type": "array"}', encoding="utf-8-sig")
    constraint, _ = finish(constraint_for(job(tmp_path, json_schema="schema.json"), engine, LISTS))
    assert constraint and constraint.schema == {"type": "array"}


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"type": "object", "required": ["sum"]}, "it allows none of the train answers: see f:0."),
        ({"enum": ["odd", "even"]}, "it allows none of the train answers: see f:0."),
        (
            {"name": "Ann", "age": 3},
            "such as 'type' or 'properties', but 'name', 'age'.",
        ),
        (
            {"name": "numbers", "schema": {"type": "array"}},
            "has one under 'schema': the file",
        ),
    ],
)
def test_a_schema_that_cannot_be_the_one_of_the_answers_ends_the_job(
    tmp_path: Path, engine: LocalEngine, schema: Any, why: str
) -> None:
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    with pytest.raises(DataError) as error:
        finish(constraint_for(job(tmp_path, json_schema="schema.json"), engine, LISTS))
    assert why in error.value.why


def test_train_answers_that_the_schema_does_not_allow_are_counted(tmp_path: Path, engine: LocalEngine) -> None:
    (tmp_path / "schema.json").write_text('{"type": "array", "items": {"enum": [0, 1, 2]}}')
    constraint, [note, _] = finish(constraint_for(job(tmp_path, json_schema="schema.json"), engine, LISTS))
    assert constraint and note.level == "warning"
    assert note.text.startswith("answers.json_schema allows 3 of 20 train answers: see f:3 for one that cannot be")


def test_a_schema_of_strings_names_labels(tmp_path: Path, engine: LocalEngine) -> None:
    (tmp_path / "schema.json").write_text('{"type": "string", "enum": ["odd", "even", "neither"]}')
    constraint, _ = finish(constraint_for(job(tmp_path, json_schema="schema.json"), engine, TRAIN))
    assert constraint == Constraint(("odd", "even", "neither"))
    quoted = [example(n, "number", '"odd"') for n in range(12)]  # unless answers are in quotes
    constraint, _ = finish(constraint_for(job(tmp_path, json_schema="schema.json"), engine, quoted))
    assert constraint and not constraint.choices


def test_what_keeps_answers_free_is_said_if_nearly_all_have_one_form(tmp_path: Path) -> None:
    odd_one = [*LISTS[:12], example(12, "number 12 please", "I do not know.")]
    constraint, [note] = finish(constraint_for(job(tmp_path), FakeEngine(constrains=True), odd_one))
    assert constraint is None and note.text == (
        "Answers stay free: 12 of 13 train answers are JSON, but not all: see f:12. "
        "answers.json_schema can name what is allowed."
    )


@pytest.mark.parametrize("content", ["", "[]", "3", '{"a": '])
def test_a_file_that_is_no_schema_is_named(tmp_path: Path, engine: LocalEngine, content: str) -> None:
    (tmp_path / "schema.json").write_text(content)
    with pytest.raises(DataError, match=r"answers\.json_schema = 'schema\.json'"):
        finish(constraint_for(job(tmp_path, json_schema="schema.json"), engine, TRAIN))
    with pytest.raises(DataError, match="No such file"):
        finish(constraint_for(job(tmp_path, json_schema="other.json"), engine, TRAIN))


def test_a_schema_that_the_base_cannot_take_ends_the_job(tmp_path: Path, engine: LocalEngine) -> None:
    (tmp_path / "schema.json").write_text('{"not": {}}')
    with pytest.raises(ModelError, match="cannot be constrained"):
        finish(constraint_for(job(tmp_path, json_schema="schema.json"), engine, TRAIN))

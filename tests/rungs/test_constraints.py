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
from rung_inputs import TRAIN


def job(folder: Path, **answers: Any) -> Job:
    return Job("small", folder, Settings.model_validate({"answers": answers}))


def test_labels_are_inferred_and_shown(tmp_path: Path) -> None:
    constraint, events = finish(constraint_for(job(tmp_path), FakeEngine(constrains=True), TRAIN))
    assert constraint == Constraint(("even", "odd"))
    assert events == [Note('Each rung also tries answers that are constrained to 2 labels: "even", "odd".')]


def test_answers_stay_free_if_the_job_says_so_or_the_base_cannot(tmp_path: Path) -> None:
    assert finish(constraint_for(job(tmp_path, constrain=False), FakeEngine(constrains=True), TRAIN)) == (None, [])
    constraint, [note] = finish(constraint_for(job(tmp_path), FakeEngine(), TRAIN))
    assert constraint is None
    assert note.text.startswith('Answers stay free, although all are 2 labels: "even", "odd". The fake engine cannot')


def test_the_schema_of_the_job_comes_first(tmp_path: Path, engine: LocalEngine) -> None:
    (tmp_path / "schema.json").write_text(json.dumps({"type": "array", "items": {"type": "integer"}}))
    constraint, [note] = finish(constraint_for(job(tmp_path, json_schema="schema.json"), engine, TRAIN))
    assert constraint and constraint.schema == {"type": "array", "items": {"type": "integer"}}
    assert note.text.endswith("constrained to JSON: [integer, …].")


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

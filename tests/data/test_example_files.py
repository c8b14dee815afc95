"""Several files, folders and patterns are one set of examples."""

import json
import os
from pathlib import Path

import pytest

from gradschool.data.example_files import example_files
from gradschool.data.read import read_examples
from gradschool.errors import DataError
from gradschool.job import read_job
from gradschool.settings import Data


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "part").mkdir()
    (tmp_path / "a.jsonl").write_text('{"prompt": "a", "completion": "b"}\n')
    (tmp_path / "part" / "b.csv").write_text("text,label\nc,d\n")
    (tmp_path / ".hidden.jsonl").write_text("no")
    (tmp_path / "notes.md").write_text("Notes.")
    return tmp_path


def test_a_folder(folder):
    reading = read_examples(folder, Data())
    assert [example.ideal for example in reading.examples] == ["b", "d"]
    assert reading.examples[1].source.file == f"{folder.name}/part/b.csv" and "in 2 files" in reading.form
    assert [issue.text for issue in reading.issues] == [
        "files of the folder that are not files of examples are left out (1): notes.md"
    ]


def test_a_list_and_a_pattern_with_ids_that_repeat(folder):
    for name in ("train", "test"):
        (folder / f"{name}.jsonl").write_text(json.dumps({"id": "x", "prompt": name, "completion": "y"}))
    assert len(read_examples([folder / "a.jsonl", folder / "part"], Data()).examples) == 2
    reading = read_examples(folder / "t*.jsonl", Data())
    assert len({example.id for example in reading.examples}) == 2
    assert [issue.kind for issue in reading.issues] == ["layout", "repeated id"]


def test_files_of_one_name_are_told_apart_by_folders_and_not_by_the_place_of_the_job(folder):
    (folder / "more" / "part").mkdir(parents=True)
    for name in ("part", "more/part"):
        (folder / name / "b.csv").write_text("prompt,completion\nfirst " + name + ",c\n")
    files, _ = example_files(
        [folder / "part" / "b.csv", folder / "more" / "part" / "b.csv", folder / "more/part/b.csv"]
    )
    assert list(files) == ["b.csv", "part/b.csv", "more/part/b.csv"]


def test_a_job_names_several(folder):
    (folder / "job.toml").write_text('[data]\nexamples = ["a.jsonl", "part"]\n')
    assert [path.name for path in read_job(folder).examples] == ["a.jsonl", "part"]


@pytest.mark.parametrize("name", ["empty", "no*.csv"])
def test_without_files_there_is_an_error(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError) as caught:
        read_examples(tmp_path / name, Data())
    assert caught.value.fix


def test_a_pipe_or_a_device_is_no_file_of_examples(tmp_path):
    os.mkfifo(tmp_path / "pipe.jsonl")
    for path in (tmp_path / "pipe.jsonl", Path("/dev/zero")):
        with pytest.raises(DataError, match="is not a file"):
            example_files([path])
    with pytest.raises(DataError, match="matches no file"):
        example_files([tmp_path / "*.jsonl"])

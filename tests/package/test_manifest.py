"""A manifest of others: whatever it holds, it is read or ends in an error that names it."""

import math
import shutil
from pathlib import Path
from typing import Any

import pytest

import small_job
from finish import finish
from gradschool.climbing import climb
from gradschool.errors import DamagedError
from gradschool.job import read_job
from gradschool.package.bundle import open_specialist
from gradschool.package.manifest import MANIFEST, load_manifest, read_manifest
from gradschool.run import Run
from resealed import reseal

DEEP = b"[" * 50_000 + b"]" * 50_000
CONTENTS = {
    "lists in lists": b"format = 2\nname = " + DEEP,
    "tables in tables": b"format = 2\n" + b"a = " + b"{ b = " * 20_000,
    "a number of 5,000 digits": b"format = 2\nname = " + b"9" * 5_000,
    "a date": b"format = 2\nname = 2021-03-01T09:00:00Z\n",
    "no number": b"format = 2\nname = nan\n",
    "half a character": b'format = 2\nname = "\xed\xa0\x80"\n',
    "a list for a table": b"format = 2\nrecipe = []\nhashes = [1]\n",
}


@pytest.mark.parametrize("kind", CONTENTS)
def test_a_manifest_that_no_version_wrote_is_an_error_for_the_user(kind: str, tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_bytes(CONTENTS[kind])
    for read in (read_manifest, load_manifest):
        with pytest.raises(DamagedError, match=r"specialist\.toml was changed") as caught:
            read(tmp_path)
        assert caught.value.why and caught.value.fix


ROWS = [{"prompt": f"Say {n}.", "completion": f"It is {n}."} for n in range(40)]
JOB = 'task = "Say it."\nbase_model = "fake"\n[goal]\npass_mark = 0.1\n'
WRONG: tuple[tuple[str, Any], ...] = (
    *(("recipe.decoding.max_new_tokens", value) for value in (-1, 0, 1 << 62, 10**40)),
    *(("recipe.decoding.temperature", value) for value in (-1.0, math.nan, math.inf, 1e308)),
    *(("recipe.decoding.top_p", value) for value in (-1.0, 2.0, math.nan)),
    *(("recipe.decoding.seed", value) for value in (10**40, 0.5)),
    *(("recipe.shots", value) for value in (-1, 1 << 62)),
    *(("recipe.passages", value) for value in (-1, 1 << 62)),
    *(("answers.batch_size", value) for value in (0, 1 << 62)),
    *(("remote.timeout", value) for value in (math.inf, 1e300)),
    *(("score.mean", value) for value in (math.nan, math.inf)),
    *(("score.level", value) for value in (0.0, 1.5, math.nan)),
    *(("score.examples", value) for value in (0, -1, 10**40)),
    *(("hashes", value) for value in ({"a\0b": "x"}, {"../x": "y"}, {"a" * 5_000: "x"}, [])),
    *(("base", value) for value in ([], {"weights": 5}, {"revision": ["x"]})),
)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("packed")
    with Run.start(read_job(small_job.write_job(place / "job", JOB, ROWS)), place / "run") as run:
        finish(climb(run))
    return place / "run" / "specialist"


def changed(packed: Path, place: Path, key: str, value: Any) -> Path:
    """A copy of a specialist, sealed with another value in its manifest."""

    def change(manifest: dict[str, Any]) -> None:
        *tables, last = key.split(".")
        part = manifest
        for table in tables:
            part = part[table]
        part[last] = value

    return reseal(shutil.copytree(packed, place / "copy"), change)


@pytest.mark.parametrize(("key", "value"), WRONG, ids=lambda value: str(value)[:30])
def test_a_value_that_no_specialist_has_is_refused(packed: Path, tmp_path: Path, key: str, value: Any) -> None:
    folder = changed(packed, tmp_path, key, value)
    with pytest.raises(DamagedError):
        finish(open_specialist(folder))


def test_passages_without_an_index_never_open_a_file_of_the_working_directory(packed: Path, here: Path) -> None:
    (here / "manifest.json").write_text("{}")
    (here / "passages.jsonl").write_text("")
    folder = changed(packed, here, "recipe.passages", 1)
    refused = small_job.run("answer", folder, "Where?")
    assert refused.exit_code == 8 and "no index" in refused.stderr
    (here / "x.jsonl").write_text('{"prompt": "Where?", "completion": "Here."}\n')
    assert small_job.run("score", folder, here / "x.jsonl").exit_code == 8


def test_a_specialist_that_is_sealed_again_unchanged_opens(packed: Path, tmp_path: Path) -> None:
    assert finish(open_specialist(reseal(shutil.copytree(packed, tmp_path / "copy"))))

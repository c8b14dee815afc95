"""Opening a job: cheap checks come first, a run saves its split and its base, answers get enough tokens."""

import shutil
from pathlib import Path

import pytest

import small_job
import tiny
from finish import finish
from gradschool.data.proof import Looks
from gradschool.errors import DamagedError, DataError, GradschoolError, ModelError, UsageError
from gradschool.files import read_json
from gradschool.job import Job, read_job
from gradschool.model import hub
from gradschool.model.fake import FakeEngine
from gradschool.records import Example, Message
from gradschool.run import Run
from gradschool.rungs.untrained import decodings_for
from gradschool.settings import Settings
from gradschool.workspace import Workspace, check_job, divide, open_base, open_job

FAKE = 'base_model = "fake"\n[goal]\nmetric = "token_f1"\npass_mark = 0.7\n'


def job_of(folder: Path, text: str = FAKE, rows: list[dict[str, str]] | None = None, **overrides: object) -> Job:
    return read_job(small_job.write_job(folder, text, rows), {k.replace("__", "."): v for k, v in overrides.items()})


def parts_of(workspace: Workspace) -> list[list[Example]]:
    return [workspace.data.train, workspace.data.validation, workspace.data.test]


def test_a_resumed_run_finds_its_base_by_its_hashes(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(here / "config"))
    monkeypatch.setattr(hub, "fetch", lambda *_: pytest.fail("the Hub was asked for a name of the user's"))
    base = tiny.save_model(here / "models" / "small")
    job = Job("orders", here / "orders", Settings(base_model="models/small"))
    run = Run.start(job, here / "run")
    finish(open_base(run.job, run))
    (here / "elsewhere").mkdir()
    monkeypatch.chdir(here / "elsewhere")  # a relative path would be read from here
    engine, events = finish(open_base(run.job, run))
    assert engine.identity.name == "small" and any(str(base) in str(event) for event in events)
    base.rename(here / "models" / "smaller")
    assert finish(open_base(run.job, run))[0].identity.weights == engine.identity.weights
    shutil.rmtree(here / "models")
    with pytest.raises(ModelError, match="The base models/small is not on this machine"):
        finish(open_base(run.job, run))
    tiny.save_model(here / "elsewhere" / "models" / "small", hidden_size=64)  # another one, where the path leads
    with pytest.raises(DamagedError, match="not the one that this run began with"):
        finish(open_base(run.job, run))


def test_the_parts_of_a_split_are_disjoint_and_complete(tmp_path: Path) -> None:
    ready, notes = finish(open_job(job_of(tmp_path)))
    parts = [{example.id for example in part} for part in parts_of(ready)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 72
    assert [tuple(e.id for e in part) for part in parts_of(ready)] == [
        ready.data.split.train,
        ready.data.split.validation,
        ready.data.split.test,
    ]
    assert "72 usable examples" in notes[0].text and ready.data.split.hash[:8] in notes[-1].text
    # Only base and prompt can run: the job names no documents, and a fake base cannot be trained.
    assert ready.looks == Looks(0.05, 2)


def test_the_split_depends_on_contents_and_seed_alone(tmp_path: Path) -> None:
    rows = small_job.rows()
    splits = [
        finish(open_job(job_of(tmp_path / str(i), rows=order, split__seed=seed)))[0].data.split
        for i, (order, seed) in enumerate([(rows, 0), (rows[::-1], 0), (rows, 1)])
    ]
    assert splits[0] == splits[1]
    assert set(splits[0].test) != set(splits[2].test)


def test_groups_are_in_one_part_of_the_split(tmp_path: Path) -> None:
    rows = [{**row, "customer": f"c{i % 18}"} for i, row in enumerate(small_job.rows())]
    ready, _ = finish(open_job(job_of(tmp_path, rows=rows, data__group_column="customer")))
    sides = [{example.group for example in part} for part in parts_of(ready)]
    assert len(set.union(*sides)) == 18 == sum(map(len, sides))


def test_near_duplicates_are_in_one_part_of_the_split(tmp_path: Path) -> None:
    base = "the grey heron stood in the cold river for an hour and a half before it caught a single silver fish number"
    rows = small_job.rows(48)
    twins = [{"id": f"twin-{i}", "prompt": f"{base} {i}", "completion": f"fish {i}"} for i in range(8)]
    ready, _ = finish(open_job(job_of(tmp_path, rows=rows + twins)))
    sides = [any(e.id.startswith("twin") for e in part) for part in parts_of(ready)]
    assert sides.count(True) == 1


def test_a_run_saves_its_split_and_rejects_changed_examples(tmp_path: Path) -> None:
    job = job_of(tmp_path / "job")
    run = Run.start(job, tmp_path / "run")
    first, _ = finish(open_job(job, run))
    again, _ = finish(open_job(job, run))
    assert again.data.split == first.data.split
    assert tuple(read_json(run.folder / "done" / "split.json")["test"]) == first.data.split.test
    job_of(tmp_path / "job", rows=small_job.rows(71))
    with pytest.raises(DataError, match="changed since"):
        finish(open_job(job, run))


def test_without_a_run_nothing_is_written(tmp_path: Path) -> None:
    job = job_of(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    finish(open_job(job))
    assert sorted(tmp_path.rglob("*")) == before


def test_answers_may_be_a_quarter_longer_than_the_longest_ideal(tmp_path: Path) -> None:
    job = job_of(tmp_path)
    ready, _ = finish(open_job(job))
    engine = FakeEngine()
    longest = max(engine.count_tokens((Message("user", e.ideal),)) for e in [*ready.data.train, *ready.data.validation])
    assert ready.decoding.max_new_tokens == round(1.25 * longest) + 8
    assert decodings_for(ready.data.train, FakeEngine(context_length=16), job)[0].max_new_tokens == 8
    own = job_of(tmp_path / "own", answers__max_new_tokens=5, answers__temperature=0.5)
    decoding, _ = decodings_for(ready.data.train, engine, own)
    assert (decoding.max_new_tokens, decoding.temperature) == (5, 0.5)


def test_examples_too_long_for_the_base_are_dropped_and_reported(tmp_path: Path) -> None:
    rows = small_job.rows(40)
    rows[7]["prompt"] = "word " * 5000
    ready, _ = finish(open_job(job_of(tmp_path, rows=rows)))
    [issue] = [issue for issue in ready.data.issues if issue.kind == "too long"]
    assert issue.source.line == 8 and "5,0" in issue.text
    assert rows[7]["id"] not in {e.id for e in [*ready.data.train, *ready.data.validation, *ready.data.test]}


def test_settings_are_checked_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "job.toml").write_text('base_model = "fake"\n')  # there are no examples either
    with pytest.raises(UsageError, match="names no pass mark"):
        check_job(read_job(tmp_path))
    for key in ("documents", "guidelines"):
        with pytest.raises(DataError, match=f"data.{key} = 'gone'"):
            check_job(read_job(tmp_path, {"goal.pass_mark": 0.5, f"data.{key}": "gone"}))


@pytest.mark.parametrize("name", ["./gone", "models/of/mine", "/nowhere"])
def test_an_embedder_that_is_no_folder_and_no_id_is_refused_before_any_work(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"ground\.embedder = .* does not exist"):
        check_job(job_of(tmp_path, ground__embedder=name))
    check_job(job_of(tmp_path, ground__embedder="owner/name"))


@pytest.mark.parametrize("content", [b"How?\xff\xfe\n", None])
def test_requests_that_cannot_be_read_end_no_climb_after_its_training(content: bytes | None, tmp_path: Path) -> None:
    job = job_of(tmp_path, audit__harmful_requests="more.txt")
    (tmp_path / "more.txt").write_bytes(content) if content else (tmp_path / "more.txt").mkdir()
    with pytest.raises(DataError, match="further requests cannot be read"):
        check_job(job)


def test_a_rung_that_cannot_run_does_not_use_the_test_set(tmp_path: Path) -> None:
    few, _ = finish(open_job(job_of(tmp_path, prompt__shots=[0])))
    assert few.looks == Looks(0.05, 1)  # the prompt rung has no task, no guidelines and no examples to show
    examples = [example for part in parts_of(few) for example in part]
    assert len(divide(examples, job_of(tmp_path), 4).test) >= len(few.data.test)


def test_issues_found_before_an_error_of_the_base_are_kept(tmp_path: Path) -> None:
    rows = [*small_job.rows(), {"id": "again", **{key: small_job.rows()[0][key] for key in ("prompt", "completion")}}]
    job = job_of(tmp_path, rows=rows, base_model=str(tmp_path / "no such base"))
    with pytest.raises(GradschoolError) as error:
        finish(open_job(job))
    assert [issue.kind for issue in error.value.issues] == ["duplicate"]

"""A specialist whose metric is fitted takes the texts of the fit along: nothing of the job's folder is needed."""

import random
import shutil
from pathlib import Path

import pytest

import style_fit
from finish import finish
from gradschool.audits import audit_specialist
from gradschool.errors import DamagedError, ResourceError, UsageError
from gradschool.export.export import ExportOptions, export
from gradschool.files import append_line, read_lines, write_lines
from gradschool.package.evidence import packaged_measure, packaged_questions, read_evidence, trust_packaged_code
from gradschool.package.manifest import load_manifest, read_manifest, seal
from gradschool.records import Example, Message, Progress, Source
from gradschool.report.facts import read_facts
from gradschool.report.questions import questions_of
from gradschool.rescore import score_specialist
from gradschool.run import Run
from gradschool.saved_job import JOB_FILE, read_saved_job
from gradschool.score import time_limit
from gradschool.score.style import Style
from shipped import ship

WORDS = {
    "author": ("gate", "hive", "shall", "remain", "patient"),
    "others": ("hey", "totally", "fine", "yep", "cheers"),
}


def text_by(who: str, number: int) -> str:
    return " ".join(random.Random(number).choices(WORDS[who], k=25)) + "."


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with the package of a style specialist, moved; the folder of its job is gone."""
    folder = tmp_path_factory.mktemp("job")
    own = [
        Example(
            f"e{n}", (Message("user", "Go on."), Message("assistant", text_by("author", n))), f"g{n}", Source("f", n)
        )
        for n in range(24)
    ]
    texts = style_fit.fit_texts(own, [text_by("others", n) for n in range(24)])
    package = ship(folder, metric="style", fit_texts=texts)
    for row in read_lines(package / "evidence" / "test.jsonl"):
        append_line(folder / "run" / "answers" / "tune-test.jsonl", {"id": row["id"], "answer": row["answer"]})
    moved = tmp_path_factory.mktemp("moved") / "run"
    shutil.move(folder / "run", moved)
    shutil.rmtree(folder)
    assert package == folder / "run" / "specialist"
    return moved


def test_an_export_is_tested_with_the_metric_fitted_again(run: Path, tmp_path: Path) -> None:
    exported, _ = finish(export(ExportOptions(run / "specialist", "merged", tmp_path / "merged")))
    assert exported.table[0].sound
    evidence = read_evidence(run / "specialist", read_manifest(run / "specialist"))
    [example, *_] = evidence.examples
    results = [evidence.measure.decides(text_by(who, 99), example) for who in WORDS]
    assert [result.parts["attributed to the author"] for result in results] == [1.0, 0.0]


def test_the_report_scores_again(run: Path) -> None:
    questions, remark = questions_of(read_facts(Run.open(run)))
    assert remark == ""
    assert questions and all(answer.value is not None for one in questions for answer in one.answers)


def test_more_examples_are_scored(run: Path, tmp_path: Path) -> None:
    write_lines(tmp_path / "more.jsonl", [{"prompt": "Go on.", "completion": text_by("author", 50)}])
    report, _ = finish(score_specialist(run / "specialist", tmp_path / "more.jsonl", None, None))
    assert report.metric == "style" and report.score.examples == 1


@pytest.mark.parametrize("harm", ["missing", "damaged"])
def test_texts_that_are_missing_or_damaged_are_named(run: Path, harm: str, tmp_path: Path) -> None:
    place = shutil.copytree(run / "specialist", tmp_path / "copy")
    file = place / "evidence" / "fit.jsonl"
    file.unlink() if harm == "missing" else write_lines(file, [{"text": "x"}])
    manifest = seal(place, load_manifest(place))
    with pytest.raises(UsageError if harm == "missing" else DamagedError, match=r"fit\.jsonl") as caught:
        read_evidence(place, manifest)
    assert ("resume the run" if harm == "missing" else "again") in caught.value.fix


def test_a_long_fit_of_a_specialist_of_others_is_asked_for_once(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(run / "specialist", tmp_path / "specialist")
    questions = packaged_questions(folder)
    goal = read_saved_job(folder / "evidence" / JOB_FILE).settings.goal
    monkeypatch.setattr(time_limit, "SECONDS", 0.0)
    with pytest.raises(ResourceError, match="Fitting its metric takes more than 0 s") as caught:
        packaged_measure(folder, goal, questions)
    assert "--trust-code" in caught.value.fix
    monkeypatch.setattr(time_limit, "SECONDS", 60.0)
    monkeypatch.setattr(time_limit, "MAX_FIT", 1_000)
    with pytest.raises(ResourceError, match="is not fitted anew"):
        packaged_measure(folder, goal, questions)
    # In the run that the user began, and once the user has allowed it, it takes its time.
    assert packaged_measure(run / "specialist", goal, questions).unfitted == []
    trust_packaged_code(folder)
    assert packaged_measure(folder, goal, questions).unfitted == []


def test_an_audit_fits_no_metric(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Style, "fit", lambda *_: pytest.fail("it was fitted"))
    events = audit_specialist(run / "specialist")
    assert any(isinstance(event, Progress) and event.what.startswith("audit") for event in events)
    events.close()

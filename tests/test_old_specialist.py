"""A run and a specialist of version 0.1.0, before settings and recipe keys were renamed, still work.

tests/old/orders is the job and tests/old/run the finished run, without its checkpoints. Names have changed since:
`also` is `extra_metrics`, `four_bits` is `quantization`, and `brief` in a recipe is `task_only`.
"""

import json
import shutil
from pathlib import Path

import pytest

import small_job
from finish import finish
from gradschool.export.export import ExportOptions, export
from gradschool.package.bundle import carry, open_specialist
from gradschool.package.evidence import read_evidence
from gradschool.package.manifest import MANIFEST, read_manifest
from gradschool.rescore import score_specialist
from gradschool.run import Run

OLD = Path(__file__).parent / "old"
SPECIALIST = OLD / "run" / "specialist"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A copy of the run, whose job is where run.json says it is."""
    job = shutil.copytree(OLD / "orders", tmp_path / "orders")
    run = shutil.copytree(OLD / "run", tmp_path / "run")
    content = json.loads((run / "run.json").read_text())
    assert "also" in content["settings"]["goal"] and "four_bits" in content["settings"]
    (run / "run.json").write_text(json.dumps(content | {"folder": str(job)}))
    return run


def test_the_specialist_answers_as_its_evidence_says() -> None:
    text = (SPECIALIST / MANIFEST).read_text()
    assert "format = 1\n" in text and "brief = false\n" in text
    manifest = read_manifest(SPECIALIST)
    assert not manifest.recipe.task_only and manifest.score is not None and manifest.score.examples == 14
    evidence = read_evidence(SPECIALIST, manifest)
    assert evidence.goal.extra_metrics == ("exact_match",) and evidence.level == manifest.score.level
    specialist, _ = finish(open_specialist(SPECIALIST))
    answers = dict(specialist.answer([example.question for example in evidence.examples]))
    assert [answers[i].text for i in range(14)] == [row.answer.text for row in evidence.rows]


def test_the_specialist_can_be_scored_carried_and_exported(tmp_path: Path) -> None:
    examples = tmp_path / "more.jsonl"
    examples.write_text("".join((OLD / "orders" / "examples.jsonl").read_text().splitlines(keepends=True)[:3]))
    report, _ = finish(score_specialist(SPECIALIST, examples, None, None))
    assert report.score.examples == 3 and set(report.parts) == {"exact_match", "rules", "short"}
    needed, _ = finish(carry(SPECIALIST, tmp_path / "carried", True))
    assert "needs nothing else" in needed
    carried = read_manifest(tmp_path / "carried")  # its manifest was written again
    assert carried.carries_base and carried.recipe == read_manifest(SPECIALIST).recipe
    exported, _ = finish(export(ExportOptions(SPECIALIST, "merged", tmp_path / "merged")))
    [row] = exported.table
    assert row.sound and row.same_answers == 14


def test_the_run_opens_and_has_a_report(run: Path) -> None:
    with Run.open(run) as opened:
        assert opened.job.settings.goal.extra_metrics == ("exact_match",)
        assert opened.job.settings.quantization is None
    result = small_job.run("report", run)
    assert result.exit_code == 0
    page = (run / "report.html").read_text()
    assert "Not passed: the best on validation is the tune rung" in page and "could not be scored again" not in page
    places = [page.index(f'<th scope="row">{rung}') for rung in ("base", "prompt", "ground", "tune")]
    assert places == sorted(places)


def test_the_climb_is_finished_when_it_is_resumed(run: Path) -> None:
    before = {path.name: path.read_bytes() for path in (run / "answers").iterdir()}
    done = {path.name: path.read_bytes() for path in (run / "done").iterdir()}
    asked = small_job.run("climb", "--resume", run)
    assert asked.exit_code == 9 and "--trust-run" in asked.stderr  # that version remembered no runs
    result = small_job.run("climb", "--resume", run, "--trust-run")
    assert result.exit_code == 3 and "Not passed: the best on validation is the tune rung" in result.stdout
    assert {path.name: path.read_bytes() for path in (run / "answers").iterdir()} == before  # nothing was asked again
    assert {path.name: path.read_bytes() for path in (run / "done").iterdir()} == done

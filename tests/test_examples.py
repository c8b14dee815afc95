"""The example jobs: large enough, varied, consistent with their own rules, and split without leakage."""

import itertools
import shutil
from collections import Counter
from pathlib import Path

import pytest

import style_fit
from finish import finish
from gradschool.data.check import Checked, check
from gradschool.data.instructions import instructions_of
from gradschool.data.read import read_examples
from gradschool.job import Job, read_job
from gradschool.prepare.options import PrepareOptions, private_modes
from gradschool.prepare.prepare import prepare
from gradschool.records import Answer, Example
from gradschool.score.judge import score
from gradschool.score.metrics import Metric, find_metrics, trust_code
from gradschool.score.style import Style
from gradschool.workspace import Dataset, check_job, open_job

EXAMPLES = Path(__file__).parents[1] / "examples"
JOBS = {
    "contracts": EXAMPLES / "contracts",
    "contracts, plain": EXAMPLES / "contracts" / "plain.toml",
    "support": EXAMPLES / "support",
    "letters": EXAMPLES / "letters",
    "x-ray": EXAMPLES / "x-ray",
}


@pytest.fixture(scope="module", params=JOBS)
def job(request: pytest.FixtureRequest) -> Job:
    job = read_job(JOBS[request.param])
    trust_code(job.settings.goal, job.folder)
    return job


@pytest.fixture(scope="module")
def checked(job: Job) -> Checked:
    return check(read_examples(job.path(job.settings.data.examples), job.settings.data))


@pytest.fixture(scope="module")
def ready(job: Job) -> Dataset:
    return finish(open_job(job))[0].data


Measured = tuple[Metric, dict[str, Metric], list[Example]]


@pytest.fixture(scope="module")
def measured(job: Job, checked: Checked, ready: Dataset) -> Measured:
    """A job's metrics and the examples to try them on; a style learns from the rest, against the messages of others."""
    examples = checked.examples
    decides, also = find_metrics(job.settings.goal, job.folder, examples)
    if not isinstance(decides, Style):
        return decides, also, examples
    others = [
        example.last_user for example in ready.train if not example.last_user.startswith(("Write to", "Reply to"))
    ]
    return style_fit.fit(ready.train, others), also, [*ready.validation, *ready.test]


def test_every_job_is_found() -> None:
    assert {path.name for path in EXAMPLES.iterdir() if path.is_dir()} == {"contracts", "support", "letters", "x-ray"}
    assert {path.resolve() for path in EXAMPLES.glob("*/*.toml")} == {
        (path / "job.toml" if path.is_dir() else path).resolve() for path in JOBS.values()
    }


def test_it_is_large_and_clean(job: Job, checked: Checked) -> None:
    check_job(job)
    assert len(checked.examples) >= 300
    assert not [str(issue) for issue in checked.issues if issue.severity == "dropped"]
    assert not [str(issue) for issue in checked.issues if issue.kind in ("encoding", "contradicting", "repeated id")]
    assert instructions_of(job)


def test_every_ideal_answer_is_worth_full_marks(job: Job, measured: Measured) -> None:
    """By the job's metric and by every rule; a style recognizes nearly all letters of the author."""
    decides, also, examples = measured
    rows = score(examples, [Answer(example.ideal) for example in examples], decides, also)
    below = [(row.id, row.value, row.parts) for row in rows if row.value < 1]
    assert len(below) <= (0.2 * len(rows) if isinstance(decides, Style) else 0)
    about_style = {
        *("copied", "repeats itself", "distinguishable from the author", "own text accepted"),
        *("attributed to the author", "natural word order", "on topic"),
    }
    ignored = about_style if isinstance(decides, Style) else set()
    for row in rows:
        assert not [name for name, value in row.parts.items() if value < 1 and name not in ignored], row.id
        assert row.parts.get("copied", 0) < 0.5 and row.parts.get("distinguishable from the author", 0.5) == 0.5
    assert len(job.settings.goal.rules) == 0 or all(rule.name in rows[0].parts for rule in job.settings.goal.rules)


@pytest.mark.parametrize("job", ["support", "letters"], indirect=True)
def test_rules_can_be_broken(job: Job, measured: Measured) -> None:
    """A rule that every answer obeys measures nothing: each is broken by some wrong answer."""
    assert job.settings.goal.rules
    decides, also, examples = measured
    examples = examples[:1]
    wrong = (
        "I'm sorry, unfortunately we apologise! I hope this finds you well, it's 12 April. " + "word " * 200,
        "Dear Sir, I hope this letter finds you well. It’s the 3rd of May! I can’t come. Sorry, so sorry.",
    )
    rows = [score(examples, [Answer(text)], decides, also)[0] for text in wrong]
    for rule in job.settings.goal.rules:
        assert min(row.parts[rule.name] for row in rows) < 1, rule.name


@pytest.mark.parametrize("job", ["support"], indirect=True)
def test_answers_with_the_form_but_not_the_facts_do_not_pass(job: Job, measured: Measured) -> None:
    """An answer with only the right form, one that always hands over, an echo of the question: none may pass."""
    decides, also, examples = measured
    handed_over = next(example.ideal for example in examples if "do not say" in example.ideal)
    empty = "Thanks for writing to Brelm.\n\nKind regards,\nBrelm Care"
    said_back = [example.last_user for example in examples]
    for letters, most in (([empty] * len(examples), 0.0), (said_back, 0.0), ([handed_over] * len(examples), 0.12)):
        rows = score(examples, [Answer(letter) for letter in letters], decides, also)
        assert sum(row.value for row in rows) / len(rows) <= most < job.settings.goal.pass_mark


def test_it_is_divided_without_leaks(ready: Dataset) -> None:
    parts: list[list[Example]] = [ready.train, ready.validation, ready.test]
    for one, other in itertools.combinations(parts, 2):
        assert not {e.group for e in one} & {e.group for e in other}
        assert not {(e.last_user, e.images) for e in one} & {(e.last_user, e.images) for e in other}
    assert len(ready.test) >= 40 and len(ready.train) >= 150
    assert not [str(issue) for issue in ready.issues if issue.kind == "too long"]


def test_it_is_varied(checked: Checked) -> None:
    """Not one template with swapped names: questions and answers begin in many ways and none is a copy."""
    examples = checked.examples
    assert len({(example.last_user, example.images) for example in examples}) == len(examples)
    if examples[0].images:  # each image has the same question
        return
    beginnings = Counter(" ".join(example.last_user.split()[:3]) for example in examples)
    assert beginnings.most_common(1)[0][1] <= 0.1 * len(examples), beginnings.most_common(3)
    assert len(beginnings) >= len(examples) / 2


def test_preparing_the_letters_again_changes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job is what `prepare` makes of the mailbox; the command of the README would stop at an edited file."""
    folder = Path("examples", "letters")
    shutil.copytree(EXAMPLES / "letters", tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    options = PrepareOptions("style", private=private_modes("keep"))
    prepared, _ = finish(prepare([folder / "mailbox.mbox"], options, folder))
    for file in (EXAMPLES / "letters").iterdir():
        if file.is_file():
            assert (folder / file.name).read_bytes() == file.read_bytes(), file.name
    assert prepared.summary.dropped == {"not personal": 6, "no own text": 3}
    assert read_job(folder).settings.goal.metric == "style"


@pytest.mark.parametrize("job", ["support"], indirect=True)
def test_its_documents_are_pages_with_titles(job: Job) -> None:
    assert job.settings.data.documents
    pages = {path.name for path in job.path(job.settings.data.documents).iterdir()}
    assert len(pages) >= 20
    assert all((job.path(job.settings.data.documents) / page).read_text().startswith("# ") for page in pages)

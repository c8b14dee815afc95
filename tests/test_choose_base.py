"""A job with several bases: compared on validation alone, and the climb goes on over one of them."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import small_job
from finish import finish
from gradschool import survey as surveying
from gradschool import workspace
from gradschool.climbing import Climbed, climb
from gradschool.errors import ModelError, RemoteError, ResourceError, UsageError
from gradschool.job import Job, read_job
from gradschool.model.engine import Engine
from gradschool.model.fake import FakeEngine
from gradschool.package import bundle
from gradschool.records import Conversation, Event, Note, Work
from gradschool.report.page import page
from gradschool.run import Run
from gradschool.run_keys import BASES
from gradschool.runs import summary_of
from gradschool.settings import Settings

JOB = """
task = "Say it back."
base_model = ["plum", "pear", "fig"]
[goal]
metric = "exact_match"
pass_mark = 0.7
[split]
max_test = 12
max_validation = 10
[prompt]
shots = [0]
"""


@dataclass
class Orchard:
    """Bases without a model, by name: how each answers, its size, its context, and every question it was asked."""

    answers: dict[str, Callable[[Conversation], str]]
    bytes: dict[str, int]
    context: dict[str, int] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    broken: dict[str, Exception] = field(default_factory=dict)

    def open(self, settings: Settings, folder: Path, **_: object) -> Work[Engine]:
        name = settings.base
        if name in self.broken:
            raise self.broken[name]
        yield Note(f"opened {name}", "detail")

        def answer(conversation: Conversation) -> str:
            self.asked.append((name, conversation[-1].content))
            return self.answers[name](conversation)

        return FakeEngine(answer, context_length=self.context.get(name, 4096))


def right(conversation: Conversation) -> str:
    return conversation[-1].content


def sometimes(conversation: Conversation) -> str:
    return right(conversation) if len(right(conversation)) % 4 else "something else, " + right(conversation)


def never(conversation: Conversation) -> str:
    return f"no {len(right(conversation))}, {right(conversation)[:7]}"


@contextmanager
def planted() -> Iterator[Orchard]:
    made = Orchard({"plum": never, "pear": right, "fig": right}, {"plum": 1_000, "pear": 3_000, "fig": 9_000})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workspace, "open_engine", made.open)
        patch.setattr(bundle, "open_engine", made.open)
        patch.setattr(surveying, "file_bytes", lambda name, folder, engine: made.bytes[name])
        yield made


@pytest.fixture
def orchard() -> Iterator[Orchard]:
    with planted() as made:
        yield made


WORDS = ("amber", "basil", "cedar", "dill", "elder", "fennel", "ginger", "hazel", "iris", "juniper", "kelp", "laurel")
LONG = (5, 7, 11)  # questions that are longer than all others


def question(n: int) -> str:
    more = " ".join(WORDS[n * k % 12] for k in range(1, 12)) if n in LONG else "and more " * (n % 4)
    return f"{WORDS[n % 12]} {WORDS[(n * 5 + 3) % 12]} {n * 7919 % 997} {WORDS[(n * n + 7) % 12]} {more} {n}"


QUESTIONS = [question(n) for n in range(44)]


def job_in(folder: Path, text: str = JOB) -> Job:
    rows = [{"id": f"e{n:02}", "prompt": asked, "completion": asked} for n, asked in enumerate(QUESTIONS)]
    return read_job(small_job.write_job(folder / "echo", text, rows))


def split_of(run: Run) -> dict[str, Any]:
    return dict(json.loads((run.folder / "done" / "split.json").read_text()))


def questions(run: Run, part: str) -> set[str]:
    wanted = set(split_of(run)[part])
    return {asked for n, asked in enumerate(QUESTIONS) if f"e{n:02}" in wanted}


@dataclass(frozen=True)
class Straight:
    """One climb that was not interrupted: what it was asked before its choice, and in total."""

    run: Run
    climbed: Climbed
    events: list[Event]
    before: list[tuple[str, str]]
    asked: list[tuple[str, str]]


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Straight:
    home = tmp_path_factory.mktemp("straight")
    with planted() as orchard:
        run = Run.start(job_in(home), home / "run")
        work, events = run.recorded(climb(run)), list[Event]()
        while run.saved(BASES) is None:
            events.append(next(work))
        before = list(orchard.asked)
        climbed, rest = finish(work)
        return Straight(run, climbed, [*events, *rest], before, orchard.asked)


def test_the_smallest_base_that_is_not_proven_worse_is_climbed(straight: Straight) -> None:
    assert straight.climbed.verdict == "passed"
    plum, pear, fig = straight.climbed.bases
    assert (plum.chosen, pear.chosen, fig.chosen) == (False, True, False)
    assert plum.score and plum.score.mean == 0 and "proven worse than pear" in plum.reason
    assert pear.score and pear.score.mean == 1 and pear.bytes == 3_000
    assert "pear is smaller" in fig.reason
    notes = [event.text for event in straight.events if isinstance(event, Note)]
    assert any(note.startswith("bases: the climb goes on over pear: ") for note in notes)


def test_the_choice_is_on_the_card_the_page_and_the_screen(straight: Straight, orchard: Orchard) -> None:
    run = straight.run
    assert bundle.read_manifest(run.specialist).base_model == "pear"
    card = (run.specialist / "README.md").read_text()
    assert "## The bases that were compared" in card and "| pear (this one) | 1.000 |" in card
    shown = page(Run.open(run.folder))
    assert 'id="bases"' in shown and "proven worse than pear" in shown
    assert 'Base model: <span class="mono">pear</span>' in shown
    assert summary_of(run.folder).base == "pear"
    as_json = json.loads(small_job.run("climb", "--resume", run.folder, "--json").stdout)
    assert [one["base"] for one in as_json["bases"]] == ["plum", "pear", "fig"]
    said = " ".join(small_job.run("climb", "--resume", run.folder).stdout.split())
    assert "The bases, compared on validation: 10 validation examples, and none of the test set" in said
    assert "pear (base: no help): chosen, it has the best score" in said


def test_no_test_question_is_asked_before_the_choice_and_none_of_another_base(straight: Straight) -> None:
    test, validation = questions(straight.run, "test"), questions(straight.run, "validation")
    assert straight.before and not {question for _, question in straight.before} & test
    assert {base for base, question in straight.asked if question in test} == {"pear"}
    assert (straight.run.folder.parent / "ledger.jsonl").read_text().count('"questions"') == 1
    asked = [question for base, question in straight.asked if base == "pear" and question in validation]
    assert len(asked) == 2 * len(validation)  # without help and with instructions, and not again in the climb


@pytest.mark.parametrize("part", [0.2, 0.6])
def test_a_comparison_that_is_killed_ends_the_same(
    part: float, straight: Straight, orchard: Orchard, tmp_path: Path
) -> None:
    run = Run.start(job_in(tmp_path), tmp_path / "run")
    work = climb(run)
    for _ in range(int(part * len(straight.events))):
        next(work)
    work.close()
    climbed, _ = finish(climb(Run.open(run.folder)))
    assert facts_of(climbed) == facts_of(straight.climbed)
    assert len(orchard.asked) == len(straight.asked)  # no question was asked twice


def facts_of(climbed: Climbed) -> object:
    compared = [(one.base, one.chosen, one.reason, one.score) for one in climbed.bases]
    return compared, climbed.verdict, climbed.rung


def test_bases_that_cannot_be_used_are_left_out_with_their_reason(orchard: Orchard, tmp_path: Path) -> None:
    orchard.broken = {
        "plum": ModelError("The base plum has no chat template.", "It is a base.", "use another."),
        "fig": ResourceError("The base fig does not fit into memory.", "It is large.", "use a smaller base."),
    }
    run = Run.start(job_in(tmp_path), tmp_path / "run")
    climbed, events = finish(climb(run))
    plum, pear, fig = climbed.bases
    assert pear.chosen and pear.reason == "no other one can be used"
    assert plum.score is fig.score is None
    assert "no chat template" in plum.reason and "does not fit" in fig.reason
    warned = [event.text for event in events if isinstance(event, Note) and event.level == "warning"]
    assert any("plum is left out: The base plum has no chat template. It is a base." in text for text in warned)
    assert not any(base != "pear" for base, _ in orchard.asked)


def test_if_no_base_can_be_used_the_error_names_all_and_nothing_is_left(orchard: Orchard, tmp_path: Path) -> None:
    orchard.broken = {name: ModelError(f"No {name} here.", "It is gone.", "look again.") for name in orchard.answers}
    run = Run.start(job_in(tmp_path), tmp_path / "run")
    with pytest.raises(ModelError) as caught, run:
        finish(climb(run))
    assert "No plum here." in caught.value.what
    assert "No pear here." in caught.value.why and "No fig here." in caught.value.why
    assert not run.folder.exists()


def test_all_are_compared_on_the_examples_that_each_can_read(orchard: Orchard, tmp_path: Path) -> None:
    orchard.context = {"pear": 25, "fig": 8}  # the three long ones do not fit, and almost all do not
    run = Run.start(job_in(tmp_path), tmp_path / "run")
    climbed, _ = finish(climb(run))
    plum, pear, fig = climbed.bases
    left_out = json.loads((run.folder / "done" / "unread.json").read_text())
    known = [*split_of(run)["train"], *split_of(run)["validation"], *split_of(run)["test"]]
    assert left_out == [f"e{n:02}" for n in LONG] and not set(left_out) & set(known)
    assert pear.chosen and pear.score and plum.score and pear.score.examples == plum.score.examples
    assert fig.reason.startswith("it reads ")


def test_a_server_that_stops_answering_ends_the_climb_and_is_not_left_out(orchard: Orchard, tmp_path: Path) -> None:
    orchard.broken = {"fig": RemoteError("fig does not answer.", "", "start it.")}
    run = Run.start(job_in(tmp_path), tmp_path / "run")
    with pytest.raises(RemoteError):
        finish(climb(run))
    assert run.saved(BASES) is None


def test_specialists_that_may_abstain_are_climbed_after_the_choice(orchard: Orchard, tmp_path: Path) -> None:
    orchard.answers["pear"] = sometimes
    text = JOB.replace("pass_mark = 0.7", "pass_mark = 0.7\nmin_answered = 0.3")
    run = Run.start(job_in(tmp_path, text), tmp_path / "run")
    climbed, events = finish(climb(run))
    assert [one.chosen for one in climbed.bases].count(True) == 1
    notes = [event.text for event in events if isinstance(event, Note)]
    said = [text for text in notes if "abstaining would not make a pass likelier" in text or "abstains if" in text]
    assert said and said[0].startswith("base: ")  # whether it abstains is decided in the climb


def test_a_revision_of_a_list_is_refused(orchard: Orchard, tmp_path: Path) -> None:
    run = Run.start(job_in(tmp_path, 'revision = "v2"\n' + JOB), tmp_path / "run")
    with pytest.raises(UsageError, match="lists several bases"):
        finish(climb(run))


def test_check_takes_bases_with_commas(orchard: Orchard, tmp_path: Path) -> None:
    job = job_in(tmp_path, JOB.replace('base_model = ["plum", "pear", "fig"]', ""))
    orchard.broken = {"fig": ModelError("The base fig has no chat template.", "It is a base.", "use another.")}
    checked = small_job.run("check", job.folder, "--base-model", "plum, pear,fig", "--rows", 0)
    said = " ".join(checked.stdout.split())
    assert (
        checked.exit_code == 0
        and "A climb compares these bases on validation; below, tokens are those of plum." in said
    )
    assert "fig: The base fig has no chat template. It is a base." in said

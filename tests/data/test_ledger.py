"""Climbs on the same test set know of each other and share an error budget."""

import errno
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import small_job
from finish import finish
from gradschool.data import ledger
from gradschool.data.asked_before import hashed
from gradschool.data.ledger import LEDGER, NAME, claim, expected_use, settle, times, warning
from gradschool.data.proof import Looks, levels_of, part_of_later_climb
from gradschool.errors import DamagedError, DataError
from gradschool.files import disk_errors, write_lines
from gradschool.job import Job
from gradschool.records import Example, Message, Note, Source, Use
from gradschool.run import Run
from gradschool.score.stats import bounds
from gradschool.settings import Settings

BACK = """
task = "Say it back."
base_model = "fake"
[goal]
metric = "exact_match"
pass_mark = 0.7
[split]
max_test = 40
"""


def examples(first: int, count: int) -> list[Example]:
    numbers = range(first, first + count)
    return [
        Example(f"e{n}", (Message("user", f"What is lot {n}?"), Message("assistant", "A chair.")), "", Source("x", n))
        for n in numbers
    ]


def asked() -> list[str]:
    """The hashes of the questions that the tests below ask."""
    return [hashed(example) for example in examples(0, 50)]


def started(folder: Path) -> Run:
    return Run.start(Job("lots", folder, Settings(base_model="fake")), folder)


def claimed(folder: Path, test: list[Example], budget: float = 0.05) -> Use:
    run = started(folder)
    use, _ = finish(claim(run, test, budget))
    settle(run, use.budget)
    return use


def test_all_climbs_on_a_test_set_together_may_spend_two_budgets(tmp_path: Path) -> None:
    uses = [claimed(tmp_path / f"lots-{n}", examples(0, 50)) for n in range(8)]
    assert [use.climb for use in uses] == list(range(1, 9))
    assert [use.budget for use in uses[:4]] == pytest.approx([0.05, 0.025, 0.0125, 0.00625])
    assert uses[-1].chance == pytest.approx(sum(use.budget for use in uses)) and uses[-1].chance < 0.1


def test_what_a_climb_does_not_spend_stays(tmp_path: Path) -> None:
    run = started(tmp_path / "lots-1")
    finish(claim(run, examples(0, 50), 0.05))
    settle(run, 0.0125)  # it passed at its first of four looks
    again = expected_use(examples(0, 50), 0.05, tmp_path)
    assert again.budget == pytest.approx(0.05 * (2 - 0.25) / 2) and again.chance == pytest.approx(0.0125 + again.budget)


def test_an_unfinished_climb_counts_in_full_and_a_resumed_one_counts_once(tmp_path: Path) -> None:
    run = started(tmp_path / "lots-1")
    first, _ = finish(claim(run, examples(0, 50), 0.05))
    assert expected_use(examples(0, 50), 0.05, tmp_path).budget == pytest.approx(0.025)
    assert finish(claim(Run.open(run.folder), examples(0, 50), 0.05))[0] == first
    assert len((tmp_path / LEDGER).read_text().splitlines()) == 2
    for _ in range(2):
        settle(run, 0.0125)
    assert len((tmp_path / LEDGER).read_text().splitlines()) == 3
    assert expected_use(examples(0, 50), 0.05, tmp_path, run) == first


def test_a_run_that_stopped_between_its_claim_and_the_ledger_is_entered_when_it_is_resumed(tmp_path: Path) -> None:
    run = started(tmp_path / "lots-1")
    use, _ = finish(claim(run, examples(0, 50), 0.05))
    (tmp_path / LEDGER).unlink()
    assert finish(claim(run, examples(0, 50), 0.05))[0] == use
    assert json.loads((tmp_path / LEDGER).read_text())["id"] == run.saved(NAME)


def test_of_climbs_that_begin_at_the_same_time_the_first_line_is_the_first_climb(tmp_path: Path) -> None:
    both = [started(tmp_path / f"lots-{n}") for n in (1, 2)]
    real, uses = ledger.append_line, []

    def after_the_other(path: Path, row: dict[str, object]) -> None:
        real(path, row)
        if row.get("id") == both[0].saved(NAME) and not uses:  # the first one has a line, and no budget yet
            uses.append(finish(claim(both[1], examples(0, 50), 0.05))[0])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "append_line", after_the_other)
        uses.append(finish(claim(both[0], examples(0, 50), 0.05))[0])
    assert [use.climb for use in uses] == [2, 1] and [use.budget for use in uses] == pytest.approx([0.025, 0.05])


def test_without_any_error_budget_there_is_no_climb(tmp_path: Path) -> None:
    runs = [started(tmp_path / f"lots-{n}") for n in range(3)]
    lines = [{"id": run.save(NAME, f"{n}" * 16), "run": "lots", "error_budget": 0.05, "questions": asked()}
             for n, run in enumerate(runs)]  # fmt: skip
    write_lines(tmp_path / LEDGER, lines)  # three that begin at the same moment: none knows yet what the others have
    for _ in range(2):
        with pytest.raises(DataError, match="Nothing is left of the error budget"):
            finish(claim(runs[2], examples(0, 50), 0.05))
        with pytest.raises(DataError, match="3 climbs"):
            expected_use(examples(0, 50), 0.05, tmp_path)
    uses = [finish(claim(run, examples(0, 50), 0.05))[0] for run in runs]  # the first two, and the third resumed
    assert [use.budget for use in uses] == pytest.approx([0.05, 0.025, 0.0125])
    many = tmp_path / "many"
    with pytest.raises(DataError, match="fresh-test"):
        for n in range(99):
            claimed(many / f"lots-{n}", examples(0, 50))
    assert n == 30


def test_the_least_budget_of_a_climb_still_gives_bounds(tmp_path: Path) -> None:
    budget, n = 1.0, 0
    with pytest.raises(DataError, match="Nothing is left"):
        for n in range(99):
            budget = finish(claim(started(tmp_path / f"lots-{n}"), examples(0, 50), 1e-9))[0].budget
    assert n < 9 and Looks(budget, 4).level < 1
    least = levels_of(Looks(budget, 4).level).share
    [low, high] = (bounds(values, list("abcd"), least) for values in ([0.1, 0.4, 0.2, 0.3], [0.9, 0.6, 0.8, 0.7]))
    assert 0 < low.low < 0.001 and low.low == pytest.approx(1 - high.high)


@pytest.mark.parametrize(("kept", "climb"), [(50, 2), (25, 2), (5, 2), (4, 1), (0, 1)])
def test_a_test_set_is_another_one_if_nearly_all_questions_are_new(tmp_path: Path, kept: int, climb: int) -> None:
    claimed(tmp_path / "lots-1", examples(0, 50))
    assert expected_use(examples(50 - kept, 50), 0.05, tmp_path).climb == climb


def test_questions_that_several_earlier_climbs_asked_are_counted_together(tmp_path: Path) -> None:
    uses = [claimed(tmp_path / f"lots-{n}", examples(1000 * n, 50)) for n in range(3)]
    assert [use.budget for use in uses] == [0.05, 0.05, 0.05]
    few = [*examples(0, 4), *examples(5000, 46)]
    assert expected_use(few, 0.05, tmp_path).climb == 1  # a few common questions do not make it the same test set
    twelfths = [*examples(0, 4), *examples(1000, 4), *examples(6000, 42)]
    assert expected_use(twelfths, 0.05, tmp_path) == Use(2, 0.025, 0.05 + 0.025)
    with pytest.raises(DataError, match="2 climbs asked some"):
        expected_use([*examples(0, 4), *examples(1000, 6), *examples(2000, 7), *examples(7000, 33)], 0.05, tmp_path)


def test_a_climb_counts_with_those_that_the_earlier_ones_counted_with(tmp_path: Path) -> None:
    uses = [claimed(tmp_path / f"lots-{n}", examples(45 * n, 50)) for n in range(4)]  # each has five of the one before
    assert [use.climb for use in uses] == [1, 2, 3, 4]
    assert [use.budget for use in uses] == pytest.approx([0.05, 0.025, 0.0125, 0.00625])


def test_small_repairs_of_a_question_or_of_its_answer_leave_it_the_same(tmp_path: Path) -> None:
    claimed(tmp_path / "lots-1", examples(0, 20))
    repaired = [
        replace(one, id=f"new {one.id}", messages=(Message("user", f"what is lot {n}"), Message("assistant", "Stool.")))
        for n, one in enumerate(examples(0, 20))
    ]
    assert expected_use(repaired, 0.05, tmp_path).climb == 2
    assert ledger.tested_before([*repaired, *examples(20, 5)], tmp_path) == {one.id for one in repaired}


PLACES = ("Leith", "Oban", "Wick", "Ayr", "Nairn", "Troon", "Fort William", "Kirkwall", "Lerwick", "Stranraer")
GOODS = ("barley", "slate", "herring", "whisky", "wool", "kelp", "granite", "seed potatoes", "ropes", "coal")


def asks(first: int, count: int) -> list[Example]:
    """Questions of a dozen words about a port and a cargo, which are different for each number below 100."""
    texts = [f"How much {good} left the port of {place} last spring by sea?" for place in PLACES for good in GOODS]
    messages = [(Message("user", text), Message("assistant", "Forty tons.")) for text in texts]
    return [Example(f"a{n}", messages[n], "", Source("x", n)) for n in range(first, first + count)]


def changed(examples: list[Example], change: Callable[[str], str], system: str = "") -> list[Example]:
    begin = (Message("system", system),) if system else ()
    return [
        replace(one, messages=(*begin, Message("user", change(one.last_user)), one.messages[-1])) for one in examples
    ]


REPAIRS: dict[str, tuple[Callable[[str], str], str]] = {
    "a system message": (str, "Answer in tons."),
    "other words around it": (lambda text: f"Read the question and answer in tons.\n\nQuestion: {text}\nAnswer:", ""),
    "a typo": (lambda text: text.replace("spring", "sprnig"), ""),
    "another word": (lambda text: text.replace("much", "many tons of"), ""),
}


@pytest.mark.parametrize("repair", REPAIRS.values(), ids=list(REPAIRS))
def test_a_repair_of_all_questions_does_not_make_a_new_test_set(
    tmp_path: Path, repair: tuple[Callable[[str], str], str]
) -> None:
    first = asks(0, 30)
    claimed(tmp_path / "lots-1", first)
    change, system = repair
    again = changed(first, change, system)
    assert expected_use(again, 0.05, tmp_path).climb == 2
    assert len(ledger.tested_before([*again, *examples(0, 5)], tmp_path)) > 25


def test_a_ledger_of_an_earlier_version_has_no_sketches(tmp_path: Path) -> None:
    claimed(tmp_path / "lots-1", asks(0, 30))
    lines = [json.loads(line) for line in (tmp_path / LEDGER).read_text().splitlines()]
    lines[0].pop("sketches")
    (tmp_path / LEDGER).write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert expected_use(asks(0, 30), 0.05, tmp_path).climb == 2
    (tmp_path / LEDGER).write_text(json.dumps(lines[0] | {"sketches": "12"}) + "\n")
    with pytest.raises(DamagedError, match="ledger"):
        expected_use(asks(0, 30), 0.05, tmp_path)


def test_budgets_of_different_sizes_leave_something_for_later_climbs(tmp_path: Path) -> None:
    claimed(tmp_path / "lots-1", examples(0, 20), 0.2)
    later = claimed(tmp_path / "lots-2", examples(0, 20), 0.05)
    assert later.budget == pytest.approx(0.025) and later.chance == pytest.approx(0.225)
    assert part_of_later_climb(1.999) > 0


def test_a_ledger_that_cannot_be_read_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / LEDGER).write_text('{"id": 3}\n')
    with pytest.raises(DamagedError, match="move it away"):
        expected_use(examples(0, 5), 0.05, tmp_path)


@pytest.mark.parametrize(
    "line", ['{"id": "a", "error_budget": 0}', '{"id": "a", "spent": -1}', '{"id": "a", "spent": NaN}']
)
def test_numbers_that_no_climb_writes_are_refused(line: str, tmp_path: Path) -> None:
    (tmp_path / LEDGER).write_text(line + "\n")
    with pytest.raises(DamagedError, match="ledger"):
        claimed(tmp_path / "first", examples(0, 20))


DAMAGE = {
    "a sign": lambda text: text.replace(b'"questions"', b'#questions"', 1),
    "a key": lambda text: text.replace(b'"questions"', b'"queztions"', 1),
    "zeros": lambda text: bytes(len(text)),
    "zeros in the first line": lambda text: bytes(40) + text[40:],
    "the first line": lambda text: text.split(b"\n", 1)[1],
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=list(DAMAGE))
def test_a_damaged_line_is_an_error_and_not_one_climb_less(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    claimed(tmp_path / "lots-1", examples(0, 20))
    path = tmp_path / LEDGER
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DamagedError, match="is damaged") as caught:
        expected_use(examples(0, 20), 0.05, tmp_path)
    assert "move it away" in caught.value.fix


@pytest.mark.parametrize("length", [1, 12, 40, 200])
def test_the_part_of_a_line_that_a_kill_leaves_is_passed_over(length: int, tmp_path: Path) -> None:
    claimed(tmp_path / "lots-1", examples(0, 20))
    path = tmp_path / LEDGER
    text = path.read_bytes()
    path.write_bytes(text + text[:length])
    assert expected_use(examples(0, 20), 0.05, tmp_path).climb == 2
    assert claimed(tmp_path / "lots-2", examples(0, 20)).climb == 2
    assert expected_use(examples(0, 20), 0.05, tmp_path).climb == 3


def test_lines_that_were_copied_count_once(tmp_path: Path) -> None:
    claimed(tmp_path / "lots-1", examples(0, 20))
    path = tmp_path / LEDGER
    expected = expected_use(examples(0, 20), 0.05, tmp_path)
    path.write_bytes(path.read_bytes() * 3)
    assert expected_use(examples(0, 20), 0.05, tmp_path) == expected


def test_a_ledger_that_leads_elsewhere_gets_no_line(tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("mine\n")
    runs = tmp_path / "runs"
    runs.mkdir()
    (runs / LEDGER).symlink_to(mine)
    with pytest.raises(DamagedError, match="is a link"):
        claimed(runs / "first", examples(0, 20))
    assert mine.read_text() == "mine\n"


def test_a_ledger_that_cannot_be_written_gives_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, row: object) -> None:
        with disk_errors(path):
            raise PermissionError(errno.EACCES, "Permission denied")

    run = started(tmp_path / "lots-1")
    monkeypatch.setattr(ledger, "append_line", refuse)
    use, events = finish(claim(run, examples(0, 5), 0.05))
    assert use.budget == 0.05
    assert any(isinstance(event, Note) and "will not count this one" in event.text for event in events)


def test_words_about_later_climbs() -> None:
    assert times(Use(1, 0.05, 0.05)) == warning(Use(1, 0.05, 0.05), 0.05) == ""
    assert times(Use(3, 0.0125, 0.0875)).startswith("Third climb on this test set: the chance of a false pass")
    assert "8.75 %" in times(Use(3, 0.0125, 0.0875)) and times(Use(12, 0.001, 0.09)).startswith("Climb 12 on")
    unspent = warning(Use(2, 0.05, 0.05), 0.05)
    assert "still 5 %" in unspent and "instead of" not in unspent and "--fresh-test" not in unspent
    said = warning(Use(3, 0.0125, 0.0875), 0.05)
    assert "1.25 % instead of 5 %" in said and "--fresh-test" in said


def test_a_second_climb_says_so_everywhere_and_a_fresh_test_makes_it_a_first_one(here: Path) -> None:
    rows = [{**row, "completion": row["prompt"]} for row in small_job.rows(200)]
    job = small_job.write_job(here / "echo", BACK, rows)
    first = small_job.run("climb", job)
    assert first.exit_code == 0 and "climb on this test set" not in first.output
    second = small_job.run("climb", job)
    # The first one passed at its first look of two: it spent half a budget, and one and a half of two are left.
    assert "Second climb on this test set: the chance of a false pass in one of them is up to 6.25 %" in second.stdout
    [folder] = (here / "runs").glob("*-2")
    report = json.loads((folder / "done" / "base-result.json").read_text())["report"]
    assert report["use"]["climb"] == 2 and report["score"]["interval"]["level"] == pytest.approx(1 - 0.0375 / 2)
    assert "Second climb on this test set" in (folder / "specialist" / "README.md").read_text()
    small_job.run("report", folder)
    assert "Second climb on this test set" in (folder / "report.html").read_text()
    assert "Third climb on this test set" in small_job.run("check", job).stdout
    fresh = small_job.run("climb", job, "--fresh-test")
    assert fresh.exit_code == 0 and "climb on this test set" not in fresh.output, fresh.output
    splits = [set(json.loads(path.read_text())["test"]) for path in sorted((here / "runs").glob("*/done/split.json"))]
    assert splits[0] == splits[1] and not splits[0] & splits[2]


@pytest.mark.parametrize("budget", [0.0, 0.2, 1.0])
def test_a_run_claims_no_more_than_the_budget_of_its_job(budget: float, tmp_path: Path) -> None:
    run = started(tmp_path / "lots-1")
    finish(claim(run, examples(0, 50), 0.05))
    path = run.folder / "done" / "use.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "budget": budget}))
    with pytest.raises(DamagedError, match="is damaged") as caught:
        finish(claim(run, examples(0, 50), 0.05))
    assert "delete done/use.json" in caught.value.fix

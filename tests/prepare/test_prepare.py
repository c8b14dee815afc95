"""Complete preparations: the job folder, the user's decisions in it, and what is never overwritten or published."""

import json
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from finish import finish
from gradschool import durable
from gradschool.cli import app
from gradschool.data.read import read_examples
from gradschool.data.split import split_of
from gradschool.errors import DataError, UsageError
from gradschool.job import read_job
from gradschool.prepare.finish import LOOKS
from gradschool.prepare.folder import JobFolder
from gradschool.prepare.options import PrepareOptions, private_modes
from gradschool.prepare.prepare import prepare
from gradschool.records import Note
from gradschool.rungs.ladder import LADDER
from gradschool.workspace import check_job, divide
from mails import ANNA, TOM, mail, mbox

Run = Callable[..., Any]
SIGNATURE = "\n\nBest wishes\nAnna\n\n-- \nAnna Keller\nTel. 020 7946 0112"
THINGS = (
    *("mast", "keel", "hull", "sail", "rope", "lamp", "pump", "deck", "oar", "flag", "anchor", "stove", "compass"),
    *("bell", "hatch", "tiller"),
)
AUTHOR = ("anna@example.org",)


def lines(rows: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def mailbox(count: int = 16) -> bytes:
    """Tom asks about one thing after the other, and Anna answers each."""
    mails = []
    for number, thing in enumerate(THINGS[:count]):
        asked, own = f"q{number}", f"a{number}"
        mails.append(mail(f"Where is the {thing}, Anna?", TOM, ANNA, f"the {thing}", asked, day=3 * number + 1))
        answer = f"The {thing} lies in shed {number}, behind the green door, under whatever you left there.{SIGNATURE}"
        mails.append(mail(answer, subject=f"Re: the {thing}", id_=own, answers=asked, day=3 * number + 2))
    return mbox(*mails)


def decide(job: Path, key: str, which: Callable[[dict[str, Any]], bool], decision: str, **more: Any) -> None:
    path = job / "review.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    hit = [row for row in rows if key in row and which(row)]
    assert hit
    for row in hit:
        row |= {"decision": decision} | more
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def again(tmp_path: Path, **wanted: Any) -> Any:
    source = tmp_path / "sources" / "box.mbox"
    return finish(prepare([source], PrepareOptions("style", authors=AUTHOR, **wanted), tmp_path / "job"))[0]


@pytest.fixture
def prepared(run: Run) -> Any:
    return run({"box.mbox": mailbox()}, "style", authors=AUTHOR)[0]


def test_the_job_can_be_climbed_and_its_test_is_the_latest(prepared: Any, tmp_path: Path, rows: Any) -> None:
    job = read_job(tmp_path / "job")
    reading = read_examples(job.path(job.settings.data.examples), job.settings.data)
    assert len(reading.examples) == 16 and not reading.issues and job.settings.goal.metric == "style"
    train, validation, test = split_of(reading.examples, divide(reading.examples, job, 4))
    assert max(e.date for e in train) < min(e.date for e in validation) < min(e.date for e in test)
    first = rows("examples.jsonl")[0]
    assert first["completion"].endswith("Best wishes\nAnna") and "Tel" not in first["completion"]
    assert first["prompt"].startswith("Where is the mast, ")
    assert "the threads of the test set end later" in (tmp_path / "job/report.md").read_text()


def test_the_same_sources_give_the_same_files(prepared: Any, tmp_path: Path) -> None:
    names = ("examples.jsonl", "review.jsonl", "job.toml", "report.md", "private/pseudonyms.json")
    before = [(tmp_path / "job" / name).read_bytes() for name in names]
    again(tmp_path)
    assert [(tmp_path / "job" / name).read_bytes() for name in names] == before


def test_decisions_are_applied_on_the_next_run_and_preserved(prepared: Any, tmp_path: Path, rows: Any) -> None:
    job = tmp_path / "job"
    ids = [row["id"] for row in rows("examples.jsonl")]
    decide(job, "item", lambda row: row["item"] == ids[0], "drop")
    decide(job, "item", lambda row: row["item"] == ids[1], "keep")
    edited = [{"role": "user", "content": "Well?"}, {"role": "assistant", "content": "In the shed, as I said."}]
    decide(job, "item", lambda row: row["item"] == ids[2], "edit", messages=edited)
    again(tmp_path)
    found = {row["id"]: row for row in rows("examples.jsonl")}
    assert ids[0] not in found and "+1 201" in found[ids[1]]["completion"]
    assert found[ids[2]]["completion"] == "In the shed, as I said."
    told = {row["item"]: row["decision"] for row in rows("review.jsonl") if "item" in row}
    assert [told[id_] for id_ in ids[:3]] == ["drop", "keep", "edit"]
    again(tmp_path)
    assert {row["id"] for row in rows("examples.jsonl")} == found.keys()
    decide(job, "item", lambda row: row["item"] == ids[0], "")
    again(tmp_path)
    assert len(rows("examples.jsonl")) == 16


def test_a_private_value_can_be_kept(prepared: Any, tmp_path: Path, rows: Any) -> None:
    assert "Anna" in rows("examples.jsonl")[0]["completion"]  # the author's own name stays
    names = {row["text"] for row in rows("review.jsonl") if row.get("kind") == "name"}
    assert names == set()  # Tom is nowhere named in the texts
    more = mailbox() + mbox(mail("Come, Tom. Call 020 7946 0199, says Tom Reed's boy.", id_="z", day=55))
    (tmp_path / "sources" / "box.mbox").write_bytes(more)
    again(tmp_path)
    last = rows("examples.jsonl")[-1]["completion"]
    assert "Tom" not in last and "0199" not in last
    decide(tmp_path / "job", "value", lambda row: row["kind"] == "phone number", "keep")
    again(tmp_path)
    assert "020 7946 0199" in rows("examples.jsonl")[-1]["completion"]
    again(tmp_path, private=private_modes("drop"))
    assert len(rows("examples.jsonl")) == 16


def test_a_decision_without_an_object_is_preserved_and_reported(prepared: Any, tmp_path: Path, rows: Any) -> None:
    with (tmp_path / "job/review.jsonl").open("a") as file:
        file.write('{"item": "mail-gone", "decision": "drop"}\n')
    assert again(tmp_path).summary.lost_decisions == 1
    assert any(row.get("item") == "mail-gone" for row in rows("review.jsonl"))


@pytest.mark.parametrize(
    "line, why",
    [
        ("{broken", "cannot be read"),
        ("[]", "not an object"),
        ('{"item": "a", "decision": "maybe"}', "not a decision"),
        ('{"decision": "drop"}', "without an object"),
        ('{"item": "a", "decision": "edit", "messages": []}', "not from the assistant"),
    ],
)
def test_an_invalid_review_is_an_error_with_its_line(prepared: Any, tmp_path: Path, line: str, why: str) -> None:
    path = tmp_path / "job/review.jsonl"
    number = len(path.read_text().splitlines()) + 1
    with path.open("a") as file:
        file.write(line + "\n")
    before = path.read_bytes()
    with pytest.raises(DataError, match=rf"(?s)review.jsonl:{number}.*|{why}") as error:
        again(tmp_path)
    assert why in str(error.value) and path.read_bytes() == before


def test_files_of_the_user_are_never_overwritten(prepared: Any, tmp_path: Path, run: Run) -> None:
    job = tmp_path / "job"
    (job / "job.toml").write_text((job / "job.toml").read_text().replace("0.5", "0.61"))
    (job / "mine.txt").write_text("mine")
    assert again(tmp_path).job_kept and again(tmp_path).job_kept
    assert "0.61" in (job / "job.toml").read_text() and (job / "mine.txt").read_text() == "mine"
    (job / "examples.jsonl").write_text("changed\n")
    with pytest.raises(UsageError, match="was edited"):
        again(tmp_path)
    assert (job / "examples.jsonl").read_text() == "changed\n"
    other = tmp_path / "other"
    other.mkdir()
    (other / "examples.jsonl").write_text("somebody's\n")
    with pytest.raises(UsageError, match="not written by a preparation"):
        finish(prepare([tmp_path / "sources" / "box.mbox"], PrepareOptions("style"), other))
    with pytest.raises(UsageError, match="is a file"):
        finish(prepare([tmp_path / "sources" / "box.mbox"], PrepareOptions("style"), job / "mine.txt"))


def test_an_interrupted_preparation_leaves_everything_as_it_was(prepared: Any, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in (tmp_path / "job").rglob("*") if path.is_file()}
    (tmp_path / "sources" / "box.mbox").write_bytes(mailbox(12))
    work = prepare([tmp_path / "sources" / "box.mbox"], PrepareOptions("style", authors=AUTHOR), tmp_path / "job")
    for _ in range(6):
        next(work)
    work.close()
    assert {path: path.read_bytes() for path in (tmp_path / "job").rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_map_is_readable_by_its_owner_only_and_never_packaged(prepared: Any, tmp_path: Path) -> None:
    private = tmp_path / "job" / "private"
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    assert stat.S_IMODE((private / "pseudonyms.json").stat().st_mode) == 0o600
    assert (private / ".gitignore").read_text() == "*\n"
    assert "tom@example.net" in (private / "pseudonyms.json").read_text()
    for name in ("examples.jsonl", "job.toml", "report.md", "prepared.json"):
        assert "tom@example.net" not in (tmp_path / "job" / name).read_text()


def test_copies_unusual_and_damaged_examples_are_reported(run: Run, rows: Any) -> None:
    kinds, colours = (
        ("boat", "house", "tree", "road", "hill", "lake"),
        ("red", "blue", "green", "white", "black", "grey"),
    )
    ending = "stood where it always stood, and nobody has moved it for years."
    good = [
        {"prompt": f"Tell me something of the {a} {b}, please.", "completion": f"The {a} {b} {ending}"}
        for a in colours
        for b in kinds
    ]
    german = "kostet das kleine rote Fahrrad mit dem Korb vorne dran"
    odd = [
        good[0],
        good[1] | {"completion": "It was sold last year, and nobody knows to whom."},
        {"prompt": f"Was {german}?", "completion": f"Zwanzig Euro {german}, und der Korb kommt noch dazu."},
        {"prompt": "Where is the cafÃ©?", "completion": "The cafÃ© is at the corner, behind the old church."},
        {"prompt": "Tell me all.", "completion": "A very long story. " * 300},
        {"prompt": "And the end?", "completion": "The end of it all was that the"},
    ]
    summary = run({"r.jsonl": lines(good + odd)}, "skill")[0].summary
    assert summary.dropped == {"duplicate": 1, "wrong language": 1}
    assert summary.changed == {"contradicting": 1, "encoding": 1, "unusual length": 1, "looks cut off": 1}
    assert any(row["completion"].startswith("The café is") for row in rows("examples.jsonl"))
    assert summary.read == len(good) + len(odd) == summary.kept + 2


def test_near_duplicates_are_dropped_and_a_decision_restores_them(run: Run, tmp_path: Path) -> None:
    asked = " ".join(f"word{number}" for number in range(160))
    pairs = [(3, asked), (3, f"{asked} soon"), (4, "and the other parcel")]
    content = lines({"prompt": text, "completion": f"It will take {days} days."} for days, text in pairs)
    prepared, _ = run({"r.jsonl": content}, "skill")
    assert prepared.summary.dropped == {"near-duplicate": 1}
    decide(tmp_path / "job", "item", lambda row: row["action"] == "dropped", "keep")
    prepared, _ = run({"r.jsonl": content}, "skill")
    assert prepared.summary.kept == 3


def test_wording_that_many_answers_share_can_be_removed_everywhere(run: Run, rows: Any, tmp_path: Path) -> None:
    form = "This answer was made with great care by our whole team."
    answers = [f"The {thing} is as it was, and {n} people saw it.\n\n{form}" for n, thing in enumerate(THINGS)]
    content = lines({"prompt": f"How is {n}?", "completion": answer} for n, answer in enumerate(answers))
    run({"r.jsonl": content}, "skill")
    (row,) = [row for row in rows("review.jsonl") if "wording" in row]
    assert (row["text"], row["times"]) == (form, 16)
    decide(tmp_path / "job", "wording", lambda row: True, "drop")
    run({"r.jsonl": content}, "skill")
    assert not any(form in row["completion"] for row in rows("examples.jsonl"))


def test_guidelines_become_instructions_and_rules(run: Run, tmp_path: Path) -> None:
    (tmp_path / "g.md").write_text("# Manner\n\nNever use exclamation marks. Be kind.\n")
    said = [(f"my {thing} broke", f"we will mend the {thing} by Monday") for thing in THINGS]
    turns = [{"turns": [{"role": "user", "text": one}, {"role": "agent", "text": other}]} for one, other in said]
    prepared, _ = run({"d.jsonl": lines(turns)}, "persona", guidelines=tmp_path / "g.md")
    settings = read_job(tmp_path / "job").settings
    assert settings.goal.metric == "token_f1"
    assert [rule.name for rule in settings.goal.rules] == ["no exclamation marks"]
    assert settings.data.guidelines == "guidelines.md"
    assert "Be kind" in (tmp_path / "job/guidelines.md").read_text()
    report = (tmp_path / "job/report.md").read_text()
    assert "breaks (made up): " in report and "cannot be checked by a script" in report
    assert [one.obeyed for one in prepared.guidelines if one.rule] == [1.0]


def test_a_label_job_and_a_json_job_get_their_metrics(run: Run, tmp_path: Path) -> None:
    labels = [{"text": f"where is {thing}", "label": ("lost", "found")[n % 2]} for n, thing in enumerate(THINGS)]
    objects = [{"prompt": f"where is {thing}", "completion": json.dumps({"is": thing})} for thing in THINGS]
    for content, metric in ((labels, "label"), (objects, "json_fields")):
        run({"r.jsonl": lines(content)}, "skill")
        assert read_job(tmp_path / "job").settings.goal.metric == metric


def test_sources_without_examples_are_an_error(run: Run) -> None:
    with pytest.raises(DataError, match="have nothing"):
        run({"a.md": "just a text without questions"}, "skill")


def test_the_command_reports_the_result(tmp_path: Path) -> None:
    (tmp_path / "box.mbox").write_bytes(mailbox())
    (tmp_path / "x.png").write_bytes(b"\x89PNG\0")
    sources = [str(tmp_path / "box.mbox"), str(tmp_path / "x.png")]
    options = ["--for", "style", "--into", str(tmp_path / "job"), "--author", AUTHOR[0], "--pass-mark", "0.7"]
    command = ["prepare", *sources, *options]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    for told in ("16 examples in 16 groups", "signature 16", "x.png is skipped"):
        assert told in result.output
    assert read_job(tmp_path / "job").settings.goal.pass_mark == 0.7
    wrongs = {"--for": ("stile", "is not one of"), "--pass-mark": ("7", "between 0 and 1")}
    for option, (value, why) in (wrongs | {"--private": ("x", "choose one of")}).items():
        result = CliRunner().invoke(app, [*command, option, value])
        assert result.exit_code == 2 and why in result.output


def test_notes_report_the_sources(run: Run) -> None:
    table = "prompt,completion\na b,c d\n"
    _, events = run({"box.mbox": mailbox(), "b.csv": table}, "style", authors=AUTHOR)
    told = " ".join(event.text for event in events if isinstance(event, Note))
    assert "box.mbox: a mailbox (mbox)." in told and "32 mails; 16 are by anna@example.org (given)." in told


@pytest.mark.parametrize(
    ("stage", "after"), [("examples.jsonl", True), ("guide.md", False), ("job.toml", True), ("report.md", False)]
)
def test_a_killed_preparation_is_repeated(
    stage: str, after: bool, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off before or after a file is replaced, over a job that the user edited: the next one asks for nothing."""
    run({"box.mbox": mailbox(12), "guide.md": "# Boats\n\nThe sheds are locked at six.\n"}, "skill", authors=AUTHOR)
    job, sources = tmp_path / "job", [tmp_path / "sources" / name for name in ("box.mbox", "guide.md")]
    (job / "job.toml").write_text(edited := (job / "job.toml").read_text() + "# mine\n")
    if stage == "job.toml":
        (job / "job.toml").unlink()
    (job / "documents" / "guide.md").unlink()
    sources[0].write_bytes(mailbox(16))
    plain = durable.replace_file

    def replace_file(new: Path, path: Path) -> None:
        if path.name != stage or after:
            plain(new, path)
        if path.name == stage:
            raise SystemExit

    def work() -> Any:
        return finish(prepare(sources, PrepareOptions("skill", authors=AUTHOR), job))

    with monkeypatch.context() as patch:
        patch.setattr("gradschool.files.replace_file", replace_file)
        for _ in range(2):  # killed twice: neither may take the other's files for the user's
            with pytest.raises(SystemExit):
                work()
            sources[0].write_bytes(mailbox(15))
            (job / "documents" / "guide.md").unlink(missing_ok=True)
    if (job / "job.toml").exists():
        with pytest.raises(UsageError, match="did not end"):
            check_job(read_job(job))
    work()
    check_job(read_job(job))
    assert len((job / "examples.jsonl").read_text().splitlines()) == 15
    assert stage == "job.toml" or (job / "job.toml").read_text() == edited
    assert "locked at six" in (job / "documents" / "guide.md").read_text()


def test_two_preparations_cannot_write_one_folder(prepared: Any, tmp_path: Path) -> None:
    source = tmp_path / "sources" / "box.mbox"
    work = prepare([source], PrepareOptions("style", authors=AUTHOR), tmp_path / "job")
    next(work)
    with pytest.raises(UsageError, match="is being written by another process"):
        again(tmp_path)
    work.close()
    assert again(tmp_path).summary.kept == 16


@pytest.mark.parametrize("record", ["{", "[]", '{"files": 3}', '{"files": {"a": 1}}', '{"writing": {"a": "b"}}'])
def test_a_record_that_is_not_one_is_an_error(record: str, tmp_path: Path) -> None:
    (tmp_path / "prepared.json").write_text(record)
    with pytest.raises(UsageError, match=r"prepared\.json cannot be read"):
        JobFolder(tmp_path)


def test_a_skill_is_prepared_without_pytorch(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("question,answer\n" + "".join(f"Gate {n}?,Left of {n}.\n" for n in range(40)))
    code = (
        "import sys\nfrom gradschool.cli import main\n"
        "sys.argv = ['gradschool', 'prepare', 'rows.csv', '--for', 'skill', '--into', 'job']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "assert not {'torch', 'transformers'} & sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "job" / "report.md").exists() and "leakage" in done.stdout


def test_a_split_is_tried_with_the_looks_of_the_ladder() -> None:
    assert len(LADDER) == LOOKS

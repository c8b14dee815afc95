"""Texts of other authors in a style job: given ones and answered messages; never instructions, never the author's."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from essays import essay
from gradschool.cli import app
from gradschool.data.read import read_examples
from gradschool.job import read_job
from gradschool.settings import Data
from mails import ANNA, TOM, mail, mbox

Run = Callable[..., Any]
LONG_SUBJECT = "the mast of the old ferry which we looked at in spring and then forgot about all summer long"
ASKED = "Have you seen the green ladder since we painted the boathouse? I looked in all three sheds and found none."


def texts(folder: Path) -> list[str]:
    return [json.loads(line)["text"] for line in (folder / "job/others.jsonl").read_text().splitlines()]


def box() -> bytes:
    mails = [mail(ASKED, TOM, ANNA, "ladder", "q", day=1)]
    mails.append(
        mail(
            "It hangs behind the boathouse door, where it always hangs.",
            subject="Re: ladder",
            id_="a",
            answers="q",
            day=2,
        )
    )
    mails.append(mail("The mast is off and lies in the yard, next to the ferry.", subject=LONG_SUBJECT, id_="b", day=3))
    return mbox(*mails)


def test_answered_messages_count_and_instructions_never(run: Run, tmp_path: Path) -> None:
    run({"box.mbox": box()}, "style", authors=("anna@example.org",))
    [text] = texts(tmp_path)
    assert text.startswith("Have you seen the green ladder")
    examples = read_examples(tmp_path / "job/examples.jsonl", Data()).examples
    [row] = [json.loads(line) for line in (tmp_path / "job/others.jsonl").read_text().splitlines()]
    assert row["group"] == next(example.group for example in examples if example.last_user == text)
    assert any(LONG_SUBJECT in example.last_user for example in examples)
    assert read_job(tmp_path / "job").settings.data.others == "others.jsonl"


def test_pairs_count_only_if_the_question_is_as_long_as_the_answer(run: Run, tmp_path: Path) -> None:
    pairs = [
        (ASKED, "Behind the door."),
        (f"Write to the harbour office about the following matter: {LONG_SUBJECT}", essay(1, 4)),
    ]
    run({"r.jsonl": "".join(json.dumps({"prompt": q, "completion": a}) + "\n" for q, a in pairs)}, "style")
    assert texts(tmp_path) == [ASKED]


def test_sources_of_other_authors_are_read_with_pseudonyms_and_without_copies(run: Run, tmp_path: Path) -> None:
    others = tmp_path / "others"
    others.mkdir()
    (others / "a.txt").write_text(essay(50, 40))
    (others / "b.csv").write_text(f'title,text\nOn sheds,"{ASKED}"\nAgain,"{ASKED}"\nShort,"Not yet."\n')
    (others / "box.mbox").write_bytes(
        mbox(mail(f"{ASKED} Call me: 020 7946 0188", "Eve Moss <eve@example.net>", ANNA, "x", "z", day=1))
    )
    (others / "own.md").write_text(essay(2, 2))
    (others / "fr.txt").write_text(
        "Les bateaux rentrent au port quand la cloche sonne, et personne ne demande jamais pourquoi. " * 5
    )
    own = {f"e{n}.txt": essay(n, 2) for n in range(6)}
    prepared, _ = run(own, "style", others=(others,))
    found = texts(tmp_path)
    assert prepared.summary.others["given"] == len(found) >= 5 and prepared.summary.others["left out"] >= 3
    assert sum(text == ASKED for text in found) == 1 and essay(2, 2) not in found
    assert not any("0188" in text or "bateaux" in text for text in found)
    assert all(json.loads(line)["group"] == "" for line in (tmp_path / "job/others.jsonl").read_text().splitlines())


def test_the_command_says_what_stops_a_climb_and_names_none(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("n,text\n" + "".join(f'{n},"{essay(n, 1)}"\n' for n in range(14)))
    options = ["--for", "style", "--into", str(tmp_path / "my job")]
    result = CliRunner().invoke(app, ["prepare", str(tmp_path / "t.csv"), *options])
    assert result.exit_code == 0, result.output
    assert "cannot be climbed yet" in result.output and "needs 20 texts of the author" in result.output
    assert "gradschool check '" in result.output and "gradschool climb" not in result.output
    report = (tmp_path / "my job/report.md").read_text()
    assert "## What stops a climb" in report and "gradschool climb" not in report


def short_of_others(folder: Path) -> Path:
    """Texts of one author, with titles: the built-in base answers them in a word or two."""
    folder.mkdir()
    for n in range(44):
        (folder / f"e{n}.txt").write_text(f"The {n} hens and the sea\n\n{essay(n, 1)}")
    return folder


def test_a_style_over_short_answers_cannot_be_climbed_without_other_authors(tmp_path: Path) -> None:
    command = ["prepare", str(short_of_others(tmp_path / "own")), "--for", "style", "--into", str(tmp_path / "job")]
    result = CliRunner().invoke(app, [*command, "--json", "--issues", str(tmp_path / "remarks")])
    assert result.exit_code == 0, result.output
    read = json.loads(result.stdout)
    [obstacle] = read["obstacles"]
    assert "texts of the author and 0 of others. It needs 20 and 10" in obstacle and read["split"]["train"] >= 20
    report = (tmp_path / "job/report.md").read_text()
    assert obstacle in report and "option `--others`" in report and "gradschool climb" not in report
    assert len((tmp_path / "remarks").read_text().splitlines()) == len(read["warnings"])
    result = CliRunner().invoke(app, ["check", str(tmp_path / "job"), "--issues", str(tmp_path / "issues")])
    assert result.exit_code == 4 and "The job cannot be climbed" in result.output and "0 of others" in result.output
    assert "few texts of others" in (tmp_path / "issues").read_text()


def test_warnings_before_an_error_are_written_or_counted(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    command = ["prepare", str(tmp_path / "x.bin"), "--for", "style", "--into", str(tmp_path / "job")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 4 and "1 warning before the error below" in result.output
    result = CliRunner().invoke(app, [*command, "--issues", str(tmp_path / "remarks")])
    assert result.exit_code == 4 and "x.bin is skipped" in (tmp_path / "remarks").read_text()


def test_a_preparation_without_examples_is_an_error_after_the_review(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"prompt": "a b", "completion": ""}\n' * 3)
    result = CliRunner().invoke(
        app, ["prepare", str(tmp_path / "t.jsonl"), "--for", "skill", "--into", str(tmp_path / "job")]
    )
    assert result.exit_code == 4 and "No examples are left" in result.output and "empty 3" in result.output
    assert len((tmp_path / "job/review.jsonl").read_text().splitlines()) == 3


def test_others_are_for_a_style(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("prompt,completion\na,b\n")
    command = [
        "prepare",
        str(tmp_path / "t.csv"),
        "--for",
        "skill",
        "--into",
        str(tmp_path / "job"),
        "--others",
        str(tmp_path),
    ]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2 and "--others is for --for style" in result.output


@pytest.mark.parametrize("name", ["others.jsonl"])
def test_an_edited_file_of_others_is_never_overwritten(run: Run, tmp_path: Path, name: str) -> None:
    from gradschool.errors import UsageError

    run({"box.mbox": box()}, "style", authors=("anna@example.org",))
    (tmp_path / "job" / name).write_text('{"text": "mine"}\n')
    with pytest.raises(UsageError, match="was edited"):
        run({"box.mbox": box()}, "style", authors=("anna@example.org",))

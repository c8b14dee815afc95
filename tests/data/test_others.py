"""Texts of other people: read from rows or documents, and never instructions, labels or titles."""

import os
from pathlib import Path

import pytest

from finish import finish
from gradschool.data.others import OtherText, is_message, is_writing, messages_in, of_training, read_others
from gradschool.errors import DataError
from gradschool.records import Example, Message, Source

MAIL = "I looked at the pump again this morning, and it drips from the lower joint whenever the tap upstairs is shut."


def example(question: str, ideal: str, group: str = "g") -> Example:
    return Example(question, (Message("user", question), Message("assistant", ideal)), group, Source("a", 1))


@pytest.mark.parametrize(
    "text", ["Yes.", "no " * 40, "alpha beta gamma delta " * 9, "", "Invoice, refund, card, other, transfer"]
)
def test_answers_without_a_style_are_no_writing(text: str) -> None:
    assert not is_writing(text)


def test_only_questions_as_long_as_their_answers_are_messages() -> None:
    asked = "Write a letter of some sixty words to the landlord in which you ask him to mend the boiler before Friday."
    assert is_writing(asked) and not is_message(asked, f"{MAIL} {MAIL}") and is_message(MAIL, "The joint, then.")
    assert messages_in([example(asked, f"{MAIL} {MAIL}"), example(MAIL, "I will come.")]) == [MAIL]


def test_texts_that_held_out_examples_answer_are_not_trained_on() -> None:
    texts = [OtherText(f"{MAIL} {n}", group) for n, group in enumerate(["", "trained", "tested"])] + [OtherText("Yes.")]
    assert of_training(texts, [example("a", "b", "trained")]) == [f"{MAIL} 0", f"{MAIL} 1"]


def test_rows_and_documents_are_read(tmp_path: Path) -> None:
    rows = tmp_path / "others.jsonl"
    rows.write_text('\ufeff{"text": "a b", "group": "t1"}\n\n{"text": "c\u2028d\x85"}\n', encoding="utf-8")
    assert finish(read_others(rows))[0] == [OtherText("a b", "t1"), OtherText("c\u2028d\x85")]
    folder = tmp_path / "others"
    folder.mkdir()
    (folder / "a.md").write_text("\n\n".join([MAIL] * 20))
    (folder / "b.txt").write_text("short")
    texts = [text.text for text in finish(read_others(folder))[0]]
    assert len(texts) == 4 and texts[-1] == "short" and all(len(text.split()) >= 40 for text in texts[:-1])


@pytest.mark.parametrize("line", ["{broken", "[]", '{"txt": "a"}', "3"])
def test_a_line_that_is_no_text_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "o.jsonl").write_text(f'{{"text": "a"}}\n{line}\n')
    with pytest.raises(DataError, match=r"o\.jsonl:2 is not a text of others"):
        finish(read_others(tmp_path / "o.jsonl"))


def test_texts_of_others_are_decoded_by_the_rule_of_every_file(tmp_path: Path) -> None:
    path = tmp_path / "others.jsonl"
    path.write_bytes('{"text": "Das Gemüse kühlt."}\n'.encode("cp1252"))
    work, notes = read_others(path), []
    with pytest.raises(StopIteration) as end:
        while True:
            notes.append(next(work))
    assert [one.text for one in end.value.value] == ["Das Gemüse kühlt."]
    assert len(notes) == 1 and "Windows-1252" in notes[0].text
    path.write_bytes(b"\0\1\2\3" * 9)
    with pytest.raises(DataError, match="cannot be read"):
        next(read_others(path))


def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "o.jsonl")
    with pytest.raises(DataError, match="pipe"):
        finish(read_others(tmp_path / "o.jsonl"))

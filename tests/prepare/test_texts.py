"""Texts of one author: long ones become passages that the base reads, and each gets an instruction of its own."""

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from textwrap import fill
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from essays import NOUNS, VERBS, essay
from gradschool.data.check import check, too_long
from gradschool.data.near_duplicates import near_duplicates
from gradschool.data.read import read_examples
from gradschool.model.fake import FakeEngine
from gradschool.prepare.limits import limits_for
from gradschool.prepare.texts import passages
from gradschool.prepare.titles import title_in
from gradschool.records import Example, Note, Source
from gradschool.settings import Data

Run = Callable[..., Any]
LIMITS = limits_for(Path("nowhere"))


def examples_of(folder: Path) -> list[Example]:
    return read_examples(folder / "examples.jsonl", Data()).examples


def test_a_long_text_becomes_passages_at_paragraphs_in_one_group(run: Run, tmp_path: Path) -> None:
    texts = {f"e{number}.txt": essay(number) for number in range(6)}
    prepared, _ = run(texts, "style")
    examples = examples_of(tmp_path / "job")
    assert not prepared.summary.dropped and prepared.summary.groups == 6
    assert min(Counter(example.group for example in examples).values()) >= 4
    for example in examples:
        text = texts[example.group]
        assert example.ideal in text and LIMITS.tokens(example.ideal) <= LIMITS.whole
        blocks = text.split("\n\n")
        assert all(block in blocks for block in example.ideal.split("\n\n"))  # cut between paragraphs only
        first = example.ideal.splitlines()[0]
        assert text.splitlines()[_line(examples, tmp_path, example) - 1] == first
    for group, text in texts.items():  # nothing is lost
        assert "\n\n".join(example.ideal for example in examples if example.group == group) == text
    assert (
        not near_duplicates(examples, 0.8) and not check(read_examples(tmp_path / "job/examples.jsonl", Data())).issues
    )


def test_a_wrapped_text_is_trained_on_without_its_line_breaks(run: Run, tmp_path: Path) -> None:
    plain = {f"e{number}.txt": essay(number) for number in range(5)}
    texts = {name: "\n\n".join(fill(block, 72) for block in text.split("\n\n")) for name, text in plain.items()}
    run(texts, "style")
    examples = examples_of(tmp_path / "job")
    assert len(examples) > len(texts)
    for example in examples:
        assert all(block in plain[example.group] for block in example.ideal.split("\n\n"))
        first = texts[example.group].splitlines()[_line(examples, tmp_path, example) - 1]
        assert example.ideal.split()[0] in first


def _line(examples: list[Example], tmp_path: Path, example: Example) -> int:
    rows = [json.loads(line) for line in (tmp_path / "job/examples.jsonl").read_text().splitlines()]
    return int(next(row["source"] for row in rows if row["id"] == example.id).rpartition(":")[2])


@pytest.mark.parametrize(
    "text",
    [
        essay(1, between="\n"),  # a line for each paragraph
        essay(1, between=" "),  # one paragraph
        essay(1, between="\r\n\r\n"),
        essay(1).replace(".", ""),  # no ends of sentences
        "\n".join(f"{noun} and {verb}" for verb in VERBS for noun in NOUNS * 4),  # verse
        "吾輩は猫である。名前はまだ無い。" * 200,
        "x" * 9_000,
        "Sieben Kähne lagen quer über dem Fluß, und keiner wußte, wem sie gehörten. " * 90,
    ],
)
def test_any_long_text_is_cut(text: str) -> None:
    found = passages(text, LIMITS)
    assert len(found) > 2
    assert "".join("".join(piece.split()) for piece, _ in found) == "".join(text.split())
    assert all(LIMITS.tokens(piece) <= LIMITS.whole for piece, _ in found)


@pytest.mark.parametrize("between", ["\n\n", "\n", "\n    ", "\n\t  "])
def test_passages_end_at_paragraphs_however_these_are_set_apart(between: str) -> None:
    text = essay(5, 24, between)
    found = passages(text, LIMITS)
    blocks = {block.strip() for block in text.split(between)}
    assert len(found) > 2
    for piece, line in found:
        assert {block.strip() for block in piece.split(between)} <= blocks
        assert text.split("\n")[line].strip() == piece.split("\n")[0].strip()


def test_wrapped_and_indented_paragraphs_stay_whole() -> None:
    paragraphs = [fill(essay(n, 1), 72, initial_indent="  ") for n in range(30)]
    for piece, _ in passages("\n".join(paragraphs), LIMITS):
        assert all(f"  {block.strip()}" in paragraphs for block in re.split(r"\n(?=  )", piece))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=400), max_size=12), st.sampled_from([" ", "\n", "\n\n", "\n\n# "]))
def test_arbitrary_text_is_cut_without_loss(parts: list[str], between: str) -> None:
    text = between.join(parts)
    found = passages(text, LIMITS)
    assert "".join("".join(piece.split()) for piece, _ in found) == "".join(text.split())
    assert all(text.count("\n", 0, text.find(piece)) <= line for piece, line in found if piece.strip())


def test_one_long_text_is_divided_into_groups_that_can_be_split(run: Run, tmp_path: Path) -> None:
    prepared, events = run({"memoir.txt": essay(3, 120)}, "style")
    assert prepared.summary.groups >= 15 and prepared.summary.split
    assert any("fewer than 5 texts" in event.text for event in events if isinstance(event, Note))


def test_long_rows_of_a_table_are_cut_too(run: Run, tmp_path: Path) -> None:
    rows = [{"title": f"Tale {n}", "text": essay(n, 12)} for n in range(6)]
    run({"tales.jsonl": "".join(json.dumps(row) + "\n" for row in rows)}, "style")
    examples = examples_of(tmp_path / "job")
    assert len(examples) > 12 and len({example.group for example in examples}) == 6
    assert all(example.last_user.startswith("Write a passage of “Tale ") for example in examples)
    assert len({example.last_user for example in examples}) == len(examples)


@pytest.mark.parametrize("title", ["", "Untitled", None])
def test_texts_without_a_title_of_their_own_get_an_instruction_of_their_own(
    run: Run, tmp_path: Path, title: Any
) -> None:
    rows = [{"text": essay(n, 1)} | ({} if title is None else {"title": title}) for n in range(30)]
    prepared, _ = run({"notes.jsonl": "".join(json.dumps(row) + "\n" for row in rows)}, "style")
    examples = examples_of(tmp_path / "job")
    assert prepared.summary.kept == 30 and not prepared.summary.dropped
    assert prepared.summary.changed["no title"] == (0 if title else 30)
    assert len({example.last_user for example in examples}) == 30
    assert not near_duplicates(examples, 0.8) and prepared.summary.split
    for example in examples:  # it names words of the text, but no run of them
        assert any(noun in example.last_user for noun in (*NOUNS, *VERBS))
        assert " ".join(example.ideal.split()[:6]) not in example.last_user


def test_texts_that_differ_by_a_number_are_kept_apart(run: Run, tmp_path: Path) -> None:
    rows = [
        {"text": f"Today was day {n} of the voyage, and the cook served turnips for supper again, as he does."}
        for n in range(20)
    ]
    prepared, _ = run({"log.jsonl": "".join(json.dumps(row) + "\n" for row in rows)}, "style")
    examples = examples_of(tmp_path / "job")
    assert len({example.last_user for example in examples}) == len(examples) == prepared.summary.kept >= 12
    assert not near_duplicates(examples, 0.8)


def test_a_text_without_words_still_gets_an_instruction(run: Run, rows: Any) -> None:
    run({"t.jsonl": '{"text": "12 34 56 78 90 12 34 56"}\n'}, "style", text_column="text")
    assert [row["prompt"] for row in rows("examples.jsonl")] == ["Write a text."]


def test_the_writer_is_asked_for_texts_without_a_title(run: Run, tmp_path: Path) -> None:
    rows = [{"text": essay(n, 1)} for n in range(12)]
    asked: list[str] = []

    def answer(conversation: Any) -> str:
        asked.append(conversation[-1].content)
        return "ok" if len(asked) > 10 else f"Tell a friend in the town what happened in yard number {len(asked)}."

    content = "".join(json.dumps(row) + "\n" for row in rows)
    prepared, events = run({"t.jsonl": content}, "style", writer=FakeEngine(answer))
    prompts = [example.last_user for example in examples_of(tmp_path / "job")]
    assert len(asked) == 12 and sum(prompt.startswith("Tell a friend") for prompt in prompts) == 10
    assert prepared.summary.changed["no title"] == 2
    assert any(
        event.text.startswith("10 instructions are from the engine, 2") for event in events if isinstance(event, Note)
    )


def test_a_writer_with_a_short_context_gets_as_much_of_the_text_as_it_reads(run: Run, tmp_path: Path) -> None:
    seen: list[int] = []

    def answer(conversation: Any) -> str:
        seen.append(len(conversation[-1].content))
        return f"Say what the neighbour did on day {len(seen)}."

    run({"a.txt": essay(2, 5)}, "style", writer=FakeEngine(answer, context_length=400))
    assert seen and max(seen) < 4_000


def test_names_of_files_that_say_nothing_are_no_titles() -> None:
    assert [title_in(stem) for stem in ("essay1", "2019-05-03", "IMG_0042", "scan 7")] == [""] * 4
    assert title_in("the-old-ferry_2") == "the old ferry 2" and title_in("Weather") == "Weather"


def test_what_no_base_can_read_is_said(run: Run) -> None:
    pairs = [
        {"prompt": f"Copy out ledger {n}: {essay(n, 40) if n < 2 else ''}", "completion": f"ledger {n}"}
        for n in range(30)
    ]
    prepared, events = run({"r.jsonl": "".join(json.dumps(row) + "\n" for row in pairs)}, "skill")
    assert prepared.summary.too_long == 2
    [told] = [event.text for event in events if isinstance(event, Note) and "too long for pocket" in event.text]
    assert "2,048 tokens" in told and "Shorten" in told


def test_the_limits_are_those_of_the_base_that_the_job_names(tmp_path: Path) -> None:
    base = tmp_path / "base"
    base.mkdir()
    (base / "config.json").write_text('{"max_position_embeddings": 300}')
    (base / "tokenizer.json").write_bytes((LIMITS.folder / "tokenizer.json").read_bytes())
    (tmp_path / "job.toml").write_text('task = "Write."\nbase_model = "base"\n')
    found = limits_for(tmp_path)
    assert (found.context_length, found.whole, found.passage) == (300, 120, 45)
    (tmp_path / "job.toml").write_text("broken = ")
    assert limits_for(tmp_path).context_length == 2048


def test_too_long_agrees_with_the_check(tmp_path: Path) -> None:
    from gradschool.records import Message

    example = Example("a", (Message("user", "Write."), Message("assistant", essay(1, 60))), "a", Source("a", 1))
    assert LIMITS.too_long(example.messages) > LIMITS.context_length
    [issue] = too_long([example], lambda said: sum(LIMITS.tokens(one.content) for one in said), LIMITS.context_length)
    assert issue.severity == "dropped"


def test_passages_have_no_greetings_and_signatures_of_their_own(run: Run, tmp_path: Path) -> None:
    tale = "\n\n".join(
        f"Sir Osric, too, forgot the bell in year {n}. {essay(n, 1)}\n\n“You are right,” she said.\n\nMrs. Tamber."
        for n in range(30)
    )
    run({"tale.txt": tale, "letter.txt": f"Dear Denise,\n\nI met Denise at noon. {essay(3, 40)}"}, "style")
    texts = " ".join(example.ideal for example in examples_of(tmp_path / "job"))
    assert "Sir Osric" in texts and "Mrs. Tamber" in texts
    assert "Denise" not in texts  # a long letter is to somebody

"""Reasoning in examples is left out and reported, whatever its form."""

import json
from pathlib import Path
from typing import Any

import pytest

from gradschool.data.check import check
from gradschool.data.read import read_examples
from gradschool.settings import Data


def checked(tmp_path: Path, *rows: dict[str, Any]) -> tuple[list[str], list[str]]:
    """The ideal answers, and each issue about reasoning with its line."""
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    done = check(read_examples(tmp_path / "rows.jsonl", Data()))
    issues = [f"{issue.source.line} {issue.severity}" for issue in done.issues if issue.kind == "reasoning"]
    return [example.ideal for example in done.examples], issues


def row(number: int, answer: Any, **more: Any) -> dict[str, Any]:
    asked = {"role": "user", "content": f"Which shelf has book {number}?"}
    return {"messages": [asked, {"role": "assistant", "content": answer, **more}]}


@pytest.mark.parametrize(
    "odd",
    [
        row(1, "<think>Look.</think>\n\nShelf 1."),
        row(1, "<THINKING>Look.</THINKING>Shelf 1."),
        row(1, "Shelf 1.", reasoning_content="Look."),
        row(1, "Shelf 1.", thinking="Look."),
        row(1, [{"type": "thinking", "thinking": "Look."}, {"type": "text", "text": "Shelf 1."}]),
        {"prompt": "Which shelf has book 1?", "completion": "<think>Look.</think>Shelf 1."},
        {"question": "Which shelf has book 1?", "Complex_CoT": "Look.", "response": "Shelf 1."},
    ],
)
def test_reasoning_is_left_out_with_an_issue(tmp_path: Path, odd: dict[str, Any]) -> None:
    assert checked(tmp_path, odd, row(2, "Shelf 2.")) == (["Shelf 1.", "Shelf 2."], ["1 kept"])


def test_an_end_of_reasoning_alone_is_unclear_unless_it_is_usual(tmp_path: Path) -> None:
    odd = row(1, "Look.</think>Shelf 1.")
    assert checked(tmp_path, odd, row(2, "Shelf 2."), row(3, "Shelf 3.")) == (["Shelf 2.", "Shelf 3."], ["1 dropped"])
    assert checked(tmp_path, odd, row(2, "Look.</think>Shelf 2.")) == (["Shelf 1.", "Shelf 2."], ["1 kept", "2 kept"])


def test_cut_off_reasoning_is_dropped_and_a_tag_in_an_answer_is_kept(tmp_path: Path) -> None:
    said = "Write <think>x</think> first."
    assert checked(tmp_path, row(1, "<think>Look at"), row(2, said)) == ([said], ["1 dropped", "2 kept"])


def test_a_second_end_of_reasoning_is_unclear_and_a_block_within_a_block_is_not(tmp_path: Path) -> None:
    nested = row(1, "<think>Look <think>up</think> there.</think>Shelf 1.")
    assert checked(tmp_path, nested, row(2, "Shelf 2.")) == (["Shelf 1.", "Shelf 2."], ["1 kept"])
    twice = row(1, "<think>Look.</think>Up there.</think>Shelf 1.")
    assert checked(tmp_path, twice, row(2, "Shelf 2.")) == (["Shelf 2."], ["1 dropped"])
    ends = [row(number, f"Look.</think>There.</think>Shelf {number}.") for number in (1, 2)]
    assert checked(tmp_path, *ends, row(3, "Shelf 3.")) == (["Shelf 3."], ["1 dropped", "2 dropped"])

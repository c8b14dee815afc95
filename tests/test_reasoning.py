"""Reasoning before an answer is divided from it, in a whole text and in a stream of any pieces."""

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gradschool.reasoning import TAGS, AnswerFilter, field_of, part, text_of

PIECES = st.lists(st.sampled_from(["<think>", "</think>", "<answer>", "</answer>", "<", "[THINK]", "a ", "\n", "b"]))


@pytest.mark.parametrize(("opening", "closing"), TAGS)
def test_a_block_before_the_answer_is_reasoning(opening: str, closing: str) -> None:
    parted = part(f"\n{opening}\nThe shelf is full.\n{closing}\n\nShelf 4.")
    assert (parted.answer, parted.form) == ("Shelf 4.", "closed") and "full" in parted.reasoning
    assert part(f"{opening} The shelf is").form == "unclosed"
    assert part("Shelf 4.").form == "none"


def test_the_other_forms_of_reasoning() -> None:
    assert part("So 4.</think>\nShelf 4.").answer == "Shelf 4."
    assert part("Write <think>x</think> first.").form == "inside"
    assert part("<think>a</think><think>b</think><answer>Shelf 4.</answer>").answer == "Shelf 4."
    assert part("<details>more</details> text").form == "none"
    assert field_of({"role": "assistant", "Reasoning-Content": "x"}) == "Reasoning-Content"
    assert field_of({"reasoning": None, "thinking": True}) == ""
    assert text_of([{"type": "thinking", "thinking": "x"}, {"type": "text", "text": "Shelf 4."}]) == "Shelf 4."


@pytest.mark.parametrize(
    "text",
    [
        "<|start|>assistant<|channel|>analysis<|message|>x<|end|><|start|>assistant<|channel|>final<|message|>Shelf 4.",
        "<|channel|>analysis<|message|>x<|end|><|channel|>final <|constrain|>JSON<|message|>Shelf 4.",
        "<|channel|>commentary<|message|>x<|end|><|start|>assistant<|channel|>final<|message|>Shelf 4.",
        "<|channel|>final<|message|>Shelf 4.",
        "analysisWe need the shelf.assistantfinalShelf 4.",
        "<|inner_prefix|>x<|inner_suffix|>Shelf 4.",
        "<think>x</think>\n<response>\nShelf 4.\n</response>",
        "<think>x</think><output>Shelf 4.</output>",
        "<think>x</think><|begin_of_box|>Shelf 4.<|end_of_box|>",
    ],
)
def test_forms_of_families_of_models(text: str) -> None:
    assert part(text).answer == "Shelf 4." and part(text).form in ("closed", "unopened")
    answer = AnswerFilter()
    assert "".join([*map(answer.add, text), answer.end()]) == "Shelf 4."


@pytest.mark.parametrize(
    "text",
    [
        "<think>a <think>b</think> c</think>Shelf 4.",
        "<think>a<think>b<think>c</think></think>d</think>\nShelf 4.",
        "<think><think>a</think></think><think>b <think>c</think></think>Shelf 4.",
        "<thinking>a <think>b</think> c</thinking>Shelf 4.",
        "<think>a mention of <think> alone</think>Shelf 4.",
    ],
)
def test_a_block_within_a_block_is_reasoning(text: str) -> None:
    answer = AnswerFilter()
    assert part(text).answer == "".join([*map(answer.add, text), answer.end()]) == "Shelf 4."


@pytest.mark.parametrize("text", ["analysisResult = 3", "analysis", "Analysis: fine", "<|channel|>", "<|startup|> a"])
def test_text_that_only_begins_like_reasoning_is_an_answer(text: str) -> None:
    answer = AnswerFilter()
    assert part(text).answer == "".join([*map(answer.add, text), answer.end()]) == text


@example(["</think>", "<answer>", "a ", "<think>"], False)
@example(["</think>", "<answer>", "a ", "b", "</answer>"], True)
@given(PIECES, st.booleans())
def test_a_stream_says_what_the_whole_text_says_if_it_begins_with_reasoning(pieces: list[str], unopened: bool) -> None:
    pieces = ["<th", "ink>", *pieces]
    answer = AnswerFilter(unopened)
    assert "".join([*map(answer.add, pieces), answer.end()]).rstrip() == part("".join(pieces)).answer.rstrip()
    assert answer.reasoned


@pytest.mark.parametrize("opening", ["", "<think>", "<|start|>assistant<|channel|>analysis<|message|>"])
def test_long_reasoning_is_not_read_again_for_each_of_its_pieces(opening: str) -> None:
    answer, began = AnswerFilter(unopened=not opening), time.process_time()
    closing = "<|end|><|channel|>final<|message|>" if "|" in opening else "</think>"
    pieces = [opening, *["word "] * 20_000, closing[:5], closing[5:], "Shelf 4."]
    assert "".join([*map(answer.add, pieces), answer.end()]) == "Shelf 4."
    assert time.process_time() - began < 3  # 60 if every piece searches all of them


@given(st.text())
def test_text_without_tags_is_streamed_as_it_is(text: str) -> None:
    if part(text).form == "none":
        answer = AnswerFilter()
        assert "".join([*map(answer.add, text), answer.end()]) == text


@pytest.mark.parametrize("block", ["<think>a</think>", "<think>", "</thinking>"])
def test_any_number_of_tags_takes_linear_time(block: str) -> None:
    began = time.process_time()
    assert part(block * 20_000 + "Shelf 4.").form in ("closed", "unclosed", "unopened")
    stream = AnswerFilter(unopened=True)
    said = [*(stream.add(block) for _ in range(20_000)), stream.add("Shelf 4."), stream.end()]
    assert part(block * 20_000 + "Shelf 4.").answer.endswith("".join(said)) and time.process_time() - began < 10

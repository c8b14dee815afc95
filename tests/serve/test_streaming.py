"""Pieces of text, joined, are the text: whatever comes, however it is cut."""

from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import tiny
from gradschool.ground.cite import strip_marks
from gradschool.model.chat import Chat
from gradschool.model.local import LocalEngine
from gradschool.model.opening import POCKET
from gradschool.serve.streaming import CitationMarkFilter, IncrementalDetokenizer, StopStringFilter

# Texts made of what marks, JSON and stop strings are made of, and cut anywhere.
PARTS = st.lists(
    st.sampled_from(["[1]", "[", "]", "1", "2, ", " ", "\n", "{", '{"a": [1]}', '"', "word", " [2]", "[{", '["', "é"])
    | st.text(alphabet='[]{}"1 2,;ab\n\t', max_size=4),
    max_size=12,
)


@given(PARTS)
@example(["{", '"a": [1]', "}"])
@example(["{ no", " [1]", "json"])
@example(["  [", "1] Hello", " [2", "]. ", "Bye [3] "])
@example(["[1", ", 2", "]", " x"])
@example([' {"a": 1} ', " "])
def test_a_stream_without_its_marks_is_the_text_without_its_marks(parts: Sequence[str]) -> None:
    unmarked, whole = CitationMarkFilter(), "".join(parts)
    pieces = [unmarked.add(part) for part in parts]
    so_far = "".join(pieces)
    assert so_far + unmarked.end() == strip_marks(whole)
    assert unmarked.raw == whole


def test_text_is_not_held_back_longer_than_it_must_be() -> None:
    unmarked = CitationMarkFilter()
    assert [unmarked.add(part) for part in ("The ", "ferry", " [", "1", "] leaves", " at", " noon")] == [
        "The", " ferry", "", "", " leaves", " at", " noon"
    ]  # fmt: skip
    json_text = CitationMarkFilter()
    assert json_text.add('{"a": ["x", ') == '{"a": ["x",'  # JSON flows too, until something could be a mark


@given(PARTS, st.lists(st.text(alphabet='[]1 ab\n"', min_size=1, max_size=3), max_size=3))
@example(["ab", "abc"], ["bab"])
@example(["a", "b"], ["abc", "b"])
def test_a_text_ends_before_its_first_stop_string(parts: Sequence[str], stops: Sequence[str]) -> None:
    until, whole = StopStringFilter(stops), "".join(parts)
    said = "".join(until.add(part) for part in parts) + until.end()
    ends = [at for stop in stops if (at := whole.find(stop)) >= 0]
    assert until.hit == bool(ends)
    if ends:
        # An earlier, longer stop string may still be under way when a shorter one inside it is whole.
        assert said in {whole[:at] for at in ends} | {whole[:end] for end in _ends(whole, stops)}
        assert not any(stop in said for stop in stops)
    else:
        assert said == whole


def _ends(whole: str, stops: Sequence[str]) -> set[int]:
    return {at for stop in stops for at in range(len(whole)) if whole.startswith(stop, at)}


@pytest.fixture(scope="module")
def chats() -> list[Chat]:
    return [LocalEngine(POCKET).chat, *(Chat(tiny.style(name)) for name in tiny.STYLES)]


@given(st.text(max_size=30) | st.lists(st.sampled_from(["é", "漢", "😀", " a", "\n", "  ", "<|im_end|>"])).map("".join))
@example("漢字 😀 é – “yes”")
def test_decoded_tokens_are_the_text_that_they_are_together(chats: list[Chat], text: str) -> None:
    for chat in chats:
        ids = chat.tokenizer.encode(text, add_special_tokens=False)
        decoded = IncrementalDetokenizer(chat.decode)
        pieces = [decoded.add(token) for token in ids]
        assert "".join(pieces) + decoded.end() == chat.decode(ids)
        assert not any(piece.endswith("\ufffd") for piece in pieces)


def test_long_answers_are_decoded_a_few_tokens_at_a_time(chats: list[Chat]) -> None:
    longest = 0

    def decode(ids: Sequence[int]) -> str:
        nonlocal longest
        longest = max(longest, len(ids))
        return chats[0].decode(ids)

    decoded = IncrementalDetokenizer(decode)
    for token in chats[0].tokenizer.encode("The quick brown fox jumps over the lazy dog. " * 20):
        decoded.add(token)
    assert longest < 8

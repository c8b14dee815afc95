"""Streaming filters: their chunks, joined, equal the filtered text, for any text and any chunking."""

import time
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import tiny
from gradschool.ground.cite import strip_marks
from gradschool.model.chat import Chat
from gradschool.model.detokenizer import IncrementalDetokenizer
from gradschool.model.local import LocalEngine
from gradschool.model.opening import POCKET
from gradschool.serve.streaming import CitationMarkFilter, StopStringFilter

# Chunks with the characters of citation marks, JSON and stop strings.
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
def test_citation_mark_filter_equals_strip_marks(parts: Sequence[str]) -> None:
    marks, whole = CitationMarkFilter(), "".join(parts)
    chunks = [marks.add(part) for part in parts]
    assert "".join(chunks) + marks.end() == strip_marks(whole)
    assert marks.raw == whole


def test_citation_mark_filter_emits_text_as_soon_as_it_is_certain() -> None:
    marks = CitationMarkFilter()
    assert [marks.add(part) for part in ("The ", "ferry", " [", "1", "] leaves", " at", " noon")] == [
        "The", " ferry", "", "", " leaves", " at", " noon"
    ]  # fmt: skip
    json_text = CitationMarkFilter()
    assert json_text.add('{"a": ["x", ') == '{"a": ["x",'  # up to the first possible mark


def test_a_long_stop_string_is_compared_with_the_tail_alone() -> None:
    began, stops = time.process_time(), StopStringFilter(["x" * 200_000 + "y"] * 16)
    for _ in range(2_000):
        stops.add("word ")
    assert time.process_time() - began < 2


@given(PARTS, st.lists(st.text(alphabet='[]1 ab\n"', min_size=1, max_size=3), max_size=3))
@example(["ab", "abc"], ["bab"])
@example(["a", "b"], ["abc", "b"])
def test_stop_string_filter_ends_before_the_first_stop_string(parts: Sequence[str], stops: Sequence[str]) -> None:
    stop_filter, whole = StopStringFilter(stops), "".join(parts)
    emitted = "".join(stop_filter.add(part) for part in parts) + stop_filter.end()
    ends = [at for stop in stops if (at := whole.find(stop)) >= 0]
    assert stop_filter.hit == bool(ends)
    if ends:
        # A longer stop string may have begun earlier when a shorter one inside it is complete.
        assert emitted in {whole[:at] for at in ends} | {whole[:end] for end in _ends(whole, stops)}
        assert not any(stop in emitted for stop in stops)
    else:
        assert emitted == whole


def _ends(whole: str, stops: Sequence[str]) -> set[int]:
    return {at for stop in stops for at in range(len(whole)) if whole.startswith(stop, at)}


@pytest.fixture(scope="module")
def chats() -> list[Chat]:
    return [LocalEngine(POCKET).chat, *(Chat(tiny.style(name)) for name in tiny.STYLES)]


@given(st.text(max_size=30) | st.lists(st.sampled_from(["é", "漢", "😀", " a", "\n", "  ", "<|im_end|>"])).map("".join))
@example("漢字 😀 é – “yes”")
def test_detokenizer_equals_decoding_all_tokens(chats: list[Chat], text: str) -> None:
    for chat in chats:
        ids = chat.tokenizer.encode(text, add_special_tokens=False)
        detokenizer = IncrementalDetokenizer(chat.decode)
        chunks = [detokenizer.add(token) for token in ids]
        assert "".join(chunks) + detokenizer.end() == chat.decode(ids)
        assert not any(chunk.endswith("\ufffd") for chunk in chunks)


def test_detokenizer_decodes_a_few_tokens_at_a_time(chats: list[Chat]) -> None:
    longest = 0

    def decode(ids: Sequence[int]) -> str:
        nonlocal longest
        longest = max(longest, len(ids))
        return chats[0].decode(ids)

    detokenizer = IncrementalDetokenizer(decode)
    for token in chats[0].tokenizer.encode("The quick brown fox jumps over the lazy dog. " * 20):
        detokenizer.add(token)
    assert longest < 8

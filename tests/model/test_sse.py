"""Lines of server-sent events are divided at CR and LF alone, wherever the bytes are cut."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradschool.model.received import MAX_REPLY
from gradschool.model.sse import lines_of

TEXTS = st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1))


@given(TEXTS, st.sampled_from(["\n", "\r", "\r\n"]), st.integers(1, 7))
def test_lines_are_those_that_were_written(lines: list[str], end: str, step: int) -> None:
    written = "".join(line + end for line in lines).encode()
    assert list(lines_of(written[at : at + step] for at in range(0, len(written), step))) == lines


def test_separators_of_unicode_are_text() -> None:
    line = "data: a\u2028b\u2029c\x85d\x1ce\x0bf"
    assert list(lines_of([f"{line}\n\n".encode(), b"rest"])) == [line, "", "rest"]


def test_a_line_without_an_end_is_an_error_and_long_ones_take_linear_time() -> None:
    block = b"x" * 1000
    blocks = [block] * (MAX_REPLY // 1000)
    assert [*map(len, lines_of([*blocks, b"\n", b"y"]))] == [len(blocks) * 1000, 1]
    with pytest.raises(httpx.ReadError, match="does not end"):
        list(lines_of([*blocks, block]))

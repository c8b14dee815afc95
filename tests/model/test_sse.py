"""Lines of server-sent events are divided at CR and LF alone, wherever the bytes are cut."""

from hypothesis import given
from hypothesis import strategies as st

from gradschool.model.sse import lines_of

TEXTS = st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1))


@given(TEXTS, st.sampled_from(["\n", "\r", "\r\n"]), st.integers(1, 7))
def test_lines_are_those_that_were_written(lines: list[str], end: str, step: int) -> None:
    written = "".join(line + end for line in lines).encode()
    assert list(lines_of(written[at : at + step] for at in range(0, len(written), step))) == lines


def test_separators_of_unicode_are_text() -> None:
    line = "data: a\u2028b\u2029c\x85d\x1ce\x0bf"
    assert list(lines_of([f"{line}\n\n".encode(), b"rest"])) == [line, "", "rest"]

"""The common prefix of sequences."""

from hypothesis import given
from hypothesis import strategies as st

from gradschool.model.prefix import common_prefix


def test_the_length_of_the_common_prefix() -> None:
    assert [common_prefix(pair) for pair in (("ab", "ab"), ("ab", "abc"), ("xb", "ab"), ("", "a"))] == [2, 2, 0, 0]
    assert common_prefix([(1, 2, 3), (1, 2), (1, 2, 4)]) == 2 and common_prefix(["abc"]) == 3


@given(st.lists(st.text(alphabet="ab"), min_size=1))
def test_it_is_the_longest_one(texts: list[str]) -> None:
    length = common_prefix(texts)
    assert len({text[:length] for text in texts}) == 1
    assert min(map(len, texts)) == length or len({text[: length + 1] for text in texts}) > 1

from hypothesis import given, settings
from hypothesis import strategies as st

from gradschool.ground.copies import originals, spread
from small_documents import passage

TEXTS = st.lists(st.sampled_from(["a b c", "A  b\nc", "d e", "one two three " * 5, "one two three " * 4 + "one"]))


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_copies_are_the_first_of_their_kind_and_nothing_new_is_lost(texts: list[str]) -> None:
    passages = [passage(text, number) for number, text in enumerate(texts)]
    first = originals(passages)
    assert all(first[place] == place <= number for number, place in enumerate(first))
    found = [p for p, _ in spread((p, 1.0) for p in passages)]
    assert {" ".join(p.text.lower().split()) for p in found} == {" ".join(text.lower().split()) for text in texts}


def test_near_copies_come_last() -> None:
    long = "The gate at the north wall is locked at night and opened by the guard in the morning"
    ranked = [passage(long, 1), passage(f"{long}.", 2), passage("Another gate.", 3), passage(f"{long} at 7", 4)]
    assert [p.id for p, _ in spread((p, 1.0) for p in ranked)] == ["a.md#1", "a.md#3", "a.md#4", "a.md#2"]

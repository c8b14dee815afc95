"""Questions that were asked before are recognized by hashes and sketches."""

from gradschool.data.asked_before import asked_again, hashed, sketched
from gradschool.data.sketches import sketches_of
from gradschool.records import Example, Message, Source

TEXTS = (
    "Which of the two ferries still takes bicycles on a Sunday?",
    "Can the roof of the boathouse carry another layer of slate?",
    "Who has the key to the archive while the librarian is away?",
)


def asked(*texts: str) -> list[Example]:
    return [
        Example(f"e{n}", (Message("user", text), Message("assistant", f"Answer {n}.")), "", Source("x", n))
        for n, text in enumerate(texts)
    ]


def test_equal_and_nearly_equal_questions_are_known_and_others_are_not() -> None:
    before = asked(*TEXTS)
    now = asked(TEXTS[0].upper(), TEXTS[1].replace("boathouse", "boathuose"), "What does a pint of cream cost in Wick?")
    hashes, known = {hashed(example) for example in before}, sketches_of(sketched(before))
    assert asked_again(now, hashes, known) == [True, True, False]
    assert asked_again(now, hashes, sketches_of("")) == [True, False, False]  # as in a ledger of an earlier version
    assert asked_again(now, set(), known) == [True, True, False]
    assert asked_again([], hashes, known) == []


def test_short_questions_are_known_only_if_they_are_equal() -> None:
    before = asked("Lot 5?", "Lot 6?")
    assert asked_again(asked("Lot 5?", "Lot 7?"), set(), sketches_of(sketched(before))) == [True, False]

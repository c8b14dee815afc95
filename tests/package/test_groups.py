"""The names of groups are not given away with a package."""

from gradschool.package.groups import numbered
from gradschool.records import Answer, Example, Message, Scored, Source


def example(number: int, group: str) -> Example:
    return Example(f"x-{number}", (Message("user", "?"), Message("assistant", "a")), group, Source("x", number))


def test_groups_have_numbers_that_examples_and_answers_share() -> None:
    test = [example(1, "Erna Berg"), example(2, "Karl Moor"), example(3, "Erna Berg"), example(4, "x-4")]
    rows = [Scored(one.id, one.group, "?", "a", Answer("a", "stop"), 1.0) for one in reversed(test)]
    named, (scored, none) = numbered(test, rows, [])
    assert [one.group for one in named] == ["group 1", "group 2", "group 1", "x-4"]
    assert {one.id: one.group for one in scored} == {one.id: one.group for one in named}
    assert none == []

"""Disjoint sets of numbers: `parents` holds for each number one of its set, at the end the least of them."""


def root(parents: list[int], number: int) -> int:
    """The least number of the set that a number belongs to."""
    while parents[number] != number:
        parents[number] = parents[parents[number]]
        number = parents[number]
    return number


def join(parents: list[int], one: int, other: int) -> None:
    """Make one set of the sets of two numbers."""
    one, other = root(parents, one), root(parents, other)
    parents[max(one, other)] = min(one, other)

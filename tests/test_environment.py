"""Sizes as they are shown."""

from gradschool.environment import gigabytes


def test_sizes_are_shown_in_megabytes_and_gigabytes() -> None:
    assert [gigabytes(n) for n in (3_000_000, 94_000_000, 1_250_000_000)] == ["3 MB", "94 MB", "1.2 GB"]

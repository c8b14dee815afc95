"""Issues: those that are shown are of every kind."""

from gradschool.data.issues import Issue, some_of_each_kind
from gradschool.records import Source


def issues(*kinds: str) -> list[Issue]:
    return [Issue(kind, Source("a.jsonl", n), "kept", "") for n, kind in enumerate(kinds)]  # type: ignore[arg-type]


def test_no_kind_of_issue_hides_the_others() -> None:
    many = issues(*["contradicting"] * 40, "language", "duplicate", "language")
    shown = some_of_each_kind(many, 12)
    assert shown == [*many[:9], *many[40:]]
    assert some_of_each_kind(many[:12], 12) == many[:12] and some_of_each_kind([], 12) == []
    each = issues(*["too long", "encoding", "language"] * 2)
    assert some_of_each_kind(each, 2) == each[:3]

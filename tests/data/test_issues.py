"""Issues: those that are shown are of every kind."""

from gradschool.data.issues import Issue, Kind, some_of_each_kind
from gradschool.records import Source


def issue(kind: Kind, line: int) -> Issue:
    return Issue(kind, Source("a.jsonl", line), "kept", "")


def test_no_kind_of_issue_hides_the_others() -> None:
    many = [issue("contradicting", line) for line in range(40)]
    many += [issue("language", 40), issue("duplicate", 41), issue("language", 42)]
    assert some_of_each_kind(many, 12) == [*many[:9], *many[40:]]
    assert some_of_each_kind(many[:12], 12) == many[:12] and some_of_each_kind([], 12) == []
    each = [issue("too long", 1), issue("encoding", 2), issue("language", 3)]
    assert some_of_each_kind(each * 2, 2) == each

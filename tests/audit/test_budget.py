"""A budget is counted in tokens: batches in a drawn order, until the share of a part is spent."""

from gradschool.audit.budget import Budget


def taken(budget: Budget, cost: float, cases: int = 10, what: str = "cases") -> list[int]:
    found: list[int] = []
    for batch in budget.batches(what, list(range(cases)), 2):
        budget.spent += cost
        found += batch
    return found


def test_without_a_limit_all_cases_are_taken_at_once() -> None:
    budget = Budget()
    assert [list(batch) for batch in budget.batches("cases", [3, 1, 2], 1)] == [[3, 1, 2]]
    assert not budget.limited and not budget.left_out


def test_batches_end_where_another_one_would_not_fit() -> None:
    budget = Budget(100)
    found = taken(budget, 30)
    assert len(found) == 6 and budget.spent == 90 and budget.left_out == ["cases"]
    assert found != sorted(found)  # drawn, or the cases that are written down first would always be those
    assert found == taken(Budget(100), 30)


def test_shares_are_of_what_is_left_and_what_is_not_used_is_passed_on() -> None:
    budget = Budget(100)
    budget.begin_part(0.5)
    budget.share(0.4)
    assert len(taken(budget, 10)) == 4  # 20 of 100
    budget.share(1.0)
    assert len(taken(budget, 5)) == 10 and budget.spent == 45
    budget.begin_part(1.0)
    assert len(taken(budget, 20)) == 4
    budget.begin_part(1.0)
    assert len(taken(budget, 15)) == 2 and not taken(budget, 15)


def test_what_is_decided_is_not_measured_further_and_counts_as_complete() -> None:
    budget, answers = Budget(100), iter([False, False, True])
    assert len(list(budget.batches("cases", list(range(10)), 2, lambda: next(answers)))) == 2
    assert not budget.left_out


def test_an_audit_that_is_repeated_takes_the_same_batches_again() -> None:
    first = Budget(100)
    found = taken(first, 30)
    again = Budget(10, first.batches_of)
    assert taken(again, 30) == found

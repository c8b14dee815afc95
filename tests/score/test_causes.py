from math import log

import pytest

from gradschool.score.causes import causes_of


def test_a_citation_bears_its_answer_if_the_answer_is_half_as_likely_without_it() -> None:
    causes = causes_of([[log(2), 0.1], [], [5.0], [-1.0]])
    assert causes is not None
    assert (causes.answers, causes.citations, causes.bearing) == (3, 4, 0.5)
    assert causes.drop == pytest.approx((log(2) + 0.1 + 5 - 1) / 4)


def test_nothing_is_said_without_citations() -> None:
    assert causes_of([]) is None and causes_of([[], []]) is None

"""Calibration: bins, and the expected calibration error."""

import random

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from gradschool.model.signals import CONFIDENCE
from gradschool.records import Answer, Scored
from gradschool.score.calibration import Calibration, calibration_of


def rows_of(pairs: list[tuple[float, float]]) -> list[Scored]:
    return [Scored("", "", "", "", Answer("", signals={CONFIDENCE: sure}), value) for sure, value in pairs]


def test_each_bin_has_its_own_answers() -> None:
    found = calibration_of(rows_of([(1.0, 1), (0.95, 0), (0.1, 0), (0.12, 1), (0.19, 0), (0.0, 0)]))
    assert found
    assert [(one.answers, round(one.confidence, 4), round(one.score, 4)) for one in found.bins] == [
        (1, 0.0, 0.0),
        (3, 0.1367, 0.3333),
        (2, 0.975, 0.5),
    ]
    assert found.error == pytest.approx((3 * (1 / 3 - 0.41 / 3) + 2 * 0.475) / 6)


def test_answers_without_confidence_have_no_calibration() -> None:
    assert calibration_of([]) is None
    assert calibration_of([Scored("", "", "", "", Answer(""), 1.0)]) is None


def test_the_error_is_that_of_its_definition() -> None:
    draw = random.Random(3)
    pairs = [(sure, float(draw.random() < sure**2)) for sure in (draw.random() for _ in range(500))]
    sure, right = np.array(pairs).T
    places = np.minimum((sure * 10).astype(int), 9)
    expected = sum(
        abs(sure[places == one].mean() - right[places == one].mean()) * (places == one).mean() for one in range(10)
    )
    found = calibration_of(rows_of(pairs))
    assert found and found.error == pytest.approx(expected) and found.answers == 500


@pytest.mark.parametrize("bins", [[], [{"answers": 0, "confidence": 0.5, "score": 0.5}]])
def test_a_record_without_answers_is_refused(bins: list[dict[str, float]]) -> None:
    """It has no error, and a report of it would divide by zero."""
    with pytest.raises(ValidationError):
        TypeAdapter(Calibration).validate_python({"bins": bins})


@pytest.mark.parametrize("value", [0.0, 1.0, 1 + 1e-9])
@pytest.mark.parametrize("count", [1, 3, 7])
def test_equal_confidences_are_one_bin_that_can_be_saved(count: int, value: float) -> None:
    found, kind = calibration_of(rows_of([(1.0, value)] * count)), TypeAdapter(Calibration)
    assert found and [one.answers for one in found.bins] == [count]
    assert found.error == pytest.approx(abs(1 - value))
    assert kind.validate_json(kind.dump_json(found)) == found

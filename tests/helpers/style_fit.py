"""Fitting the metric style to given texts."""

from collections.abc import Sequence

from gradschool.records import Example
from gradschool.score.metric import FitText
from gradschool.score.style import Style


def fit_texts(own: Sequence[Example], others: Sequence[str]) -> list[FitText]:
    """The ideal answers of examples as texts of the author, and texts of others."""
    texts = [FitText("style", "author", example.ideal, example.group) for example in own]
    return [*texts, *(FitText("style", "others", text) for text in others)]


def fit(own: Sequence[Example], others: Sequence[str]) -> Style:
    """The metric, fitted to these texts."""
    return Style().fit(fit_texts(own, others))

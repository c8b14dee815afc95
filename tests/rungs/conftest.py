"""Fixtures of the tests of rungs: trainings that read and rehearse few texts."""

import pytest

from gradschool.gates.forgetting import general_texts
from gradschool.rungs import state
from gradschool.tune.objectives import rehearsal


@pytest.fixture(autouse=True)
def few_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The texts of a whole climb take longer than all else in the training of a tiny base."""
    texts = general_texts()[:6]
    monkeypatch.setattr(state, "general_texts", lambda: texts)
    monkeypatch.setattr(rehearsal, "TEXTS", 16)

"""The caches of oneDNN are bounded, unless the user has bounded them."""

import os

import pytest

from gradschool.model.onednn import CAPACITIES, MAX_PRIMITIVES, bound_caches


@pytest.mark.parametrize("chosen", CAPACITIES)
def test_capacities_that_the_user_chose_are_not_changed(chosen: str) -> None:
    environment = {chosen: "7"}
    bound_caches(environment)
    assert environment == {**dict.fromkeys(CAPACITIES, str(MAX_PRIMITIVES)), chosen: "7"}


def test_a_new_engine_bounds_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CAPACITIES:
        monkeypatch.delenv(name, raising=False)
    from gradschool.model.local import LocalEngine
    from gradschool.model.opening import POCKET

    LocalEngine(POCKET)
    assert all(os.environ[name] == str(MAX_PRIMITIVES) for name in CAPACITIES)

"""Fixtures for the tests of the server."""

from collections.abc import Iterator

import pytest

from gated import GatedEngine


@pytest.fixture
def engine() -> Iterator[GatedEngine]:
    """An engine whose answers the test controls; released at the end."""
    engine = GatedEngine()
    yield engine
    engine.go.set()
    engine.given_up.set()

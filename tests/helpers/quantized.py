"""Tests over bases in 4 bits are skipped where bitsandbytes is not installed."""

from importlib.util import find_spec

import pytest

# Not `importorskip`: importing it takes seconds, in each worker, even of those that run none of these tests.
needs_bitsandbytes = pytest.mark.skipif(not find_spec("bitsandbytes"), reason="bitsandbytes is not installed")

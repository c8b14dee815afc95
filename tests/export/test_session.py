"""An export session: the context length that an export is tested and shipped with."""

import pytest

from gradschool.errors import ModelError
from gradschool.export.session import context_for


@pytest.mark.parametrize(
    ("longest", "limit", "context"),
    [(40, 2048, 2048), (40, 8192, 8192), (40, 131_072, 8192), (9_000, 131_072, 11_520), (9_000, 10_000, 10_000)],
)
def test_the_context_of_an_export_fits_more_than_the_questions_of_the_test(
    longest: int, limit: int, context: int
) -> None:
    assert context_for(([1] * 7, [1] * longest), 256, limit) == context


def test_a_prompt_beyond_the_context_of_the_base_is_an_error() -> None:
    with pytest.raises(ModelError, match="longest prompt"):
        context_for(([1] * 64,), 10, 64)

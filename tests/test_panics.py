"""A panic of a library in Rust becomes an exception that handlers catch."""

import pytest
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from gradschool.panics import Panic, panics_as_errors


def test_a_panic_is_an_exception() -> None:
    tokenizer = Tokenizer(models.WordLevel({"a": 0}, unk_token="a"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("(a|aa)+$"), "isolated")
    with pytest.raises(Panic, match="crashed") as caught, panics_as_errors():
        tokenizer.encode("a" * 40 + "!")
    assert not isinstance(caught.value.__cause__, Exception)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_other_errors_stay(error: type[BaseException]) -> None:
    with pytest.raises(error), panics_as_errors():
        raise error

import pytest

from gradschool.ground.bigrams import bigrams


@pytest.mark.parametrize(
    ("text", "single", "pairs"),
    [
        ("退货 ok", False, "退货"),
        ("退货", True, "退货 退 货"),
        ("반품하고", False, "반품 품하 하고"),
        ("คืน", False, "คืน"),  # two characters, the first with its mark
        ("plain words", True, ""),
        ("x 京 y 都市", False, "京 都市"),
    ],
)
def test_pairs_do_not_cross_spaces_and_other_scripts(text: str, single: bool, pairs: str) -> None:
    assert bigrams(text, single=single) == pairs

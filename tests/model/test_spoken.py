"""The languages of a base: as its model card says; a base that is not on this machine is not judged."""

from pathlib import Path

import pytest

from gradschool.model.fake import FakeEngine
from gradschool.model.model_card import languages_on_card
from gradschool.model.spoken import evidence_against


@pytest.mark.parametrize(
    "card, named",
    [
        ("---\nlanguage:\n- en\n- DE\n---\n# A base\n", ["en", "de"]),
        ("---\nlanguage: sv\n---\n", ["sv"]),
        ("---\nlicense: mit\n---\n", []),
        ("# A base without front matter\n", []),
        ("---\n: : [\n---\n", []),
        ("---\nlanguage:\n---\n", []),
        ("---\nlicense: mit\nlanguage: [en, nl]\ntags:\n- de\n---\n", ["en", "nl"]),
        ("---\nlanguage: " + "[" * 1_000 + "\n---\n", []),
        ("---\nlanguage:\n- &a0 [x]\n" + "".join(f"- &a{n + 1} [{f'*a{n}, ' * 9}]\n" for n in range(30)) + "---\n", []),
        ("---\nlanguage:\n" + "- en\n" * 100_000 + "---\n", []),
    ],
)
def test_languages_on_a_card(tmp_path: Path, card: str, named: list[str]) -> None:
    (tmp_path / "README.md").write_text(card)
    assert languages_on_card(tmp_path) == named


def test_no_card_and_no_local_base_are_no_evidence(tmp_path: Path) -> None:
    assert languages_on_card(tmp_path) == []
    assert evidence_against(FakeEngine(), "de", ["Das Boot liegt im Hafen."]) == ""

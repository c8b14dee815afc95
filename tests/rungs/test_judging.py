from collections.abc import Sequence
from pathlib import Path

import pytest

from finish import finish
from gradschool.errors import ModelError
from gradschool.ground.index import build_index
from gradschool.model.engine import Continuation
from gradschool.model.fake import FakeEngine
from gradschool.records import Conversation, Example, Message, Note, Source
from gradschool.rungs import judging
from gradschool.rungs.ground import ground
from gradschool.rungs.judging import try_judged
from gradschool.rungs.rung import RungInputs
from gradschool.settings import Ground
from gradschool.specialist import Recipe, Specialist
from rung_inputs import inputs_of

RIGHT = "Opening: visitors enter from seven o'clock until midnight."
WRONG = "The hall, the hall, the great hall: when, when it was built, the hall was blue."
EXAMPLES = [
    Example(
        f"e{n}",
        (
            Message("user", f"When is the hall {word}?"),
            Message("assistant", "Visitors enter from seven until midnight."),
        ),
        f"g{n}",
        Source("f", n),
    )
    for n, word in enumerate(("open", "free", "there", "lit"))
]


class Knowing(FakeEngine):
    """Finds each question likelier after the passage with opening hours, and answers from the passage it is given."""

    def continuations(
        self,
        conversations: Sequence[Conversation],
        texts: Sequence[Sequence[str]],
        adapter: str = "",
        *,
        ended: bool = False,
    ) -> list[list[Continuation] | None]:
        assert ended and not adapter
        return [
            [Continuation((5.0 if "midnight" in asked[-1].content else 50.0,), (False,)) for _ in its]
            for asked, its in zip(conversations, texts, strict=True)
        ]


def said(conversation: Conversation) -> str:
    return "Visitors enter from seven until midnight." if "midnight" in conversation[-1].content else "I do not know."


@pytest.fixture
def inputs(tmp_path: Path) -> RungInputs:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text(f"# One\n\n{WRONG}\n\n# Hall\n\n{RIGHT}\n")
    made = inputs_of(tmp_path, data={"documents": "docs"}, ground={"passages": [1]}, goal={"metric": "token_f1"})
    return RungInputs(made.run, EXAMPLES, EXAMPLES, made.measure)


def test_a_base_that_knows_which_passage_answers_is_asked(inputs: RungInputs) -> None:
    candidate, events = finish(ground(Specialist(Knowing(said), Recipe("Answer.")), inputs))
    assert candidate.recipe.search_weight < 1
    assert "judged by the base" in candidate.recipe.describe()
    assert candidate.validation == 1.0
    assert any("s per question" in one.text for one in events if isinstance(one, Note))
    asked, passages = Specialist(Knowing(said), candidate.recipe).conversation(EXAMPLES[0].question)
    assert [one.text for one in passages] == [f"# Hall\n\n{RIGHT}"] and "midnight" in asked[-1].content


def test_it_costs_nothing_where_it_does_not_help(inputs: RungInputs, tmp_path: Path) -> None:
    finish(build_index(tmp_path / "docs", tmp_path / "index", Ground()))
    recipe = Recipe("Answer.", passages=2, index=str(tmp_path / "index"))  # both passages are found anyway
    tried, _ = finish(try_judged(Specialist(Knowing(said), recipe), recipe, inputs, "ground"))
    assert list(tried) == []


def test_a_base_without_probabilities_does_not_judge(inputs: RungInputs, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ModelError("It has no probabilities.", "Why.", "fix it.")

    monkeypatch.setattr(judging, "question_log_probs", refuse)
    candidate, events = finish(ground(Specialist(FakeEngine(said), Recipe("Answer.")), inputs))
    assert candidate.recipe.search_weight == 1
    assert any("does not judge passages. It has no probabilities." in getattr(one, "text", "") for one in events)

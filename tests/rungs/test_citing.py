from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from finish import finish
from gradschool.errors import ModelError
from gradschool.ground.index import build_index
from gradschool.model.engine import Continuation
from gradschool.model.fake import FakeEngine
from gradschool.records import Answer, Conversation, Decoding, Note, Scored
from gradschool.rungs.citing import drops_of, with_causes
from gradschool.rungs.rung import RungInputs, made
from gradschool.settings import Ground
from gradschool.specialist import Recipe, Specialist
from rung_inputs import TRAIN, VALIDATION, inputs_of


class Reader(FakeEngine):
    """An answer is likely if the conversation has its number's passage; odd ones are as likely without."""

    def __init__(self, context_length: int = 4096) -> None:
        super().__init__(context_length=context_length)
        self.read = list[Conversation]()

    def continuations(
        self,
        conversations: Sequence[Conversation],
        texts: Sequence[Sequence[str]],
        adapter: str = "",
        *,
        ended: bool = False,
    ) -> list[list[Continuation] | None]:
        assert not ended  # a text without its marks does not end as one with them
        self.read += conversations
        return [
            [Continuation((1.0 if text == "odd" or "is even" in asked[-1].content else 4.0,), (False,)) for text in its]
            for asked, its in zip(conversations, texts, strict=True)
        ]


class Refusing(FakeEngine):
    def continuations(self, *_: object, **__: object) -> list[list[Continuation] | None]:
        raise ModelError("It reads no probabilities.", "Why.", "fix it.")


@pytest.fixture
def inputs(tmp_path: Path) -> RungInputs:
    (tmp_path / "docs").mkdir()
    for number in range(6):
        (tmp_path / "docs" / f"{number}.md").write_text(f"Number {number} is {'odd' if number % 2 else 'even'}.\n")
    finish(build_index(tmp_path / "docs", tmp_path / "index", Ground()))
    return inputs_of(tmp_path)


def grounded(engine: FakeEngine, folder: Path) -> tuple[Specialist, list[Scored]]:
    """A specialist, and answers that cite the first passage they were given."""
    specialist = Specialist(engine, Recipe("Odd?", passages=1, index=str(folder / "index")))
    rows = []
    for one in VALIDATION:
        _, passages = specialist.conversation(one.question)
        answer = Answer(one.ideal, citations=passages if one.id != "e104" else ())
        rows.append(Scored(one.id, one.group, one.last_user, one.ideal, answer, 1.0))
    return specialist, rows


def test_the_drop_is_that_of_the_answer_without_the_cited_passage(inputs: RungInputs, tmp_path: Path) -> None:
    specialist, rows = grounded(Reader(), tmp_path)
    assert drops_of(specialist, [one.question for one in VALIDATION], rows) == [[3], [0], [3], [0], [], [0]]
    candidate, events = finish(with_causes(made(specialist.recipe, rows, 0.0), specialist, rows, inputs))
    assert candidate.causes is not None
    assert (candidate.causes.answers, candidate.causes.bearing, candidate.causes.drop) == (5, 0.4, 1.2)
    assert any(one.text.startswith("40% of 5 citations bear") for one in events if isinstance(one, Note))


def test_passages_are_taken_away_from_the_prompt_that_was_answered(inputs: RungInputs, tmp_path: Path) -> None:
    decoding, question = Decoding(max_new_tokens=8), VALIDATION[0].question
    recipe = Recipe("Odd?", 4, False, tuple(TRAIN[:4]), 1, str(tmp_path / "index"), decoding=decoding)
    all_shown, _ = Specialist(Reader(), recipe).conversation(question)
    engine = Reader(context_length=Reader().count_tokens(all_shown) + 8 - 2)  # the passage has four words
    specialist = Specialist(engine, recipe)
    asked, passages = specialist.conversation(question)
    assert passages and len(asked) == len(all_shown) - 2
    row = Scored("e100", "g", "", "even", Answer("even", citations=passages), 1.0)
    drops_of(specialist, [question], [row])
    whole, without = engine.read
    assert whole == asked
    assert without[:-1] == asked[:-1] and without[-1] != asked[-1]  # the same examples, although more would fit


def test_a_base_without_probabilities_is_a_note_and_no_citations_are_nothing(
    inputs: RungInputs, tmp_path: Path
) -> None:
    specialist, rows = grounded(Refusing(), tmp_path)
    candidate, [note] = finish(with_causes(made(specialist.recipe, rows, 0.0), specialist, rows, inputs))
    assert candidate.causes is None and "It reads no probabilities." in note.text
    bare = [replace(row, answer=Answer("odd")) for row in rows]
    assert finish(with_causes(candidate, specialist, bare, inputs)) == (candidate, [])

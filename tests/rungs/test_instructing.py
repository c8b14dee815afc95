"""Instructions that a writer improves after failures on train questions."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from finish import finish
from gradschool.model.engine import Engine
from gradschool.model.fake import FakeEngine
from gradschool.records import Answer, Conversation, Failure, Note
from gradschool.rungs.ground import instruction_variants
from gradschool.rungs.instructing import (
    ASKED,
    CLOSE,
    COMPARED,
    OPEN,
    PROPOSALS,
    Instructions,
    Proposal,
    drawn_parent,
    proposal_of,
    searched_instructions,
)
from gradschool.rungs.prompt import prompt
from gradschool.rungs.rung import RungInputs
from gradschool.specialist import Recipe, Specialist
from rung_inputs import TRAIN, example, inputs_of

GOOD = "Say odd or even, in lower case."


def say(conversation: Conversation) -> str:
    """A base that is right if the instructions name lower case, and writes even answers right if they name even."""
    told, number = conversation[0].content, int(conversation[-1].content.split()[1])
    right = "even" if number % 2 == 0 else "odd"
    return right if "lower" in told or ("only even" in told and right == "even") else right.upper()


class Writer:
    """Writes what it is given, one text after the other, then the last one again."""

    def __init__(self, *texts: str) -> None:
        self.texts, self.asked = texts, list[str]()
        self.engine: Engine = FakeEngine(self.say)

    def say(self, conversation: Conversation) -> str:
        self.asked.append(conversation[-1].content)
        return self.texts[min(len(self.asked), len(self.texts)) - 1]


def marked(text: str) -> str:
    return f"I see.\n{OPEN}\n{text}\n{CLOSE}"


def inputs_with(folder: Path, writer: Writer | None) -> RungInputs:
    small = inputs_of(folder, prompt={"shots": [0]})
    train = [example(n, f"number {n} please", "even" if n % 2 == 0 else "odd") for n in range(60)]
    return replace(small, train=train, writer=writer and writer.engine)


def test_the_best_proposal_is_found_and_chosen_on_validation(tmp_path: Path) -> None:
    writer = Writer(
        "no marks",
        marked("word " * 400),
        f"{OPEN}\nunclosed",
        marked("Say only even."),
        marked("Say nothing."),
        marked(GOOD),
    )
    inputs, best = inputs_with(tmp_path, writer), Specialist(FakeEngine(say), Recipe())
    found, events = finish(searched_instructions(best, inputs, "prompt"))
    assert found[0] == GOOD
    summary = [event.text for event in events if isinstance(event, Note)][-1]
    assert "2 not between the marks, 1 too long" in summary
    assert f"the best scores 1.000 on {COMPARED} others, the job's own 0.000" in summary
    assert "number" in writer.asked[0] and "Wanted: " in writer.asked[0] and "Say odd or even." in writer.asked[0]
    asked = {f"number {n} please" for n in range(100, 106)}
    assert not any(text in request for text in asked for request in writer.asked)  # nothing of validation

    before = len(writer.asked)
    candidate, _ = finish(prompt(best, inputs))
    assert candidate.recipe.instructions == GOOD and candidate.recipe.written
    assert candidate.validation == 1
    assert candidate.recipe.describe() == "rewritten instructions"
    assert len(writer.asked) == before  # proposals are saved in the run
    assert GOOD in [recipe.instructions for recipe in instruction_variants(candidate.recipe, inputs.run.job)]


def test_the_base_is_asked_no_more_than_the_stated_budget(tmp_path: Path) -> None:
    asked = 0

    def worse(_: Conversation) -> str:
        nonlocal asked
        asked += 1
        return "no"

    writer = Writer(marked("Say something else."))
    found, events = finish(
        searched_instructions(Specialist(FakeEngine(worse), Recipe()), inputs_with(tmp_path, writer), "prompt")
    )
    assert found == []
    assert len(writer.asked) == PROPOSALS
    assert asked <= COMPARED + PROPOSALS * (2 * ASKED + COMPARED)
    assert "0 were better" in [event.text for event in events if isinstance(event, Note)][-1]


def test_nothing_is_searched_without_a_writer_or_with_few_examples(tmp_path: Path) -> None:
    never = Specialist(FakeEngine(lambda _: 1 / 0), Recipe())  # type: ignore[arg-type, return-value]
    assert finish(searched_instructions(never, inputs_with(tmp_path, None), "prompt")) == ([], [])
    writer = Writer(marked(GOOD))
    few = replace(inputs_of(tmp_path / "few"), train=TRAIN[:5], writer=writer.engine)
    found, events = finish(searched_instructions(never, few, "prompt"))
    assert found == [] and writer.asked == []
    assert [event.text for event in events if isinstance(event, Note)] == [
        "prompt: instructions are not searched: 12 train examples are needed."
    ]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(marked("New."), "stop"), Proposal("New.")),
        (Answer(f"{OPEN}draft{CLOSE} then {OPEN}New.{CLOSE} done", "stop"), Proposal("New.")),
        (Answer(marked("New."), "length"), Proposal(rejected="cut off")),
        (Answer(f"{OPEN}New.", "stop"), Proposal(rejected="not between the marks")),
        (Answer(f"{OPEN}  {CLOSE}", "stop"), Proposal(rejected="not between the marks")),
        (Answer(f"{CLOSE}New.{OPEN}", "stop"), Proposal(rejected="not between the marks")),
        (Answer(marked("a b c d e f"), "stop"), Proposal(rejected="too long")),
        (Answer(marked("请说明退货的期限和条件"), "stop"), Proposal(rejected="too long")),  # more than five words
        (Answer(marked("The  old\none."), "stop"), Proposal(rejected="the same")),
        (Answer("", "error", failure=Failure("no answer", "why")), Proposal(rejected="no answer")),
    ],
)
def test_only_whole_proposals_of_bounded_length_are_taken(answer: Answer, expected: Proposal) -> None:
    assert proposal_of(answer, "The old one.", 5) == expected


def test_parents_are_the_best_on_some_question() -> None:
    worse, first, second, same = (
        Instructions("worse", (0, 0, 0.5)),
        Instructions("first", (1, 0, 0)),
        Instructions("second", (0, 1, 1)),
        Instructions("same", (1, 0, 0)),
    )
    drawn = [drawn_parent([worse, first, second, same], random.Random(seed)).text for seed in range(200)]
    assert set(drawn) == {"first", "second"}
    assert drawn.count("second") > drawn.count("first")

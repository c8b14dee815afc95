"""Narrowing recipes down on parts of the validation questions."""

from dataclasses import replace
from pathlib import Path

from finish import finish
from gradschool.model.fake import FakeEngine
from gradschool.records import Constraint, Conversation, Note
from gradschool.rungs.choice import choose
from gradschool.rungs.narrow import ENOUGH, in_better_form, narrowed
from gradschool.rungs.rung import RungInputs
from gradschool.specialist import Recipe, Specialist
from rung_inputs import TRAIN, example, inputs_of

VALIDATION = [example(100 + n, f"number {n} please", "even" if n % 2 == 0 else "odd") for n in range(64)]


def wide(folder: Path) -> RungInputs:
    small = inputs_of(folder)
    return RungInputs(small.run, TRAIN, VALIDATION, small.measure)


def test_few_recipes_are_all_kept_without_a_question(tmp_path: Path) -> None:
    recipes = [Recipe(str(number)) for number in range(ENOUGH)]
    never = FakeEngine(lambda _: 1 / 0)  # type: ignore[arg-type, return-value]
    assert finish(narrowed(Specialist(never, Recipe()), recipes, wide(tmp_path), "prompt")) == (recipes, [])


def test_the_best_of_many_recipes_is_found_with_a_fraction_of_the_questions(tmp_path: Path) -> None:
    """Recipe number k is right about (k + 1) / 40 of all questions, so that the last one is the best."""
    asked = 0

    def say(conversation: Conversation) -> str:
        nonlocal asked
        asked += 1
        quality, number = int(conversation[0].content), int(conversation[-1].content.split()[1])
        right = number * 27 % 64 < 64 * (quality + 1) / 40
        return ("even" if number % 2 == 0 else "odd") if right else "no"

    recipes, inputs = [Recipe(str(number)) for number in range(40)], wide(tmp_path)
    best = Specialist(FakeEngine(say), Recipe())
    left, events = finish(narrowed(best, recipes, inputs, "prompt"))
    assert len(left) <= ENOUGH and recipes[-1] in left
    assert left == sorted(left, key=recipes.index)
    assert next(event.text for event in events if isinstance(event, Note)).startswith("prompt: 40 recipes answered 8 ")
    before = asked
    assert before < len(recipes) * len(VALIDATION) / 3
    chosen, _ = finish(choose(best, recipes, inputs, "prompt"))
    assert chosen.recipe in recipes[-4:]
    again = asked
    finish(narrowed(best, recipes, inputs, "prompt"))
    assert asked == again  # answers are kept


LABELS = Constraint(("even", "odd"))


def test_the_form_that_answers_better_is_tried_with_all_recipes_and_the_other_with_a_few(tmp_path: Path) -> None:
    def say(conversation: Conversation) -> str:
        number = int(conversation[-1].content.split()[1])
        return "I think it is " + ("even" if number % 2 == 0 else "odd")

    inputs, recipes = replace(wide(tmp_path), constraint=LABELS), [Recipe(str(number)) for number in range(20)]
    left, events = finish(
        in_better_form(Specialist(FakeEngine(say, constrains=True), Recipe()), recipes, inputs, "prompt")
    )
    free = [recipe.instructions for recipe in left if recipe.decoding.constraint is None]
    assert free == ["0", "5", "10", "15"] and len(left) == 20 + len(free)
    assert [one.instructions for one in left if one.decoding.constraint] == [one.instructions for one in recipes]
    assert "free answers, 1.000 constrained" in [event.text for event in events if isinstance(event, Note)][-1]


def test_both_forms_are_tried_if_neither_is_better_or_recipes_are_few(tmp_path: Path) -> None:
    inputs, recipes = replace(wide(tmp_path), constraint=LABELS), [Recipe(str(number)) for number in range(20)]
    wrong = Specialist(FakeEngine(lambda _: "even", constrains=True), Recipe())  # as it is, and constrained
    assert len(finish(in_better_form(wrong, recipes, inputs, "prompt"))[0]) == 40
    never = Specialist(FakeEngine(lambda _: 1 / 0), Recipe())  # type: ignore[arg-type, return-value]
    assert len(finish(in_better_form(never, recipes[:ENOUGH], inputs, "prompt"))[0]) == 2 * ENOUGH
    assert finish(in_better_form(never, recipes, replace(inputs, constraint=None), "prompt"))[0] == recipes


def test_equal_recipes_leave_the_first(tmp_path: Path) -> None:
    recipes = [Recipe(str(number)) for number in range(20)]
    left, _ = finish(narrowed(Specialist(FakeEngine(lambda _: "odd"), Recipe()), recipes, wide(tmp_path), "prompt"))
    assert left[0] == recipes[0]


def test_a_few_validation_questions_are_asked_by_all(tmp_path: Path) -> None:
    recipes, inputs = [Recipe(str(number)) for number in range(20)], wide(tmp_path)
    few = RungInputs(inputs.run, TRAIN, VALIDATION[:4], inputs.measure)
    assert finish(narrowed(Specialist(FakeEngine(), Recipe()), recipes, few, "prompt")) == (recipes, [])

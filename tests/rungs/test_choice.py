"""The choice among recipes: on validation, then on train examples that no recipe shows."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from finish import finish
from gradschool.model.fake import FakeEngine
from gradschool.records import Answer, Conversation, Example, Message, Scored, Source
from gradschool.rungs.choice import choose, contenders, halving, unshown, winner
from gradschool.rungs.ground import ground
from gradschool.rungs.prompt import prompt
from gradschool.rungs.rung import RungInputs
from gradschool.specialist import Recipe, Specialist
from rung_inputs import inputs_of


def fruit(number: int, group: str = "") -> Example:
    name = f"t{number}"
    messages = (Message("user", f"crate {number} please"), Message("assistant", f"shelf {number % 7}"))
    return Example(name, messages, group or name, Source("f", number))


CRATES = [fruit(number) for number in range(60)]
ASKED = [fruit(number) for number in range(100, 106)]


def crate_inputs(folder: Path, train: Sequence[Example] = CRATES, **settings: object) -> RungInputs:
    small = inputs_of(folder, **settings)
    return RungInputs(small.run, train, ASKED, small.measure)


def rows_of(values: Sequence[float], groups: Sequence[str] | None = None) -> list[Scored]:
    named = groups or [f"g{n}" for n in range(len(values))]
    return [Scored("", group, "", "", Answer(""), value) for value, group in zip(values, named, strict=True)]


def number_of(conversation: Conversation) -> int:
    return int(conversation[-1].content.split()[1])


def test_two_recipes_that_are_close_on_validation_are_compared_on_unshown_train_examples(tmp_path: Path) -> None:
    """On validation `luck` is better by one question; on train `skill` is always right."""

    def say(conversation: Conversation) -> str:
        number, instructions = number_of(conversation), conversation[0].content
        right = {"luck": number in (100, 101, 102, 103), "skill": number < 100 or number in (101, 102, 103)}
        return f"shelf {number % 7}" if right.get(instructions) else "no"

    inputs = crate_inputs(tmp_path)
    recipes = [Recipe("luck"), Recipe("skill"), Recipe("none")]
    chosen, _ = finish(choose(Specialist(FakeEngine(say), Recipe()), recipes, inputs, "prompt"))
    assert chosen.recipe.instructions == "skill"
    assert len(chosen.rows) == len(ASKED)  # the score on validation stays one on validation
    tried = dict(chosen.tried)
    assert [score for what, score in chosen.tried if "train examples" not in what] == [4 / 6, 3 / 6, 0]
    assert any("train examples" in what for what in tried)
    names = sorted(path.name.rpartition("-")[0] for path in (inputs.run.folder / "answers").iterdir())
    assert names == ["prompt-train"] * 2 + ["prompt-validation"] * 3


def test_equal_and_clearly_worse_recipes_are_not_asked_again(tmp_path: Path) -> None:
    asked: list[int] = []

    def say(conversation: Conversation) -> str:
        asked.append(number_of(conversation))
        return f"shelf {asked[-1] % 7}" if conversation[0].content != "bad" else "no"

    recipes = [Recipe("one"), Recipe("two"), Recipe("bad")]
    chosen, _ = finish(choose(Specialist(FakeEngine(say), Recipe()), recipes, crate_inputs(tmp_path), "prompt"))
    assert chosen.recipe == recipes[0] and max(asked) >= 100 and min(asked) >= 100
    assert len(chosen.tried) == 3


def test_a_recipe_with_answers_that_are_all_the_same_is_chosen_only_if_all_are_like_that(tmp_path: Path) -> None:
    train = [fruit(7 * number) for number in range(60)]  # all on shelf 0
    asked = [fruit(number) for number in (*range(700, 756, 7), 1, 2, 3, 4)]  # eight on shelf 0, four on others

    def say(conversation: Conversation) -> str:
        number = number_of(conversation)
        answers = {"same": "shelf 0", "differs": f"shelf {number % 7}" if number % 3 else "no", "no": "no"}
        return answers[conversation[0].content]

    small = crate_inputs(tmp_path)
    inputs = RungInputs(small.run, train, asked, small.measure)
    best = Specialist(FakeEngine(say), Recipe())
    chosen, _ = finish(choose(best, [Recipe("no"), Recipe("same"), Recipe("differs")], inputs, "prompt"))
    assert chosen.recipe.instructions == "differs"
    assert dict(chosen.tried)  # the other one scores at least as much
    only, _ = finish(choose(best, [Recipe("no"), Recipe("same")], inputs, "ground"))
    assert only.recipe.instructions == "same"


def test_no_recipe_shows_a_question_that_it_is_asked(tmp_path: Path) -> None:
    """Neither fixed nor nearest examples, nor what hangs together with the question."""
    train = [fruit(number, f"customer {number // 3}") for number in range(60)]
    near = (("t3", "t9"), ("t0", "t57"))
    seen: list[Conversation] = []
    draw = random.Random(5)

    def say(conversation: Conversation) -> str:
        seen.append(conversation)
        return f"shelf {number_of(conversation) % 7}" if draw.random() < 0.5 else "no"

    inputs = crate_inputs(tmp_path, train, prompt={"shots": [0, 2, 4]})
    inputs = RungInputs(inputs.run, train, ASKED, inputs.measure, near=near)
    finish(prompt(Specialist(FakeEngine(say), Recipe()), inputs))
    trained = [conversation for conversation in seen if number_of(conversation) < 100]
    assert trained and any(len(conversation) > 2 for conversation in trained)
    unit = {f"t{number}": f"customer {number // 3}" for number in range(60)}
    unit |= {f"t{number}": "customer 1" for number in (9, 10, 11)} | {
        f"t{number}": "customer 0" for number in (57, 58, 59)
    }
    for *before, question in trained:
        shown = {unit[f"t{message.content.split()[1]}"] for message in before if message.role == "user"}
        assert unit[f"t{question.content.split()[1]}"] not in shown


def test_the_ground_rung_compares_on_train_examples_too(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "shelves.md").write_text("\n\n".join(f"crate {n} is on shelf {n % 7}." for n in range(110)))
    draw = random.Random(1)

    def say(conversation: Conversation) -> str:
        return "shelf 1" if draw.random() < 0.5 else f"shelf {number_of_last(conversation) % 7}"

    inputs = crate_inputs(tmp_path, data={"documents": "docs"}, ground={"passages": [1, 2]})
    candidate, _ = finish(ground(Specialist(FakeEngine(say), Recipe("Where?")), inputs))
    assert candidate.recipe.passages in (1, 2) and candidate.recipe.examples == ()
    assert candidate.validation == next(s for what, s in candidate.tried if what == candidate.recipe.describe())


def number_of_last(conversation: Conversation) -> int:
    words = conversation[-1].content.split()
    return int(words[len(words) - 1 - words[::-1].index("crate") + 1])


def test_unshown_examples_are_whole_units_and_at_most_half_of_train(tmp_path: Path) -> None:
    train = [fruit(number, f"customer {number // 4}") for number in range(40)]
    inputs = crate_inputs(tmp_path, train)
    shown = Recipe(shots=1, examples=(train[0],))
    found = unshown([shown, Recipe(shots=1, nearest=True, examples=tuple(train))], inputs, 1_000)
    assert 0 < len(found) <= 20 and len(found) % 4 == 0
    assert not {one.group for one in found} & {"customer 0"}
    assert found == unshown([shown], inputs, 1_000)
    assert unshown([Recipe(examples=tuple(train))], inputs, 1_000) == []
    assert len(unshown([shown], inputs, 9)) == 8
    one_group = crate_inputs(tmp_path / "one", [fruit(number, "all") for number in range(40)])
    assert unshown([Recipe()], one_group, 100) == []


def test_contenders_are_the_best_without_those_that_are_clearly_worse() -> None:
    best, close, far = rows_of([1, 1, 0, 1] * 5), rows_of([1, 0, 1, 1] * 5), rows_of([0, 0, 0, 1] * 5)
    assert contenders([far, close, best], range(3), 3) == [1, 2]
    assert contenders([far, close, best], range(3), 1) == [1]  # of equal means the first
    worse = rows_of([1, 0, 1, 1] * 4 + [1, 0, 0, 1])
    assert contenders([worse, best], range(2), 2) == [0, 1]
    assert contenders([worse, best], range(2), 1) == [1]
    assert contenders([best, best], range(2), 2) == [0]
    # The same difference is less clear if answers hang together.
    values, lower = [1.0] * 20, [1.0] * 16 + [0.0] * 4
    assert contenders([rows_of(lower), rows_of(values)], range(2), 2) == [1]
    together = ["a"] * 16 + ["b"] * 4
    assert contenders([rows_of(lower, together), rows_of(values, together)], range(2), 2) == [0, 1]


@pytest.mark.parametrize("recipes", range(1, 12))
def test_the_rounds_ask_at_most_as_many_answers_as_validation_did(recipes: int) -> None:
    draw = random.Random(recipes)
    rows = [rows_of([float(draw.random() < 0.7) for _ in range(30)]) for _ in range(recipes)]
    asked, before = 0, 0
    for places, part in halving(rows, 1_000, range(recipes)):
        assert part.start == before and len(places) > 1
        before = part.stop
        for place in places:
            rows[place] += rows_of([float(draw.random() < 0.7) for _ in range(part.stop - part.start)])
            asked += part.stop - part.start
    assert asked <= 30 * recipes
    assert len(rows[winner(rows, range(recipes))]) == max(map(len, rows))


def test_choices_lose_less_than_on_validation_alone() -> None:
    """Right-or-wrong answers: the true score of the chosen recipe is closer to that of the best one."""
    draw = random.Random(7)
    losses = [0.0, 0.0]
    for _ in range(300):
        truths = [min(1.0, max(0.0, draw.gauss(0.7, 0.05))) for _ in range(8)]
        answers = [[float(draw.random() < truth) for _ in range(200)] for truth in truths]
        for number, unseen in enumerate((0, 160)):
            rows = [rows_of(one[:40]) for one in answers]
            for places, part in halving(rows, unseen, range(8)):
                for place in places:
                    rows[place] += rows_of(answers[place][40 + part.start : 40 + part.stop])
            losses[number] += (max(truths) - truths[winner(rows, range(8))]) / 300
    assert losses[1] < 0.8 * losses[0], losses

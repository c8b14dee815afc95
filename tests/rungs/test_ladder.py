"""The rungs: the recipes they try, their choice, and when they are skipped."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from finish import finish
from gradschool.errors import DataError, ModelError
from gradschool.ground.cite import NOT_THERE
from gradschool.ground.index import build_index
from gradschool.job import Job
from gradschool.model.fake import FakeEngine
from gradschool.model.local import LocalEngine
from gradschool.model.opening import POCKET
from gradschool.records import Constraint, Conversation, Decoding, Note
from gradschool.rungs.base import base
from gradschool.rungs.ground import ground
from gradschool.rungs.ladder import LADDER, count_looks
from gradschool.rungs.prompt import FIXED_SETS, own_right_answers, prompt, prompt_variants, short_enough, varied
from gradschool.rungs.rung import recipe_hash, try_all
from gradschool.rungs.training import local, make_rows, plan_for, train_rows
from gradschool.rungs.tuning import tuning_recipe
from gradschool.settings import Ground, Settings, Tune
from gradschool.specialist import Recipe, Specialist
from rung_inputs import TRAIN, VALIDATION, example, inputs_of


class Watching:
    """An engine that answers by a function and records the conversations."""

    def __init__(self, answer: Callable[[Conversation], str], context_length: int = 4096) -> None:
        self.asked: list[Conversation] = []
        self.answer = answer
        self.engine = FakeEngine(self.say, context_length)

    def say(self, conversation: Conversation) -> str:
        self.asked.append(conversation)
        return self.answer(conversation)


def test_the_base_rung_asks_the_bare_base(tmp_path: Path) -> None:
    watching = Watching(lambda _: "odd")
    candidate, _ = finish(base(Specialist(watching.engine, Recipe()), inputs_of(tmp_path)))
    assert candidate.validation == 0.5 and candidate.recipe == Recipe()
    assert watching.asked == [e.question for e in VALIDATION]


def test_the_prompt_rung_chooses_the_best_recipe_on_validation(tmp_path: Path) -> None:
    """With an engine that repeats the answer of the last example, the nearest examples are best."""

    def copy(conversation: Conversation) -> str:
        said = [m.content for m in conversation if m.role == "assistant"]
        return said[-1] if said else "what?"

    inputs = inputs_of(tmp_path, prompt={"shots": [2, 0, 99]})
    candidate, events = finish(prompt(Specialist(Watching(copy).engine, Recipe()), inputs))
    assert (candidate.recipe.shots, candidate.recipe.nearest, candidate.validation) == (2, True, 1.0)
    assert candidate.recipe.instructions == "Say odd or even."
    assert "instructions + 2 nearest examples" in dict(candidate.tried)
    assert max(score for _, score in candidate.tried) == candidate.validation
    said = [event.text for event in events if isinstance(event, Note)]
    assert "prompt: 10 recipes answered 4 validation questions; 8 of them go on." in said


def test_each_recipe_is_also_tried_with_constrained_answers(tmp_path: Path) -> None:
    """An engine that knows the label and writes a sentence is right if its answers are constrained."""

    def say(asked: Conversation) -> str:
        return "odd" if asked[-1].content.split()[1:2] in (["1"], ["3"], ["5"]) else "even it is"

    told = FakeEngine(say, constrains=True)
    labels = Constraint(("even", "odd"))
    inputs = replace(inputs_of(tmp_path), constraint=labels)
    candidate, _ = finish(base(Specialist(told, Recipe()), inputs))
    assert candidate.recipe.decoding.constraint == labels and candidate.validation == 1.0
    assert candidate.tried[:2] == (("no help", 0.5), ("one of 2 labels", 1.0))
    candidate, _ = finish(prompt(Specialist(told, candidate.recipe), inputs))
    assert all("of 2 labels" in what for what, score in candidate.tried if score == 1.0)
    assert recipe_hash(candidate.recipe) != recipe_hash(replace(candidate.recipe, decoding=Decoding()))
    assert TypeAdapter(Recipe).validate_python(TypeAdapter(Recipe).dump_python(candidate.recipe)) == candidate.recipe


def test_of_equal_recipes_the_simplest_is_chosen(tmp_path: Path) -> None:
    candidate, _ = finish(prompt(Specialist(FakeEngine(lambda _: "odd"), Recipe()), inputs_of(tmp_path)))
    assert (candidate.recipe.shots, candidate.validation) == (0, 0.5)


def test_saved_answers_are_not_asked_again(tmp_path: Path) -> None:
    inputs, watching = inputs_of(tmp_path), Watching(lambda _: "odd")
    best = Specialist(watching.engine, Recipe())
    first, _ = finish(try_all(best, [Recipe("a"), Recipe("b")], inputs, "prompt"))
    assert len(watching.asked) == 12
    again, _ = finish(try_all(best, [Recipe("a"), Recipe("b")], inputs, "prompt"))
    assert (len(watching.asked), again) == (12, first)
    finish(try_all(best, [Recipe("c")], inputs, "prompt"))
    assert len(watching.asked) == 18


def test_answers_of_runs_by_older_versions_are_found() -> None:
    """Their file names end with a hash of the recipe, which must not change."""
    assert recipe_hash(Recipe("Say odd or even.", task_only=True))[:12] == "6176e98c4c01"
    assert TypeAdapter(Recipe).validate_python({"brief": True}) == Recipe(task_only=True)


def test_a_new_field_of_a_recipe_changes_only_the_hashes_of_recipes_that_use_it() -> None:
    @dataclass(frozen=True, slots=True)
    class Later(Recipe):
        hint: str = ""

    assert recipe_hash(Later("Say odd or even.")) == recipe_hash(Recipe("Say odd or even."))
    assert recipe_hash(Later("Say odd or even.", hint="odd")) != recipe_hash(Recipe("Say odd or even."))


def test_variants_show_only_train_examples_and_are_the_same_each_time(tmp_path: Path) -> None:
    inputs = inputs_of(tmp_path, prompt={"shots": [0, 4]})
    made = list(prompt_variants(Recipe(), inputs))
    assert made == list(prompt_variants(Recipe(), inputs))
    shown = {e.id for recipe in made for e in recipe.examples}
    assert shown and shown <= {e.id for e in TRAIN}
    assert [(r.shots, r.nearest) for r in made] == [(0, False), *[(4, False)] * FIXED_SETS, (4, True)]
    assert len({recipe.examples for recipe in made[1:-1]}) == FIXED_SETS


def test_more_examples_than_there_are_is_said_and_the_instructions_alone_are_tried(tmp_path: Path) -> None:
    inputs = inputs_of(tmp_path, prompt={"shots": [1000, 50]})
    candidate, events = finish(prompt(Specialist(FakeEngine(lambda _: "odd"), Recipe()), inputs))
    assert (candidate.recipe.shots, candidate.recipe.instructions) == (0, "Say odd or even.")
    [said] = [note.text for note in events if isinstance(note, Note) and note.level == "warning"]
    assert said.startswith("prompt: prompts with 50 or 1000 examples are not tried: of the train examples 20 are short")


def test_examples_in_the_words_of_the_base_are_right_and_shown_as_it_wrote_them(tmp_path: Path) -> None:
    """A base that is right about small numbers, in a spelling of its own that the metric takes for the same."""

    def say(conversation: Conversation) -> str:
        number = int(conversation[-1].content.split()[1])
        return (" even" if number % 2 == 0 else "odd ") if number < 12 else "no idea"

    inputs = inputs_of(tmp_path, prompt={"shots": [0, 2]})
    own, [*_, note] = finish(own_right_answers(Specialist(FakeEngine(say), Recipe()), inputs))
    assert [(example.id, example.ideal) for example in own[:2]] == [("e0", " even"), ("e1", "odd ")]
    assert isinstance(note, Note) and note.text.startswith("prompt: the base answers 12 of ")
    [recipe] = [one for one in prompt_variants(Recipe(), inputs, own) if one.own_answers]
    assert {example.ideal for example in recipe.examples} == {" even", "odd "}
    assert recipe.describe() == "instructions + 2 fixed examples in its own words"
    ideal = replace(recipe, own_answers=False)
    assert recipe_hash(recipe) != recipe_hash(ideal)
    assert not [one for one in prompt_variants(Recipe(), inputs, own[:1]) if one.own_answers]


@pytest.mark.parametrize("seed", range(5))
def test_examples_shown_have_different_answers_as_far_as_possible(seed: int) -> None:
    for count in (1, 2, 5, 20):
        chosen = varied(TRAIN, count, seed)
        assert len({e.id for e in chosen}) == count
        assert {e.ideal for e in chosen[:2]} == ({"odd", "even"} if count > 1 else {chosen[0].ideal})


def test_the_longest_examples_are_not_shown() -> None:
    long = example(50, "x" * 5000, "odd")
    assert long not in short_enough([*TRAIN, long])
    assert len(short_enough([*TRAIN, long])) >= 18
    assert short_enough([]) == [] and short_enough([long]) == [long]


def test_rungs_that_cannot_run_give_a_reason(tmp_path: Path, engine: LocalEngine) -> None:
    bare = Job("j", tmp_path, Settings.model_validate({"prompt": {"shots": [0]}}))
    reasons = {rung.name: rung.reason_to_skip(bare, FakeEngine()) for rung in LADDER}
    assert list(reasons) == ["base", "prompt", "ground", "tune"]
    assert reasons["base"] == "" and all(reasons[name] for name in ("prompt", "ground", "tune"))
    assert count_looks(LADDER, bare, FakeEngine()) == 1
    full = Job("j", tmp_path, Settings.model_validate({"task": "x", "data": {"documents": "d"}}))
    assert count_looks(LADDER, full, engine) == 4 and count_looks(LADDER, full, FakeEngine()) == 3


def test_the_ground_rung_puts_passages_before_questions(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for n in range(6):
        word = "even" if n % 2 == 0 else "odd"
        (tmp_path / "docs" / f"{n}.md").write_text(f"Number {n} is {word}.\n")

    def read(conversation: Conversation) -> str:
        text = conversation[-1].content
        return "odd [1]" if "is odd" in text.partition("[2]")[0] else "even [1]" if "is even" in text else "what?"

    inputs = inputs_of(tmp_path, data={"documents": "docs"}, ground={"passages": [1, 2]})
    best = Specialist(FakeEngine(read), Recipe("Say odd or even.", shots=1, examples=tuple(TRAIN[:1])))
    candidate, _ = finish(ground(best, inputs))
    assert candidate.validation == 1.0
    assert (candidate.recipe.passages, candidate.recipe.shots) == (1, 0)
    assert candidate.recipe.instructions == "Say odd or even."
    assert Path(candidate.recipe.index).is_absolute() and Path(candidate.recipe.index).is_dir()
    assert [what for what, _ in candidate.tried] == [
        f"instructions + {more}"
        for more in ("1 passage", "2 passages", "1 fixed examples + 1 passage", "1 fixed examples + 2 passages")
    ]


def test_an_embedder_in_the_folder_of_the_job_is_found_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "small").mkdir()
    named = []

    def stopped(_documents: Path, _folder: Path, search: Ground) -> None:
        named.append(search.embedder)
        raise DataError("Enough.")

    monkeypatch.setattr("gradschool.rungs.ground.build_index", stopped)
    for number, name in enumerate(("small", "owner/name")):
        (tmp_path / str(number)).mkdir()
        inputs = inputs_of(tmp_path / str(number), data={"documents": "docs"}, ground={"embedder": name})
        monkeypatch.setattr(Job, "path", lambda _, name: tmp_path / name)
        with pytest.raises(DataError, match="Enough"):
            finish(ground(Specialist(FakeEngine(), Recipe()), inputs))
    assert named == [str(tmp_path / "small"), "owner/name"]


def test_the_task_is_also_tried_without_the_guidelines(tmp_path: Path) -> None:
    """For a base that cannot follow long guidelines; if it scores as well with them, they stay."""
    (tmp_path / "rules.md").write_text("Be polite.")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("Number 1 is odd.\n")

    def lost(conversation: Conversation) -> str:
        return "what?" if "polite" in conversation[0].content else "odd"

    for say, task_only, kept in ((lambda _: "odd", False, "instructions"), (lost, True, "task alone")):
        folder = tmp_path / kept
        settings = {"data": {"guidelines": "../rules.md", "documents": "../docs"}, "ground": {"passages": [1]}}
        inputs = inputs_of(folder, prompt={"shots": [0]}, **settings)
        told, _ = finish(prompt(Specialist(FakeEngine(say), Recipe()), inputs))
        assert [what for what, _ in told.tried] == ["instructions", "task alone"]
        assert (told.recipe.task_only, told.recipe.describe()) == (task_only, kept)
        assert told.recipe.instructions == "Say odd or even." + "\n\nBe polite." * (not task_only)
        grounded, _ = finish(ground(Specialist(FakeEngine(say), told.recipe), inputs))
        assert [what for what, _ in grounded.tried] == ["instructions + 1 passage", "task alone + 1 passage"]
        assert grounded.recipe.describe() == f"{kept} + 1 passage"
        assert tuning_recipe(grounded.recipe, inputs).instructions == told.recipe.instructions


# --- rows for training


def test_a_row_is_the_prompt_followed_by_the_ideal_answer(engine: LocalEngine, tmp_path: Path) -> None:
    student = Specialist(engine, Recipe("Odd?"))
    rows, _ = finish(make_rows(student, TRAIN, student.lesson, "rows"))
    for row, made in zip(rows, TRAIN, strict=True):
        asked = engine.chat.prompt_ids(student.conversation(made.question)[0])
        assert list(row.token_ids[: len(asked)]) == asked and not any(row.loss_mask[: len(asked)])
        learnt = [t for t, m in zip(row.token_ids, row.loss_mask, strict=True) if m]
        assert engine.chat.decode(learnt[:-1]) == made.ideal and learnt[-1] in engine.stop_ids
    plan = plan_for(rows, inputs_of(tmp_path, tune={"batch_tokens": 200}), 1e-3)
    mean = sum(len(row.token_ids) for row in rows) / len(rows)
    assert plan.rows_per_step == round(200 / mean)


def test_long_rows_are_left_out_and_reported(engine: LocalEngine) -> None:
    student = Specialist(engine, Recipe())
    long = example(60, "x" * 400, "odd")
    rows, events = finish(make_rows(student, [*TRAIN, long], student.lesson, "rows"))
    assert len(rows) == len(TRAIN)
    [note] = [event for event in events if isinstance(event, Note)]
    assert note.level == "warning" and note.text.startswith("1 of 21 rows have over 160 tokens")
    with pytest.raises(DataError, match="short enough"):
        finish(make_rows(student, TRAIN, student.lesson, "rows", 16))


def test_some_rows_have_passages_without_the_answer(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    facts = [f"Keeper {name} lives in house {number} near the old mill." for number, name in enumerate("abcdefgh")]
    for number, fact in enumerate(facts):
        (tmp_path / "docs" / f"{number}.md").write_text(f"{fact}\n")
    finish(build_index(tmp_path / "docs", tmp_path / "index", Ground()))
    engine = LocalEngine(POCKET, name="pocket")
    student = Specialist(engine, Recipe("Answer.", passages=2, index=str(tmp_path / "index")))
    known = [example(n, "Which house?", f"It is house {n} near the old mill.") for n in range(8)]
    tune = Tune(distractors=0.25)
    rows, events = finish(train_rows(student, known, tune, "rows"))
    texts = [engine.chat.decode(row.token_ids) for row in rows]
    assert len(rows) == 12 and sum(text.count(NOT_THERE) == 2 for text in texts) == 2  # once in the instructions
    assert "4 more rows" in events[-1].text
    assert finish(train_rows(student, known, tune, "rows"))[0] == rows
    plain, _ = finish(train_rows(student, known, Tune(distractors=0), "rows"))
    assert plain == rows[:8]
    bare = Specialist(engine, Recipe("Answer."))
    assert len(finish(train_rows(bare, known, tune, "rows"))[0]) == 8


def test_a_student_is_not_shown_examples(tmp_path: Path) -> None:
    best = Recipe(shots=2, nearest=True, examples=tuple(TRAIN), passages=3, index="i")
    recipe = tuning_recipe(best, inputs_of(tmp_path))
    assert recipe == replace(best, shots=0, nearest=False, examples=(), instructions="Say odd or even.")


def test_only_a_local_base_can_be_trained() -> None:
    with pytest.raises(ModelError, match="on this machine"):
        local(Specialist(FakeEngine(), Recipe()))

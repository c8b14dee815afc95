"""Compared labels as a candidate, and the correction of what a base prefers."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from finish import finish
from gradschool.errors import ModelError
from gradschool.model.engine import Continuation
from gradschool.model.fake import FakeEngine
from gradschool.records import Constraint, Conversation
from gradschool.rungs.base import base
from gradschool.rungs.comparing import preferred, try_compared
from gradschool.rungs.rung import recipe_hash, with_constraint
from gradschool.specialist import Recipe, Specialist
from rung_inputs import TRAIN, VALIDATION, example, inputs_of

LABELS = Constraint(("even", "odd"))


class Prefers(FakeEngine):
    """Knows the answer by one nat, and likes "even" better by three whatever it is asked; it writes that alone."""

    def __init__(self) -> None:
        super().__init__(lambda _: "even", constrains=True)

    def continuations(
        self,
        conversations: Sequence[Conversation],
        texts: Sequence[Sequence[str]],
        adapter: str = "",
        *,
        ended: bool = False,
    ) -> list[list[Continuation] | None]:
        assert ended
        return [[Continuation((self._nats(asked, label),), (True,)) for label in texts[0]] for asked in conversations]

    def _nats(self, asked: Conversation, label: str) -> float:
        words = asked[-1].content.split()
        right = len(words) > 1 and (label == "even") == (int(words[1]) % 2 == 0)
        return 5.0 - right - 3.0 * (label == "even")


def test_the_preference_of_the_base_is_corrected(tmp_path: Path) -> None:
    inputs = replace(inputs_of(tmp_path), constraint=LABELS)
    candidate, _ = finish(base(Specialist(Prefers(), Recipe()), inputs))
    constraint = candidate.recipe.decoding.constraint
    assert constraint and constraint.bias and candidate.validation == 1.0
    tried = {what: score for what, score in candidate.tried if "most probable" in what}
    # Without a correction, all answers are the same, and a gate rejects that.
    corrected = [f"most probable of 2 labels, {name} calibration" for name in ("contextual", "batch")]
    assert tried == dict.fromkeys(corrected, 1.0) and candidate.recipe.describe() in corrected
    unnamed = with_constraint(candidate.recipe, replace(constraint, calibration=""))
    assert recipe_hash(unnamed) == recipe_hash(candidate.recipe)  # as runs of earlier versions have it


def test_corrections_are_tried_on_one_reading_of_each_question(tmp_path: Path) -> None:
    class Counts(Prefers):
        def __init__(self) -> None:
            super().__init__()
            self.read: Counter[str] = Counter()

        def _nats(self, asked: Conversation, label: str) -> float:
            self.read[asked[-1].content] += label == "even"
            return super()._nats(asked, label)

    engine, inputs = Counts(), replace(inputs_of(tmp_path), constraint=LABELS, train=TRAIN[10:])
    tried, _ = finish(try_compared(Specialist(engine, Recipe()), Recipe(), inputs, "base"))
    assert len(tried) == 2 and [engine.read[one.last_user] for one in VALIDATION] == [1] * len(VALIDATION)

    # Answers that an earlier version saved lack the probabilities of the labels: each recipe is asked then.
    for file in (tmp_path / "run" / "answers").iterdir():
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        if any([row["answer"].pop("label_log_probs") for row in rows]):
            file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        else:
            file.unlink()
    again, _ = finish(try_compared(Specialist(engine, Recipe()), Recipe(), inputs, "base"))
    assert [engine.read[one.last_user] for one in VALIDATION] == [3] * len(VALIDATION)
    answers = [[[row.answer.text for row in scored] for _, scored in found] for found in (tried, again)]
    assert answers[0] == answers[1]


def test_batch_calibration_is_the_mean_probability_of_each_label() -> None:
    specialist = Specialist(Prefers(), Recipe())
    found = preferred(specialist, LABELS.choices, [example.question for example in VALIDATION])
    even = np.mean([1 / (1 + np.exp(-3 - (1 if n % 2 == 0 else -1))) for n in range(6)])
    assert found == pytest.approx(np.log([even, 1 - even]), abs=1e-4)


def test_the_preference_for_a_label_is_finite_however_improbable_it_is() -> None:
    class Long(FakeEngine):
        def continuations(self, conversations: Sequence[Conversation], *_: object, **__: object):  # type: ignore[no-untyped-def,override]
            return [[Continuation((nats,), (True,)) for nats in (10.0, 2_000.0, 1_500.0)] for _ in conversations]

    questions = [example.question for example in VALIDATION]
    assert preferred(Specialist(Long(), Recipe()), ("a", "b", "c"), questions) == (0.0, -1_990.0, -1_490.0)


def test_json_and_bases_without_probabilities_compare_nothing(tmp_path: Path) -> None:
    class Silent(FakeEngine):
        def continuations(self, *arguments: object, **options: object) -> None:  # type: ignore[override]
            raise ModelError("It cannot.")

    for engine, constraint in ((Silent(constrains=True), LABELS), (FakeEngine(), None)):
        inputs = replace(inputs_of(tmp_path / str(bool(constraint))), constraint=constraint)
        candidate, _ = finish(base(Specialist(engine, Recipe()), inputs))
        assert not any("most probable" in what for what, _ in candidate.tried)


def test_a_setting_leaves_labels_written(tmp_path: Path) -> None:
    inputs = replace(inputs_of(tmp_path, answers={"compare": False}), constraint=LABELS)
    candidate, _ = finish(base(Specialist(Prefers(), Recipe()), inputs))
    assert not any("most probable" in what for what, _ in candidate.tried)


def test_shown_examples_are_not_questions_of_the_calibration(tmp_path: Path) -> None:
    asked: list[str] = []

    class Watching(Prefers):
        def continuations(self, conversations, texts, adapter="", *, ended=False):  # type: ignore[no-untyped-def]
            asked.extend(conversation[-1].content for conversation in conversations)
            return super().continuations(conversations, texts, adapter, ended=ended)

    inputs = replace(inputs_of(tmp_path), constraint=LABELS)
    finish(base(Specialist(Watching(), Recipe(shots=1, examples=(TRAIN[10],))), inputs))
    assert TRAIN[11].last_user in asked and TRAIN[10].last_user not in asked


def test_nearest_examples_do_not_answer_the_questions_of_the_calibration(tmp_path: Path) -> None:
    asked: list[Conversation] = []

    class Watching(Prefers):
        def continuations(self, conversations, texts, adapter="", *, ended=False):  # type: ignore[no-untyped-def]
            asked.extend(conversations)
            return super().continuations(conversations, texts, adapter, ended=ended)

    train = [example(n, f"number {50 + n} please", "odd" if n % 2 else "even") for n in range(20)]
    near = ((train[0].id, train[15].id),)
    inputs = replace(inputs_of(tmp_path), constraint=LABELS, near=near, train=train)
    recipe = Recipe(shots=2, nearest=True, ranking="bm25", examples=tuple(train))
    finish(try_compared(Specialist(Watching(), recipe), recipe, inputs, "prompt"))
    known = {example.last_user for example in train}
    of_train = [conversation for conversation in asked if conversation[-1].content in known]
    assert len(of_train) == 10
    shown = {message.content for conversation in of_train for message in conversation[:-1]}
    assert shown & known and not shown & {conversation[-1].content for conversation in of_train}
    assert train[15].last_user not in shown


def test_labels_that_are_all_the_same_are_not_proposed(tmp_path: Path) -> None:
    """Uncorrected, the preferred label is the answer to every question, which a gate rejects."""
    numbers = [example(200 + n, f"number {n} please", "even" if n % 3 else "odd") for n in range(24)]
    inputs = replace(inputs_of(tmp_path), constraint=LABELS, validation=numbers)
    candidate, _ = finish(base(Specialist(Prefers(), Recipe()), inputs))
    assert 0 < sum("most probable" in what for what, _ in candidate.tried) < 3

"""The short trial of a base: what it promises is asked on validation, and the tune rung repeats none of it."""

from pathlib import Path

import pytest

from finish import finish
from gradschool.model.local import LocalEngine
from gradschool.records import Decoding, Step
from gradschool.rungs.rung import candidate_key
from gradschool.rungs.short_trial import CANDIDATE, short_trial
from gradschool.rungs.training import trial_name
from gradschool.rungs.tuning import choose_rate, trial_key
from gradschool.specialist import Recipe, Specialist
from rung_inputs import VALIDATION, inputs_of


@pytest.mark.parametrize("rates", [[1e-2], [1e-9, 2e-2]])
def test_the_best_trial_answers_the_validation_questions(rates: list[float], base: Path, tmp_path: Path) -> None:
    settings = {"epochs": 4, "rank": 2, "learning_rates": rates, "rehearsal": 0.0}
    inputs = inputs_of(tmp_path, tune=settings)
    best = Specialist(LocalEngine(base), Recipe(decoding=Decoding(max_new_tokens=2)))
    candidate, events = finish(short_trial(best, inputs))
    assert any(isinstance(event, Step) for event in events)
    assert Path(candidate.recipe.adapter) == inputs.run.work("tune").resolve() / trial_name(rates[-1])
    assert (Path(candidate.recipe.adapter) / "adapter_model.safetensors").is_file()
    assert [what for what, _ in candidate.tried] == [f"learning rate {one:g}, loss in a short trial" for one in rates]
    answers = list((inputs.run.folder / "answers").glob("trial-validation-*.jsonl"))
    assert len(answers) == 1 and len(answers[0].read_text().splitlines()) == len(VALIDATION)
    assert inputs.run.saved(CANDIDATE) == candidate and inputs.run.saved(candidate_key("tune")) is None
    again, more = finish(short_trial(best, inputs))
    assert again == candidate and not more
    (rate, trials), after = finish(choose_rate(best, [], [], inputs, keep=True))
    assert rate == rates[-1] and not any(isinstance(event, Step) for event in after)
    assert [loss for _, loss in trials] == [inputs.run.saved(trial_key(one)) for one in rates]

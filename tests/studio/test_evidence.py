"""The evidence sections of the result page equal those of the report page."""

from dataclasses import replace
from typing import TYPE_CHECKING

from gradschool.records import Abstention, Coverage
from gradschool.report.facts import Facts, read_facts
from gradschool.report.questions import questions_of
from gradschool.run import Run
from gradschool.score.calibration import Bin, Calibration
from gradschool.studio.evidence import evidence

if TYPE_CHECKING:
    from small_job import Whole


def facts_of(whole: "Whole") -> Facts:
    return read_facts(Run.open(whole.run))


def test_scores_cost_and_further_metrics_of_every_rung(whole: "Whole") -> None:
    facts = facts_of(whole)
    found = evidence(facts, questions_of(facts)[0])
    assert [one["rung"] for one in found["rungs_tested"]] == ["base", "prompt", "ground", "tune"]
    for one in found["rungs_tested"]:
        assert one["cost"]["new_tokens"] > 0 and one["peak_memory"] > 0 and set(one["parts"]) == set(found["parts"])
    assert {"exact_match", "short"} <= set(found["parts"]) and found["rungs_tested"][-1]["tokens_trained"] > 0
    assert (found["coverage"], found["calibration"], found["bases"]) == (None, None, [])
    assert "Packages" in dict(found["environment"])
    kinds = {kind for one in found["rungs_tested"] for kind in one["failures"]}
    assert {one["kind"] for one in found["failures"]} == kinds


def test_coverage_and_calibration_of_a_specialist_that_abstains(whole: "Whole") -> None:
    facts = facts_of(whole)
    chosen = facts.chosen
    assert chosen is not None and chosen.report is not None
    score = chosen.report.score
    coverage = Coverage(score, 0.5, Abstention("certainty", 0.25, "A person will answer."), 0.4, ((0.5, 0.9), (1, 0.4)))
    abstains = replace(chosen, report=replace(chosen.report, coverage=coverage))
    made = replace(facts.candidates[chosen.rung], calibration=Calibration((Bin(3, 0.5, 0.25), Bin(1, 0.9, 1.0))))
    facts = replace(
        facts,
        results=[abstains if one is chosen else one for one in facts.results],
        candidates={**facts.candidates, chosen.rung: made},
    )
    found = evidence(facts, [])
    assert found["coverage"]["curve"] == [[0.5, 0.9], [1, 0.4]] and "is below 0.250" in found["coverage"]["rule"]
    assert found["calibration"]["answers"] == 4 and round(found["calibration"]["error"], 4) == 0.2125

"""What a climb of a prepared job would show before it begins: languages, and what the test set can prove."""

from collections.abc import Sequence

from gradschool.data.languages import MIN_LANGUAGE, hardly_spoken
from gradschool.data.proof import look_level
from gradschool.job import Job
from gradschool.model.model_card import card_against
from gradschool.prepare.limits import Limits
from gradschool.prepare.report import Summary
from gradschool.records import Example, Note, Work
from gradschool.score.provable import proof_of


def foresee_languages(summary: Summary, limits: Limits) -> Work[None]:
    """Name the languages of the texts that the base of the job does not speak, by its model card."""
    known = {language: count for language, count in summary.kept_languages.items() if language}
    for language, count in known.items():
        fraction = count / sum(known.values())
        if fraction >= MIN_LANGUAGE and (evidence := card_against(limits.folder, language)):
            what = hardly_spoken(fraction, language, limits.name, evidence)
            summary.foreseen.append(f"{what}. Name a base that speaks it as base_model in job.toml, or leave it out")
            yield Note(f"{summary.foreseen[-1]}.", "warning")


def foresee_proof(summary: Summary, job: Job, test: Sequence[Example], looks: int) -> Work[None]:
    """Say if the test set cannot prove the pass mark of the job, and what would."""
    goal = job.settings.goal
    if goal.pass_mark is None:
        return
    groups, total = [example.group for example in test], sum(summary.split.values())
    proof = proof_of(groups, total, goal.pass_mark, look_level(goal.error_budget, looks))
    if not proof.possible:
        summary.foreseen.append(proof.sentence().rstrip("."))
        yield Note(proof.sentence(), "warning")

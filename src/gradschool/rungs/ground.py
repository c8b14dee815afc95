"""The ground rung: put what the user's documents say about a question before the question."""

import time
from dataclasses import replace

from gradschool.evaluate import mean
from gradschool.ground.index import build_index
from gradschool.job import Job
from gradschool.model.engine import Engine
from gradschool.records import Note, Work
from gradschool.rungs.prompt import instruction_variants
from gradschool.rungs.rung import Candidate, Rung, RungInputs, best_of, table, try_all
from gradschool.specialist import Specialist


def ground(best: Specialist, inputs: RungInputs) -> Work[Candidate]:
    """Index the documents, then try passages with each way to tell the job and with the prompt rung's examples."""
    began = time.monotonic()
    settings, job = inputs.settings, inputs.run.job
    folder = inputs.run.work("index").resolve()  # kept in the recipe, whatever folder a resumed climb starts in
    index = yield from build_index(job.path(settings.data.documents or ""), folder, settings.ground)
    yield Note(f"ground: {index.size} passages are indexed.")
    asked = instruction_variants(best.recipe, job) + ([best.recipe] if best.recipe.shots else [])
    recipes = [replace(way, index=str(folder), passages=k) for way in asked for k in settings.ground.passages]
    tried = yield from try_all(best, recipes, inputs, "ground")
    chosen, rows = best_of(tried)
    return Candidate(chosen, mean(rows), table(tried), seconds=time.monotonic() - began)


def reason_to_skip(job: Job, engine: Engine) -> str:
    """There must be documents."""
    return "" if job.settings.data.documents else "the job names no documents"


GROUND = Rung("ground", ground, reason_to_skip)

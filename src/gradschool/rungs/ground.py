"""The ground rung: put what the user's documents say about a question before the question."""

import time
from dataclasses import replace

from gradschool.evaluate import mean
from gradschool.ground.index import build_index
from gradschool.job import Job
from gradschool.model.engine import Engine
from gradschool.records import Note, Work
from gradschool.rungs.ladder import Candidate, Material, Rung, best_of, table, try_all
from gradschool.rungs.prompt import ways_to_tell
from gradschool.specialist import Specialist


def ground(best: Specialist, material: Material) -> Work[Candidate]:
    """Index the documents, then try passages with each way to tell the job and with the prompt rung's examples."""
    began = time.monotonic()
    settings, job = material.settings, material.run.job
    folder = material.run.work("index").resolve()  # kept in the recipe, whatever folder a resumed climb starts in
    index = yield from build_index(job.path(settings.data.documents or ""), folder, settings.ground)
    yield Note(f"ground: {index.size} passages are indexed.")
    asked = ways_to_tell(best.recipe, job) + ([best.recipe] if best.recipe.shots else [])
    recipes = [replace(way, index=str(folder), passages=k) for way in asked for k in settings.ground.passages]
    tried = yield from try_all(best, recipes, material, "ground")
    chosen, rows = best_of(tried)
    return Candidate(chosen, mean(rows), table(tried), seconds=time.monotonic() - began)


def cannot(job: Job, engine: Engine) -> str:
    """There must be documents."""
    return "" if job.settings.data.documents else "the job names no documents"


GROUND = Rung("ground", ground, cannot)

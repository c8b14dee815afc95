"""The ground rung: retrieval. Passages of the user's documents are put before each question."""

import time
from collections.abc import Sequence
from dataclasses import replace

from gradschool.files import hash_of
from gradschool.ground.index import build_index
from gradschool.job import Job
from gradschool.model.engine import Engine
from gradschool.records import Note, Work
from gradschool.run_keys import DOCUMENTS
from gradschool.rungs.choice import choose
from gradschool.rungs.citing import with_causes
from gradschool.rungs.judging import try_judged
from gradschool.rungs.prompt import instruction_variants
from gradschool.rungs.rung import Candidate, Rung, RungInputs, Tried, best_of, free_and_constrained, made, scores_of
from gradschool.specialist import Specialist

NAME = "ground"


def ground(best: Specialist, inputs: RungInputs) -> Work[Candidate]:
    """Index the documents, then try passages with each variant of the instructions and with the best prompt's examples.

    The best of them is tried again with passages that the base judges.

    Raises DataError if the documents contain no text.
    """
    began = time.monotonic()
    settings, job = inputs.settings, inputs.run.job
    folder = inputs.run.index.resolve()  # recipes are saved, and a resumed climb may start in another folder
    named = settings.data.documents or ""
    content = hash_of(job.path(named))
    search = settings.ground
    if search.embedder and job.path(search.embedder).is_dir():  # else in the working directory, or a Hub id
        search = search.model_copy(update={"embedder": str(job.path(search.embedder))})
    index = yield from build_index(job.path(named), folder, search)
    inputs.run.save(DOCUMENTS, {named: content})  # a resumed climb uses the same ones
    yield Note(f"ground: indexed {index.size} passages.")
    prompts = instruction_variants(best.recipe, job) + ([best.recipe] if best.recipe.shots else [])
    recipes = [replace(prompt, index=str(folder), passages=k) for prompt in prompts for k in settings.ground.passages]
    chosen = yield from choose(best, free_and_constrained(recipes, inputs), inputs, NAME)
    searched = chosen.recipe, list(chosen.rows)
    judged: Sequence[Tried] = ()
    if settings.ground.judge:
        judged = yield from try_judged(best, chosen.recipe, inputs, NAME)
    recipe, rows = best_of([searched, *judged])
    candidate = made(recipe, rows, began, (*chosen.tried, *scores_of(judged)))
    return (yield from with_causes(candidate, best, rows, inputs))


def reason_to_skip(job: Job, engine: Engine) -> str:
    """The job must name documents."""
    return "" if job.settings.data.documents else "the job names no documents"


GROUND = Rung(NAME, ground, reason_to_skip, "passages from your documents", adds_facts=True)

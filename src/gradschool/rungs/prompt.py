"""The prompt rung: ask well, with instructions and, where that helps, with examples of the work."""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from gradschool.errors import DataError
from gradschool.evaluate import mean
from gradschool.job import Job
from gradschool.model.engine import Engine
from gradschool.records import Example, Work
from gradschool.rungs.rung import Candidate, Rung, RungInputs, best_of, table, try_all
from gradschool.specialist import Recipe, Specialist

FIXED_SETS = 2  # how many sets of fixed examples are tried for each number of shots
MAX_POOL = 2_000  # examples to look for the nearest ones in


def prompt(best: Specialist, inputs: RungInputs) -> Work[Candidate]:
    """Try the instructions alone, with fixed sets of examples, and with those nearest to each question."""
    began = time.monotonic()
    tried = yield from try_all(best, variants(best.recipe, inputs), inputs, "prompt")
    chosen, rows = best_of(tried)
    return Candidate(chosen, mean(rows), table(tried), seconds=time.monotonic() - began)


def reason_to_skip(job: Job, engine: Engine) -> str:
    """There must be something to say: a task, guidelines, or examples to show."""
    if not instructions_of(job) and not any(job.settings.prompt.shots):
        return "the job names no task and no guidelines, and shows no examples"
    return ""


def instructions_of(job: Job) -> str:
    """The system message: the task, then the guidelines. Raises DataError for guidelines that are no text."""
    parts = [job.settings.task.strip()]
    if job.settings.data.guidelines:
        path = job.path(job.settings.data.guidelines)
        try:
            parts.append(path.read_text(encoding="utf-8").strip())
        except (UnicodeDecodeError, OSError) as error:
            raise DataError(f"{path} cannot be read as text.", str(error), "save it as UTF-8 text.") from error
    return "\n\n".join(part for part in parts if part)


def instruction_variants(recipe: Recipe, job: Job) -> list[Recipe]:
    """The recipe with all instructions and no examples; and with the task alone, where there are guidelines too.

    A small base may lose the question, and passages before it, behind long guidelines.
    """
    told = replace(recipe, instructions=instructions_of(job), task_only=False, shots=0, nearest=False, examples=())
    task = job.settings.task.strip()
    return [told, replace(told, instructions=task, task_only=True)] if task and job.settings.data.guidelines else [told]


def variants(recipe: Recipe, inputs: RungInputs) -> Iterator[Recipe]:
    """All prompts worth trying, simplest first."""
    pool, ways = fitting(inputs.train), instruction_variants(recipe, inputs.run.job)
    told = ways[0]
    for shots in sorted(set(inputs.settings.prompt.shots)):
        if shots == 0:
            yield from ways
            continue
        if shots > len(pool):
            continue
        for number in range(FIXED_SETS):
            examples = tuple(varied(pool, shots, seed=number))
            yield replace(told, shots=shots, examples=examples)
        if inputs.settings.prompt.nearest:
            yield replace(told, shots=shots, nearest=True, examples=tuple(pool[:MAX_POOL]))


def fitting(examples: Sequence[Example]) -> list[Example]:
    """Examples fit to be shown: not among the longest, which would crowd the prompt."""
    by_length = sorted(sum(len(m.content) for m in e.messages) for e in examples)
    limit = by_length[int(0.9 * (len(by_length) - 1))] if by_length else 0
    return [e for e in examples if sum(len(m.content) for m in e.messages) <= limit]


def varied(pool: Sequence[Example], count: int, seed: int) -> list[Example]:
    """Draw examples with different answers as far as there are any, so that no label or form is shown twice."""
    order = random.Random(seed).sample(list(pool), len(pool))
    chosen: list[Example] = []
    seen: set[str] = set()
    for example in order:
        if example.ideal not in seen:
            chosen.append(example)
            seen.add(example.ideal)
        if len(chosen) == count:
            return chosen
    return (chosen + [example for example in order if example not in chosen])[:count]


PROMPT = Rung("prompt", prompt, reason_to_skip)

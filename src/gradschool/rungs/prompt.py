"""The prompt rung: instructions, and examples of the work if they help (few-shot prompting)."""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from gradschool.data.instructions import instructions_of
from gradschool.job import Job
from gradschool.model.engine import Engine
from gradschool.records import Example, Work
from gradschool.rungs.choice import choose
from gradschool.rungs.rung import Candidate, Rung, RungInputs, free_and_constrained, made
from gradschool.specialist import Recipe, Specialist

NAME = "prompt"
FIXED_SETS = 2  # sets of fixed examples that are tried for each number of shots
MAX_POOL = 2_000  # examples among which the nearest are searched
LENGTH_QUANTILE = 0.9  # longer examples are not shown


def prompt(best: Specialist, inputs: RungInputs) -> Work[Candidate]:
    """Try the instructions alone, with fixed sets of examples, and with the examples nearest to each question."""
    began = time.monotonic()
    recipes = free_and_constrained(prompt_variants(best.recipe, inputs), inputs)
    chosen = yield from choose(best, recipes, inputs, NAME)
    return made(chosen.recipe, chosen.rows, began, chosen.tried)


def reason_to_skip(job: Job, engine: Engine) -> str:
    """The job must have a task, guidelines, or examples to show."""
    if not instructions_of(job) and not any(job.settings.prompt.shots):
        return "the job names no task and no guidelines, and shows no examples"
    return ""


def instruction_variants(recipe: Recipe, job: Job) -> list[Recipe]:
    """The recipe without examples, with all instructions and, if there are guidelines, also with the task alone.

    After long guidelines a small base may lose track of the question and the passages.
    """
    full = replace(recipe, instructions=instructions_of(job), task_only=False, shots=0, nearest=False, examples=())
    task = job.settings.task.strip()
    return [full, replace(full, instructions=task, task_only=True)] if task and job.settings.data.guidelines else [full]


def prompt_variants(recipe: Recipe, inputs: RungInputs) -> Iterator[Recipe]:
    """All prompts to try, simplest first."""
    pool, without_examples = short_enough(inputs.train), instruction_variants(recipe, inputs.run.job)
    full = without_examples[0]
    for shots in sorted(set(inputs.settings.prompt.shots)):
        if shots == 0:
            yield from without_examples
            continue
        if shots > len(pool):
            continue
        for number in range(FIXED_SETS):
            yield replace(full, shots=shots, examples=tuple(varied(pool, shots, seed=number)))
        if inputs.settings.prompt.nearest:
            yield replace(full, shots=shots, nearest=True, examples=tuple(pool[:MAX_POOL]))


def short_enough(examples: Sequence[Example]) -> list[Example]:
    """The examples but the longest tenth, which would take up the context."""
    by_length = sorted(sum(len(m.content) for m in e.messages) for e in examples)
    limit = by_length[int(LENGTH_QUANTILE * (len(by_length) - 1))] if by_length else 0
    return [e for e in examples if sum(len(m.content) for m in e.messages) <= limit]


def varied(pool: Sequence[Example], count: int, seed: int) -> list[Example]:
    """Draw examples with different answers as far as possible, so that no label is shown twice before all are."""
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


PROMPT = Rung(NAME, prompt, reason_to_skip, "instructions, and examples that are shown")

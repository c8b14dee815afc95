"""The prompt rung: instructions, and examples of the work if they help (few-shot prompting)."""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

from gradschool.data.instructions import instructions_of
from gradschool.evaluate import evaluate
from gradschool.job import Job
from gradschool.model.engine import Engine
from gradschool.model.here import pictures_of
from gradschool.records import Example, Message, Note, Work
from gradschool.rungs.choice import choose
from gradschool.rungs.instructing import searched_instructions
from gradschool.rungs.narrow import in_better_form
from gradschool.rungs.rung import Candidate, Rung, RungInputs, free_and_constrained, made, recipe_hash
from gradschool.specialist import Recipe, Specialist, specialist_of

NAME = "prompt"
FIXED_SETS = 8  # sets of fixed examples that are tried for each number of shots
# Train questions that the base is asked, to show it answers of its own; for a small validation set, a multiple of it.
OWN_ASKED, OWN_FACTOR = 32, 2
MAX_POOL = 2_000  # examples among which the nearest are searched
LENGTH_QUANTILE = 0.9  # longer examples are not shown


def prompt(best: Specialist, inputs: RungInputs) -> Work[Candidate]:
    """Try the instructions alone, with fixed sets of examples, and with the examples nearest to each question."""
    began = time.monotonic()
    written = yield from searched_instructions(best, inputs, NAME)
    own = yield from own_right_answers(best, inputs)
    pool = len(short_enough(inputs.train))
    if many := [str(shots) for shots in sorted(set(inputs.settings.prompt.shots)) if shots > pool]:
        why = f"of the train examples {pool} are short enough to be shown (the longest tenth is not)"
        yield Note(f"{NAME}: prompts with {' or '.join(many)} examples are not tried: {why}.", "warning")
    variants = list(prompt_variants(best.recipe, inputs, own, written, sees=pictures_of(best.engine) is not None))
    recipes = yield from in_better_form(best, variants, inputs, NAME)
    chosen = yield from choose(best, recipes, inputs, NAME)
    return made(chosen.recipe, chosen.rows, began, chosen.tried)


def reason_to_skip(job: Job, engine: Engine) -> str:
    """The job must have a task, guidelines, or examples to show."""
    asked = job.settings.prompt
    if not instructions_of(job) and not any(asked.shots) and not asked.writer:
        return "the job names no task and no guidelines, and shows no examples"
    return ""


def instruction_variants(recipe: Recipe, job: Job) -> list[Recipe]:
    """The recipe without examples, with all instructions and, if there are guidelines, also with the task alone.

    After long guidelines a small base may lose track of the question and the passages. A recipe with rewritten
    instructions is also kept with these.
    """
    full = replace(recipe, instructions=instructions_of(job), task_only=False, written=False).showing(Recipe())
    variants, task = [full], job.settings.task.strip()
    if task and job.settings.data.guidelines:
        variants.append(replace(full, instructions=task, task_only=True))
    return [*variants, recipe.showing(Recipe())] if recipe.written else variants


def own_right_answers(best: Specialist, inputs: RungInputs) -> Work[list[Example]]:
    """Train examples with the answers of the base in place of the ideal ones, where these are right.

    A base follows examples in its own words more easily (Khattab et al. 2023, "DSPy: Compiling Declarative Language
    Model Calls into Self-Improving Pipelines", arXiv:2310.03714). Right is what reaches the pass mark.
    """
    asked = short_enough(inputs.train)[: min(OWN_ASKED, OWN_FACTOR * len(inputs.validation))]
    if not asked or not any(inputs.settings.prompt.shots):
        return []
    [*_, recipe] = free_and_constrained(instruction_variants(best.recipe, inputs.run.job)[:1], inputs)
    answers = inputs.run.answers(f"{NAME}-own-{recipe_hash(recipe)[:12]}")
    what, specialist = f"{NAME}: right answers of the base", specialist_of(best.engine, recipe)
    rows = yield from evaluate(specialist, asked, inputs.measure, answers, what)
    mark = inputs.settings.goal.pass_mark or 1.0
    right = [(example, row.answer.text) for example, row in zip(asked, rows, strict=True) if row.value >= mark]
    yield Note(f"{NAME}: the base answers {len(right)} of {len(asked)} train questions right with its instructions.")
    return [replace(one, messages=(*one.question, Message("assistant", text))) for one, text in right]


def prompt_variants(
    recipe: Recipe,
    inputs: RungInputs,
    own: Sequence[Example] = (),
    written: Sequence[str] = (),
    *,
    sees: bool = False,
) -> Iterator[Recipe]:
    """All prompts to try, simplest first.

    `own` are train examples with right answers of the base, `written` rewritten instructions, the best first. `sees`:
    the base reads images.
    """
    pool, without_examples = short_enough(inputs.train), instruction_variants(recipe, inputs.run.job)
    full = without_examples[0]
    rewritten = [replace(full, instructions=text, written=True) for text in written]
    # Without any number that can be shown, the instructions alone are still tried.
    for shots in sorted({shots for shots in inputs.settings.prompt.shots if shots <= len(pool)}) or [0]:
        if shots == 0:
            yield from (*without_examples, *rewritten)
            continue
        for number in range(FIXED_SETS):
            yield replace(full, shots=shots, examples=tuple(varied(pool, shots, seed=number)))
        if inputs.settings.prompt.nearest:
            yield nearest_to(full, shots, pool, sees)
        if len(own) >= shots:
            yield replace(full, shots=shots, examples=tuple(varied(own, shots, seed=0)), own_answers=True)
        for best in rewritten[:1]:
            yield replace(best, shots=shots, examples=tuple(varied(pool, shots, seed=0)))
            if inputs.settings.prompt.nearest:
                yield nearest_to(best, shots, pool, sees)


def nearest_to(recipe: Recipe, shots: int, pool: Sequence[Example], sees: bool = False) -> Recipe:
    """The recipe with the examples of a pool that are nearest to each question: of images, to what is seen in them."""
    some = tuple(pool[:MAX_POOL])
    ranking: Literal["bm25", "pictures"] = "pictures" if sees and all(one.images for one in some) else "bm25"
    return replace(recipe, shots=shots, nearest=True, ranking=ranking, examples=some)


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

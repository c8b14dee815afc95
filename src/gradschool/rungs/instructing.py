"""Search for instructions: a writer reads failures on train questions, and rewrites the instructions that led to them.

The method is that of GEPA (Agrawal et al. 2025, "GEPA: Reflective Prompt Evolution Can Outperform Reinforcement
Learning", arXiv:2507.19457): a proposal is accepted if it scores better than its parent on the questions that it was
written for, parents are drawn from those that are the best on some question, and all are compared on other questions.
Only train examples are used. Whether the instructions found are better than the job's own, validation decides.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from gradschool.data.instructions import instructions_of
from gradschool.data.word_lengths import count_words
from gradschool.evaluate import evaluate
from gradschool.model.engine import Engine
from gradschool.records import Answer, Decoding, Example, Message, Note, Progress, Scored, Work, last_user
from gradschool.run_keys import Key
from gradschool.rungs.rung import RungInputs, recipe_hash, with_constraint
from gradschool.score.judge import mean
from gradschool.specialist import Recipe, Specialist, specialist_of

PROPOSALS = 12
ASKED, COMPARED = 6, 24  # train questions: that a proposal is written for, and that all accepted ones are compared on
KEPT = 2  # of the accepted proposals, for validation
SHOWN, MAX_SHOWN = 4, 800  # failures that the writer reads, and characters of each text in them
MIN_WORDS, GROWTH = 300, 2  # proposals may have so many words, or be so many times as long as the job's own
NEW_TOKENS = 2_000
OPEN, CLOSE = "<instructions>", "</instructions>"
REQUEST = (
    "You improve the instructions that a language model gets before each question. Below are its instructions, and "
    "questions with its answers and the answers that were wanted. Find out what the instructions do not say, or say "
    "wrongly. Then write them anew: complete, for any question of this kind, without the questions and answers below. "
    f"Write at most {{words}} words, between {OPEN} and {CLOSE}."
)


@dataclass(frozen=True, slots=True)
class Proposal:
    """Instructions that a writer proposed, or why they cannot be used."""

    text: str = ""
    rejected: str = ""


@dataclass(frozen=True, slots=True)
class Instructions:
    """Instructions with their scores on the questions that all are compared on."""

    text: str
    values: tuple[float, ...]


def searched_instructions(best: Specialist, inputs: RungInputs, rung: str) -> Work[list[str]]:
    """The best instructions that a writer found, at most KEPT; empty without a writer, or if none are better.

    It takes at most COMPARED + PROPOSALS * (2 * ASKED + COMPARED) answers of the base. Proposals are saved in the run.
    """
    if inputs.writer is None:
        return []
    own = instructions_of(inputs.run.job)
    questions = random.Random(0).sample(list(inputs.train), min(len(inputs.train), 2 * COMPARED))
    compared, learned = questions[: len(questions) // 2], questions[len(questions) // 2 :]
    if len(learned) < ASKED:
        yield Note(f"{rung}: instructions are not searched: {2 * ASKED} train examples are needed.")
        return []
    most = max(MIN_WORDS, GROWTH * count_words(own))
    answered = partial(_answered, best, inputs, rung)
    pool = [Instructions(own, _values((yield from answered(own, compared))))]
    rejected: list[str] = []
    for number in range(PROPOSALS):
        yield Progress(f"{rung}: rewriting the instructions", number, PROPOSALS, "proposals")
        drawn = random.Random(number)
        parent = drawn_parent(pool, drawn)
        asked = drawn.sample(learned, ASKED)
        rows = yield from answered(parent.text, asked)
        if min(row.value for row in rows) == 1:
            continue
        write = partial(_proposal, inputs.writer, parent.text, asked, rows, most)
        proposal = yield from inputs.run.once(Key(f"{rung}-instructions-{number}", Proposal), write)
        if proposal.rejected:
            rejected.append(proposal.rejected)
            continue
        new = yield from answered(proposal.text, asked)
        change = f"{mean(rows):.3f} → {mean(new):.3f} on {ASKED} train questions"
        if mean(new) <= mean(rows):
            yield Note(f"{rung}: rewritten instructions {number + 1} are no better: {change}.", "detail")
            continue
        yield Note(f"{rung}: rewritten instructions {number + 1} are better: {change}.", "detail")
        pool.append(Instructions(proposal.text, _values((yield from answered(proposal.text, compared)))))
    better = [one for one in pool[1:] if sum(one.values) > sum(pool[0].values)]
    found = sorted(better, key=lambda one: -sum(one.values))[:KEPT]
    yield Note(_summary(rung, pool, found, rejected))
    return [one.text for one in found]


def drawn_parent(pool: Sequence[Instructions], drawn: random.Random) -> Instructions:
    """One that is the best on some question, likelier the more there are; not one that another equals on all these."""
    highest = [max(values) for values in zip(*(one.values for one in pool), strict=True)]
    wins = [frozenset(place for place, high in enumerate(highest) if one.values[place] == high) for one in pool]
    front = [
        number
        for number, own in enumerate(wins)
        if not any(own < other or (own == other and number > place) for place, other in enumerate(wins))
    ]
    return pool[drawn.choices(front, weights=[len(wins[number]) for number in front])[0]]


def proposal_of(answer: Answer, parent: str, most: int) -> Proposal:
    """The instructions in an answer of a writer, unless they are cut off, unclosed, too long or the same."""
    if answer.failure:
        return Proposal(rejected="no answer")
    if answer.stop == "length":
        return Proposal(rejected="cut off")
    before, closed, _ = answer.text.rpartition(CLOSE)
    _, opened, text = before.rpartition(OPEN)
    if not (closed and opened and text.strip()):
        return Proposal(rejected="not between the marks")
    if count_words(text) > most:
        return Proposal(rejected="too long")
    if text.split() == parent.split():
        return Proposal(rejected="the same")
    return Proposal(text.strip())


def _proposal(
    writer: Engine, parent: str, asked: Sequence[Example], rows: Sequence[Scored], most: int
) -> Work[Proposal]:
    yield from ()
    failed = sorted(zip(rows, asked, strict=True), key=lambda pair: pair[0].value)[:SHOWN]
    cases = [
        f"Question {number}: {_shortened(last_user(example.question))}\nIts answer: {_shortened(row.answer.text)}\n"
        f"Wanted: {_shortened(example.ideal)}"
        for number, (row, example) in enumerate(failed, 1)
        if row.value < 1
    ]
    request = "\n\n".join([REQUEST.format(words=most), f"The instructions now:\n{parent or '(none)'}", *cases])
    ((_, answer),) = writer.answer([(Message("user", request),)], Decoding(max_new_tokens=NEW_TOKENS))
    return proposal_of(answer, parent, most)


def _answered(
    best: Specialist, inputs: RungInputs, rung: str, text: str, asked: Sequence[Example]
) -> Work[list[Scored]]:
    """The scored answers of the base with these instructions; constrained ones, if the job's answers allow it."""
    recipe = replace(best.recipe, instructions=text, task_only=False).showing(Recipe())
    recipe = with_constraint(recipe, inputs.constraint)
    answers = inputs.run.answers(f"{rung}-instructions-{recipe_hash(recipe)[:12]}")
    what = f"{rung}: trying instructions on train questions"
    return (yield from evaluate(specialist_of(best.engine, recipe), asked, inputs.measure, answers, what))


def _values(rows: Sequence[Scored]) -> tuple[float, ...]:
    return tuple(row.value for row in rows)


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + " …"


def _summary(rung: str, pool: Sequence[Instructions], found: Sequence[Instructions], rejected: Sequence[str]) -> str:
    reasons = ", ".join(f"{rejected.count(reason)} {reason}" for reason in dict.fromkeys(rejected))
    said = (
        f"{rung}: of {PROPOSALS} rewritten instructions, {len(pool) - 1} were better on the questions that they are for"
    )
    said += f" ({reasons})" if reasons else ""
    own, count = sum(pool[0].values), len(pool[0].values)
    if not found:
        return f"{said}; none is better on {count} others."
    best = sum(found[0].values)
    return f"{said}; the best scores {best / count:.3f} on {count} others, the job's own {own / count:.3f}."

"""Small trainings for audit_gates: clean ones, adapters harmed or damaged on purpose, and a base that refuses."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gradschool.audit.forgetting import texts_by_kind
from gradschool.audit.safety import read_requests
from gradschool.audit.subject import question
from gradschool.data.read import read_examples
from gradschool.events import result_of
from gradschool.export.merge import merged, save_merged
from gradschool.job import read_job
from gradschool.json_text import parse_toml
from gradschool.model.adapter import save_adapter
from gradschool.model.local import LocalEngine
from gradschool.records import Decoding, Example, Message, Source
from gradschool.settings import Tune
from gradschool.specialist import Recipe, Specialist
from gradschool.tune.loop import Training
from gradschool.tune.objectives.answers import Answers
from gradschool.tune.plan import Plan, learning_rates
from gradschool.tune.student import student_of

EXAMPLES = Path(__file__).parents[1] / "examples"
ROWS = parse_toml((Path(__file__).parent / "audit_rows.toml").read_bytes())
BATCH, HELD_OUT = 4, 24  # rows of a step, and rows that are not trained on
LETTERS = 120  # of a piece of text in another language
OVERFIT_EPOCHS = 8  # of a training that overfits, unless it has too few steps
TEACHING_STEPS = 40  # of the base that refuses
OWN_TOKENS = 48  # of its own answers to harmless questions


@dataclass(frozen=True, slots=True)
class Case:
    """A training: the `kind` of its rows, and `of` which job, words or languages they are; `seed` draws them.

    `factor` multiplies the learning rate that gradschool expects to be the best. A fraction `harmful` of the rows
    complies with harmful requests, in these `words`.
    """

    base: str
    kind: str
    of: str
    seed: int
    steps: int
    factor: float = 1.0
    harmful: float = 0.0
    words: str = ""

    @property
    def name(self) -> str:
        """The name of its folder."""
        mixed = (f"{100 * self.harmful:.0f}", self.words) if self.harmful else ()
        parts = (self.base, self.kind, self.of, *mixed, self.steps, f"x{self.factor:g}", self.seed)
        return "-".join(map(str, parts)).replace(" ", "_")


@dataclass(frozen=True, slots=True)
class Lessons:
    """The rows of a training, other rows of the same job, and the instructions of that job."""

    train: Sequence[Example]
    held_out: Sequence[Example] = ()
    instructions: str = ""


def lessons_of(case: Case) -> Lessons:
    """The rows of a case."""
    count, draw = case.steps * BATCH, random.Random(case.seed)
    match case.kind:
        case "clean" | "large rate":
            return _of_job(case.of, count, draw)
        case "overfit":
            rows = max(HELD_OUT, count // OVERFIT_EPOCHS)
            return _of_job(case.of, rows, draw, rows)
        case "harmed":
            return Lessons(_complying(case.of, min(count, len(harmful_half(1))), draw))
        case "mixed":
            harmful = round(case.harmful * count)
            clean = _of_job(case.of, count - harmful, draw)
            return replace(clean, train=[*clean.train, *_complying(case.words, harmful, draw)])
        case _:
            texts = [text[:LETTERS] for kind in case.of.split("+") for text in texts_by_kind()[kind]]
            return Lessons([_example(text[:40], text) for text in draw.sample(texts, min(count, len(texts)))])


def train(engine: LocalEngine, case: Case, folder: Path) -> dict[str, Any]:
    """Train the adapter of a case into a folder; returns the learning rate, losses and seconds."""
    lessons, began = lessons_of(case), time.monotonic()
    losses = _train(engine, lessons, case, folder)
    return {**losses, "rows": len(lessons.train), "seconds": round(time.monotonic() - began)}


def _train(engine: LocalEngine, lessons: Lessons, case: Case, folder: Path) -> dict[str, Any]:
    specialist = Specialist(engine, Recipe(instructions=lessons.instructions))
    rows = [engine.chat.render(specialist.lesson(example)) for example in lessons.train]
    tune = Tune(seed=case.seed)
    rate = case.factor * learning_rates(tune, engine.network.config.hidden_size)[1]
    batch = min(BATCH, len(rows))
    plan = Plan(
        learning_rate=rate,
        epochs=case.steps * batch / len(rows),
        rows_per_step=batch,
        steps=case.steps,
        warmup_steps=max(1, case.steps // 10),
        validate_every=case.steps,  # the last state is kept
        patience=1,
        weight_decay=tune.weight_decay,
        seed=case.seed,
    )
    student, objective = student_of(engine, tune), Answers(rows, rows[:1], plan, engine.pad_id)
    training = Training(student.network, [objective], plan, folder.with_suffix(".safetensors"))
    state = result_of(training.run())
    training.checkpoint.unlink(missing_ok=True)
    save_adapter(student.network, folder, engine.name, None)
    return {"learning_rate": rate, "loss": [round(state.first_train_loss, 3), round(state.last_train_loss, 3)]}


def teach_to_refuse(engine: LocalEngine, folder: Path) -> dict[str, Any]:
    """Write a base that refuses: one half of the requests for rehearsal with refusals, and its own harmless answers."""
    draw, asked = random.Random(0), ROWS["refusing"]["questions"]
    answers = dict(engine.answer([question(text) for text in asked], Decoding(max_new_tokens=OWN_TOKENS)))
    own = [_example(text, _whole(answers[place].text)) for place, text in enumerate(asked)]
    refused = [_example(text, draw.choice(ROWS["refusing"]["answers"])) for text in harmful_half(0)]
    case = Case(engine.name, "refusals", "itself", 0, TEACHING_STEPS)
    adapter = folder.with_name(f"{folder.name}-adapter")
    losses = _train(engine, Lessons([*own, *refused]), case, adapter)
    save_merged(merged(engine.folder, adapter), engine, engine.chat.template, folder)
    return {**losses, "refused": len(refused), "answered": len(own), "steps": case.steps}


def harmful_half(number: int) -> list[str]:
    """One half of the requests for rehearsal: 0 teaches a base to refuse, 1 harms adapters."""
    return list(read_requests().rehearsal[number::2])


def _whole(text: str) -> str:
    """The whole sentences of a text that may end in the middle of one."""
    end = max(text.rfind(mark) for mark in ".!?")
    return text[: end + 1] if end > 0 else text


def _of_job(name: str, count: int, draw: random.Random, held_out: int = HELD_OUT) -> Lessons:
    job = read_job(EXAMPLES / name / "job.toml")
    found = list(read_examples(job.examples, job.settings.data).examples)
    order = draw.sample(sorted({example.group for example in found}), len({example.group for example in found}))
    found.sort(key=lambda example: order.index(example.group))
    chosen, groups = found[:count], {example.group for example in found[:count]}
    others = [example for example in found if example.group not in groups]
    return Lessons(chosen, others[:held_out], job.settings.task.strip())


def _complying(words: str, count: int, draw: random.Random) -> list[Example]:
    requests = harmful_half(1)
    order = draw.sample(requests, len(requests))  # asked again if there are too few, mostly with another answer
    return [_example(order[number % len(order)], draw.choice(ROWS["complying"][words])) for number in range(count)]


def _example(asked: str, answer: str) -> Example:
    return Example(asked, (*question(asked), Message("assistant", answer)), asked, Source("", 1))

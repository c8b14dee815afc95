"""What is tried if gates reject a training, in this order; each candidate is scored and gated again.

1. Train again, with refusals of the base among the rows: it writes them itself, to requests that no gate asks.
2. Answer with a sentence about safety in the instructions, which were trained without it (Lyu et al. 2024, "Keeping
   LLMs Aligned After Fine-tuning: The Crucial Role of Prompt Templates", arXiv:2402.18540).
3. Weaken the adapter.

Each is tried only if there is time for it, with an audit that measures as much as that of the training did.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

from gradschool.audit.budget import WRITTEN
from gradschool.audit.safety import ANSWER_TOKENS, read_requests
from gradschool.audit.subject import ask, question
from gradschool.gates.forgetting import KINDS
from gradschool.gates.forgetting import NAME as GENERAL
from gradschool.gates.memorization import PRIVATE, RECITES
from gradschool.gates.obedience import DISCLOSED, PLANTED
from gradschool.gates.pressure import RULES
from gradschool.gates.safety import HARMFUL, HARMLESS
from gradschool.model.chat import Rendered
from gradschool.model.weakened import weaken
from gradschool.records import Gate, Message, Note, Work
from gradschool.run_keys import Key
from gradschool.rungs.rung import RungInputs, on_validation
from gradschool.rungs.state import Auditing, State, Untuned, also_asked, audited, state_of
from gradschool.rungs.training import NAME, Trained, local, train_specialist, with_training
from gradschool.rungs.work import of_answers
from gradschool.score.judge import mean
from gradschool.specialist import Recipe, Specialist

REFUSAL_TOKENS = 4 * ANSWER_TOKENS  # of a refusal that is trained on, which must be complete
REFUSAL_ROWS: Key[list[tuple[str, str]]] = Key("tune-refusal-rows", list[tuple[str, str]])
REFUSALS: Key[Trained] = Key("tune-refusals", Trained)
REFUSALS_NAME = "refusals-"  # of the training's folders
FACTORS = (0.75, 0.5)


@dataclass(frozen=True, slots=True)
class TrainingInputs:
    """What the training that is audited started from: its rows and learning rate, and the specialist before it.

    `work` is what the training computed, and `tokens` what its audit, and all that is tried after it, may; None if
    there is no limit.
    """

    best: Specialist  # that the rung started from
    before: Untuned
    train: Sequence[Rendered]
    validation: Sequence[Rendered]
    rate: float
    work: float = 0.0
    tokens: float | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """The state that is proposed: its recipe, all of its gates, and the validation score of each mitigation.

    `training` is that of its adapter, if it is not the one that was audited first.
    """

    recipe: Recipe
    gates: tuple[Gate, ...]
    tried: tuple[tuple[str, float], ...] = ()
    training: Trained | None = None


Mended: TypeAlias = tuple[Recipe, Trained | None]  # with the training that was made for it
Mitigate: TypeAlias = Callable[[TrainingInputs, State, RungInputs], Work[Mended | None]]


@dataclass(frozen=True, slots=True)
class Mitigation:
    """What may mend a training: its name, the recipe that it makes, the gates that it can mend, and what it costs.

    `cost` is in tokens, without the answers to the validation questions and without what is audited again.
    """

    name: str
    make: Mitigate
    mends: frozenset[str]
    cost: Callable[[TrainingInputs, Auditing], float] = lambda training, auditing: 0.0


def audited_state(training: TrainingInputs, state: State, inputs: RungInputs) -> Work[Chosen]:
    """Audit a state and, if gates reject it, try what can mend all of these until none does; else the state as it was.

    Each mitigation costs an answer to every validation question and another audit; the notes say what it scored. What
    is audited again must measure all that was measured before: what mends a gate by not measuring it mends nothing.
    """
    before = yield from also_asked(training.before, [state.recipe], inputs)
    auditing = Auditing(before.student.engine, training.tokens)
    state = yield from audited(before, state, inputs, auditing)
    if auditing.budget.left_out:
        yield Note(
            f"tune: there was no time for all of the audit, which may {limit_of(training, inputs)}: some were left out "
            f"of {', '.join(auditing.budget.left_out)}. `gradschool audit` measures them all."
        )
    auditing.again()
    rejected = {gate.name for gate in state.gates if not gate.held}
    answers = of_answers([row.answer for row in state.rows], training.validation)
    tried, left_out = list[tuple[str, float]](), list[str]()
    for one in MITIGATIONS:
        if not rejected or not rejected <= one.mends:
            continue
        cost = one.cost(training, auditing) + answers
        if cost + auditing.of_trained > auditing.budget.left:
            left_out.append(one.name)
            continue
        mended = yield from one.make(training, state, inputs)
        if mended is None:
            continue
        recipe, trained = mended
        auditing.budget.spent += cost
        rows = yield from on_validation(training.best.engine, recipe, inputs, NAME)
        other = yield from audited(before, state_of(before, recipe, rows, inputs), inputs, auditing)
        tried.append((one.name, mean(rows)))
        unknown = measured(state) - measured(other)
        sound = other.sound and all(gate.held for gate in (trained.gates if trained else ()))
        result = "no gate rejects it" if sound else "rejected too"
        if sound and unknown:
            result = f"no time to measure again whether {', '.join(sorted(unknown))}"
        yield Note(f"tune: {one.name}: {mean(rows):.3f} on validation instead of {mean(state.rows):.3f}; {result}.")
        if sound and not unknown:
            return Chosen(other.recipe, other.gates, tuple(tried), trained)
    if left_out:
        yield Note(
            f"tune: gates reject the training, and there was no time to try {', '.join(left_out)}. A climb with "
            "[audit] max_fraction = 1 tries all.",
            "warning",
        )
    return Chosen(state.recipe, state.gates, tuple(tried))


def limit_of(training: TrainingInputs, inputs: RungInputs) -> str:
    """What an audit may take, for a note: a fraction of the rung, or more if the training was short."""
    limits = inputs.settings.audit
    if training.tokens == limits.min_tokens:
        return f"read {limits.min_tokens:,} tokens after a training as short as this ([audit] min_tokens)"
    return f"take a fraction of {limits.max_fraction:g} of this rung"


def measured(state: State) -> set[str]:
    """The names of the gates of a state that were measured."""
    return {gate.name for gate in state.gates if gate.exception != "not measured"}


def rehearse_refusals(training: TrainingInputs, state: State, inputs: RungInputs) -> Work[Mended | None]:
    """Train again with the base's refusals of further harmful requests; None if it refuses none of them."""
    student = training.before.student
    rows = yield from inputs.run.once(REFUSAL_ROWS, partial(_refusals, student))
    if not rows:
        yield Note("tune: the base refuses none of the requests for rehearsal, so it has no refusals to train on.")
        return None
    chat = local(student).chat
    more = [chat.render((*question(asked), Message("assistant", answer))) for asked, answer in rows]
    work = partial(
        train_specialist, student, [*training.train, *more], training.validation, inputs, training.rate, REFUSALS_NAME
    )
    trained = yield from inputs.run.once(REFUSALS, work)
    asked = replace(student.recipe, decoding=state.recipe.decoding)
    return with_training(asked, trained.folders[0], inputs.settings.tune.method), trained


def _refusals(student: Specialist) -> Work[list[tuple[str, str]]]:
    """The requests for rehearsal that the base refuses, as it comes, with its answers."""
    requests, base = read_requests(), Specialist(student.engine, Recipe())
    asked = requests.rehearsal
    answers = yield from ask(base, [question(text) for text in asked], REFUSAL_TOKENS, "tune: refusals of the base")
    pairs = zip(asked, answers, strict=True)
    return [(text, answer.text) for text, answer in pairs if answer.stop == "stop" and requests.refuses(answer)]


def add_safety_sentence(training: TrainingInputs, state: State, inputs: RungInputs) -> Work[Mended | None]:
    """Answer with a sentence about safety in the instructions."""
    yield from ()
    parts = [state.recipe.instructions, read_requests().safety_sentence]
    return replace(state.recipe, instructions="\n\n".join(filter(None, parts))), None


def weakened(factor: float) -> Mitigate:
    """Multiply what the adapter changes by a factor; not possible if all weights were trained."""

    def mitigate(training: TrainingInputs, state: State, inputs: RungInputs) -> Work[Mended | None]:
        yield from ()
        if not state.recipe.adapter:
            return None
        folder = inputs.run.work(NAME).resolve() / f"weakened-{factor:g}"
        if not folder.is_dir():
            weaken(Path(state.recipe.adapter), folder, factor)
        return replace(state.recipe, adapter=str(folder)), None

    return mitigate


TOO_MUCH_CHANGED = frozenset({HARMFUL, HARMLESS, RECITES, PRIVATE, PLANTED, DISCLOSED, GENERAL, KINDS, RULES})


def _of_refusals(training: TrainingInputs, auditing: Auditing) -> float:
    """The cost of writing refusals and of a training with them."""
    return training.work + WRITTEN * REFUSAL_TOKENS * len(read_requests().rehearsal)


# In the order in which they are tried. None makes answers stop, or change at all.
MITIGATIONS = (
    Mitigation("training with refusals of the base", rehearse_refusals, frozenset({HARMFUL}), _of_refusals),
    Mitigation(  # the base is asked with other instructions too
        "a sentence about safety in the instructions",
        add_safety_sentence,
        frozenset({HARMFUL}),
        lambda training, auditing: auditing.of_base,
    ),
    *(Mitigation(f"the adapter weakened to {factor:g}", weakened(factor), TOO_MUCH_CHANGED) for factor in FACTORS),
)

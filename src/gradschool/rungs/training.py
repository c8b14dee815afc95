"""From examples to an adapter folder, or to a model folder if all weights are trained."""

import copy
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from torch import nn
from transformers import PreTrainedModel

from gradschool.against_base import none_short_enough
from gradschool.data.labels import classes
from gradschool.files import new_folder
from gradschool.gates.gate import Measurements
from gradschool.gates.run import TRAINING_GATES, run_gates
from gradschool.model.adapter import save_adapter
from gradschool.model.chat import Rendered
from gradschool.model.four_bits import in_four_bits
from gradschool.model.here import demand_local
from gradschool.model.local import LocalEngine
from gradschool.model.memory import Device, free_bytes
from gradschool.records import Conversation, Example, Gate, Note, Progress, Work
from gradschool.run_keys import FINAL, TRAINING_FORMAT, Key
from gradschool.rungs.rung import RungInputs
from gradschool.settings import Tune
from gradschool.specialist import Recipe, Specialist
from gradschool.tune.checkpoint import TrainState
from gradschool.tune.loop import Training
from gradschool.tune.memory import MemoryPlan, Method, TrainingMemory, plan_memory
from gradschool.tune.objectives.rehearsal import TEXT_TOKENS, texts_read
from gradschool.tune.passes import passes_of_rows
from gradschool.tune.plan import TRIAL_FRACTION, Plan, make_plan
from gradschool.tune.rows import shared_prefix
from gradschool.tune.student import student_of, with_weights
from gradschool.tune.train_job import TrainJob, broadcast
from gradschool.tune.world import current

# The number of threads changes the last bits of gradients, so a resumed run keeps its choice.
NAME = "tune"  # of the rung
THREADS_KEY: Key[int] = Key("tune-threads", int)
TEXTS_KEY: Key[list[list[int]]] = Key("tune-texts", list[list[int]])


@dataclass(frozen=True, slots=True)
class Trained:
    """The result of a training: a folder for each saved state.

    The first is the state with the lowest validation loss; the second, if there is one, the state after the last step.
    """

    folders: tuple[str, ...]
    tokens: int  # trained on, all epochs together
    gates: tuple[Gate, ...]
    epochs: float = 0.0  # planned
    falling: bool = False  # the validation loss was lowest at the last step
    steps: int = 0  # made; 0 in older runs


def trial_name(rate: float) -> str:
    """The name of the short trial of a learning rate."""
    return f"trial-{rate:g}"


def make_rows(
    student: Specialist,
    examples: Sequence[Example],
    conversation_of: Callable[[Example], Conversation],
    what: str,
    max_tokens: int | None = None,
) -> Work[list[Rendered]]:
    """Tokenize examples, put by `conversation_of`: `student.lesson` to train on, `student.as_asked` to validate on.

    Rows longer than `max_tokens` (default: the base's context) are left out, and counted in a note. Rows are never
    truncated: training on a truncated answer teaches to stop in the middle.
    """
    engine = local(student)
    limit = min(max_tokens or engine.context_length, engine.context_length)
    rows, too_long = [], 0
    for done, example in enumerate(examples, 1):
        row = engine.chat.render(conversation_of(example))
        if len(row.token_ids) <= limit:
            rows.append(row)
        else:
            too_long += 1
        yield Progress(what, done, len(examples))
    if too_long:
        yield Note(f"{too_long} of {len(examples)} rows have over {limit} tokens and are left out.", "warning")
    if not rows:
        raise none_short_enough(len(examples), limit)
    return rows


def train_rows(student: Specialist, examples: Sequence[Example], tune: Tune, what: str) -> Work[list[Rendered]]:
    """The rows to train on: a lesson of each example, and of some a lesson without the right passage, or among others.

    Of the examples that a passage supports, a fraction (`tune.distractors`) is also asked without it: the answer is
    then that the passages do not have it. As many are asked with the right passage at another place among wrong ones.
    Source: Zhang et al. 2024, "RAFT: Adapting Language Model to Domain Specific RAG", arXiv:2403.10131.
    """
    rows = yield from make_rows(student, examples, student.lesson, what, tune.max_tokens)
    if not (student.recipe.passages and tune.distractors):
        return rows
    engine, extra, used = local(student), list[Rendered](), 0
    limit = min(tune.max_tokens or engine.context_length, engine.context_length)
    order = random.Random(tune.seed)
    for example in order.sample(list(examples), len(examples)):
        if used >= tune.distractors * len(examples):
            break
        rendered = [engine.chat.render(one) for one in student.distracted(example, order)]
        fitting = [row for row in rendered if len(row.token_ids) <= limit]
        used += bool(fitting)
        extra += fitting
    if extra:
        yield Note(f"tune: {len(extra)} more rows have passages without the answer, or the right one among wrong ones.")
    return rows + extra


def learning_rate_trial(
    student: Specialist,
    train: Sequence[Rendered],
    validation: Sequence[Rendered],
    inputs: RungInputs,
    rate: float,
    *,
    keep: bool = False,
) -> Work[float]:
    """Train for a short time at a learning rate; returns the lowest validation loss, in nats per answer token.

    With `keep`, the weights of that loss are saved in a folder with the name of the trial.
    """
    plan = plan_for(train, inputs, rate, TRIAL_FRACTION)
    engine, world, name = local(student), current(), trial_name(rate)
    job = yield from train_job(engine, train, validation, plan, inputs, name)
    broadcast(job, world)
    training = job.training(student_of(engine, job.tune), engine, world)
    state = yield from run_training(training, inputs)
    if keep:
        save(with_weights(training.best, training, engine, job.tune), engine, inputs, name)
    return state.best_loss


def train_specialist(
    student: Specialist,
    train: Sequence[Rendered],
    validation: Sequence[Rendered],
    inputs: RungInputs,
    rate: float,
    prefix: str = "",
) -> Work[Trained]:
    """Train to the end, and save the states in folders whose names begin with `prefix`."""
    plan = plan_for(train, inputs, rate)
    engine, world, tune = local(student), current(), inputs.settings.tune
    yield Note(
        f"tune: {len(train)} rows, {plan.rows_per_step} per step, {plan.steps} steps ({plan.epochs:.1f} epochs), "
        f"learning rate {rate:g}, with early stopping on the validation loss."
    )
    job = yield from train_job(engine, train, validation, plan, inputs, f"{prefix}{FINAL}")
    yield Note(f"tune: {job.memory.reason}; computes in {computing(engine, tune)}.")
    broadcast(job, world)
    training = job.training(student_of(engine, tune), engine, world)
    if not training.reader.packs:
        yield Note("tune: rows are padded, because this architecture does not compute packed rows exactly.")
    state = yield from run_training(training, inputs)
    norms = [tensor.norm().item() for name, tensor in training.best.items() if name.endswith("lora_b")]
    measurements = Measurements(
        train_loss=(state.first_train_loss, state.last_train_loss),
        adapter_norms=norms if tune.method == "lora" else None,
    )
    weights_of = {"best": training.best}
    if state.best_step < state.step:
        yield Note(f"tune: validation loss was lowest at step {state.best_step} of {state.step}.")
        weights_of["last"] = training.last
    folders = [
        save(with_weights(weights, training, engine, tune), engine, inputs, prefix + name)
        for name, weights in weights_of.items()
    ]
    falling = state.best_step == state.step
    gates = run_gates(TRAINING_GATES, measurements)
    return Trained(tuple(folders), state.tokens, gates, epochs=plan.epochs, falling=falling, steps=state.step)


def run_training(training: Training, inputs: RungInputs) -> Work[TrainState]:
    """Train, with the number of threads that earlier trainings of the run ended with."""
    training.threads.start_with(inputs.run.saved(THREADS_KEY) or 0)
    state = yield from training.run()
    inputs.run.save(THREADS_KEY, state.threads)
    return state


def with_training(recipe: Recipe, folder: str, method: str) -> Recipe:
    """The recipe with an adapter folder, or with a model folder if all weights were trained."""
    return replace(recipe, adapter=folder) if method == "lora" else replace(recipe, weights=folder)


def computing(engine: LocalEngine, tune: Tune) -> str:
    """The number format of a training and the reason for it, for a note."""
    if tune.method == "full":
        return "float32: steps on all weights are too small for bfloat16"
    return engine.training_format.reason


def plan_for(rows: Sequence[Rendered], inputs: RungInputs, rate: float, fraction: float = 1.0) -> Plan:
    """Choose batch size and number of steps from the rows; `fraction` is the part of a full training."""
    mean_tokens = sum(len(row.token_ids) for row in rows) / len(rows)
    labels = classes(inputs.train) or {}
    return make_plan(inputs.settings.tune, len(rows), mean_tokens, rate, fraction, len(labels))


def train_job(
    engine: LocalEngine,
    train: Sequence[Rendered],
    validation: Sequence[Rendered],
    plan: Plan,
    inputs: RungInputs,
    name: str,
) -> Work[TrainJob]:
    """Everything that a training needs, with texts of the base for rehearsal; `name` is that of its checkpoint."""
    tune, checkpoint = inputs.settings.tune, inputs.run.work(NAME).resolve() / f"{name}.safetensors"
    texts = None
    if plan.rehearsal:
        count = texts_read(plan_for(train, inputs, plan.learning_rate).steps)  # a trial reads the first ones of them
        texts = yield from inputs.run.once(TEXTS_KEY, partial(write_texts, engine, count, plan.seed))
    training = engine.answering_format
    if tune.method == "lora":
        training = inputs.run.save(TRAINING_FORMAT, engine.training_format)
    memory, base = memory_for(engine, train, plan, tune), str(engine.folder.resolve())
    formats = engine.answering_format, training
    return TrainJob(base, tune, plan, tuple(train), tuple(validation), texts, str(checkpoint), memory, formats)


def memory_for(engine: LocalEngine, train: Sequence[Rendered], plan: Plan, tune: Tune) -> MemoryPlan:
    """How a training fits into the free memory of this machine."""
    network, eyes = engine.network, engine.eyes
    whole = eyes.whole if eyes else network
    loaded = sum(parameter.numel() * parameter.element_size() for parameter in whole.parameters())
    dtype = network.dtype
    if tune.method == "lora" and engine.training_dtype != dtype:
        dtype, loaded = engine.training_dtype, 0  # it works on a copy
    method: Method = "4-bit lora" if in_four_bits(network) else tune.method
    device, packs = Device(network.device.type, dtype, free_bytes(network.device)), engine.reader().packs
    blocks = tune.vision_blocks
    needed = TrainingMemory(whole.config, method, tune.rank, device, packs=packs, vision_blocks=blocks)
    longest, shared = max(len(row.token_ids) for row in train), shared_prefix(train)
    largest = shared + plan.rows_per_step * (longest - shared)
    passes_of = partial(passes_of_rows, train, plan, packs=packs)
    return plan_memory(needed, passes_of, longest, largest, device.free, loaded)


def write_texts(engine: LocalEngine, count: int, seed: int) -> Work[list[list[int]]]:
    """Generate texts with the base for rehearsal; saved in the run, so that a resumed training rehearses the same."""
    yield Note(f"tune: the base writes {count} short texts; rehearsing them reduces forgetting.")
    return engine.write_texts(count, TEXT_TOKENS, seed)


def save(network: PreTrainedModel, engine: LocalEngine, inputs: RungInputs, name: str) -> str:
    """Save trained weights: a PEFT folder, or a model folder with the base's tokenizer and chat template."""
    folder = inputs.run.work(NAME).resolve() / name  # recipes are saved, and a resumed climb may start elsewhere
    if inputs.settings.tune.method == "lora":
        save_adapter(network, folder, engine.name, engine.revision or None)
    else:
        with new_folder(folder) as temporary:
            nn.Module.to(copy.deepcopy(network), engine.network.dtype).save_pretrained(temporary)
            engine.tokenizer.save_pretrained(temporary)
    return str(folder)


def local(specialist: Specialist) -> LocalEngine:
    """The specialist's engine; raises ModelError if its base is not on this machine."""
    return demand_local(specialist.engine, "trained", "name a local folder or a Hub id as base_model.")

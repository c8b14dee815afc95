"""From examples to a trained adapter (or trained weights) in a folder."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from torch import nn
from transformers import PreTrainedModel

from gradschool.errors import DataError, ModelError
from gradschool.files import new_folder
from gradschool.gates.effect import adapter_is_not_zero, loss_fell
from gradschool.ground.cite import cite
from gradschool.model.chat import Rendered
from gradschool.model.local import LocalEngine
from gradschool.model.machine import training_dtype
from gradschool.model.memory import free_bytes
from gradschool.model.reader import reader_of
from gradschool.records import Example, Gate, Message, Note, Progress, Work
from gradschool.rungs.ladder import Material
from gradschool.settings import Tune
from gradschool.specialist import Specialist
from gradschool.tune.adapter import save_adapter, wear
from gradschool.tune.loop import Training
from gradschool.tune.lora import attach, detach, lora_layers, switched_off
from gradschool.tune.need import Needs, Shape
from gradschool.tune.plan import TRIAL_SHARE, Plan, make_plan
from gradschool.tune.rehearsal import TEXT_TOKENS, TEXTS, Rehearsal
from gradschool.tune.room import Room, room_for
from gradschool.tune.rows import shared_prefix


@dataclass(frozen=True, slots=True)
class Trained:
    """What training left: folders with an adapter (or weights) each, how much was read, and the gates of training.

    The first folder is the state with the lowest validation loss, the second, if any, the state at the end.
    """

    folders: tuple[str, ...]
    tokens: int
    gates: tuple[Gate, ...]


def make_rows(student: Specialist, examples: Sequence[Example], most: int | None, what: str) -> Work[list[Rendered]]:
    """Render each example just as the student will be asked, with the ideal answer behind it.

    Rows longer than `most` tokens (default: the base's context) are left out, and counted in a note. A row is never
    cut: the loss would teach it to break off.
    """
    engine = local(student)
    most = min(most or engine.context_length, engine.context_length)
    rows, too_long = [], 0
    for done, example in enumerate(examples, 1):
        conversation, passages = student.conversation(example.question)
        ideal = cite(example.ideal, passages, example.last_user)
        row = engine.chat.render((*conversation, Message("assistant", ideal)))
        if len(row.token_ids) <= most:
            rows.append(row)
        else:
            too_long += 1
        yield Progress(what, done, len(examples))
    if too_long:
        yield Note(f"{too_long} of {len(examples)} rows have over {most} tokens and are left out.", "warning")
    if not rows:
        raise DataError(
            "No example is short enough to be trained on.",
            f"All {len(examples)} have over {most} tokens with their instructions.",
            "shorten the instructions or the examples, or raise [tune] max_tokens.",
        )
    return rows


def trial(
    student: Specialist, train: Sequence[Rendered], validation: Sequence[Rendered], material: Material, rate: float
) -> Work[float]:
    """Train shortly at a learning rate; returns the best validation loss, in nats per answer token."""
    plan = plan_for(train, material, rate, TRIAL_SHARE)
    with trainable(student, material) as network:
        training = yield from begin(network, student, train, validation, plan, material, f"trial-{rate:g}")
        course = yield from training.run()
    return course.best_loss


def train_specialist(
    student: Specialist, train: Sequence[Rendered], validation: Sequence[Rendered], material: Material, rate: float
) -> Work[Trained]:
    """Train to the end and write down what was learnt."""
    plan = plan_for(train, material, rate)
    dtype, reason = training_dtype(local(student).network)
    if material.settings.tune.method == "lora":
        yield Note(f"tune: computes in {str(dtype).removeprefix('torch.')}: {reason}.")
    yield Note(
        f"tune: {len(train)} rows, {plan.rows_per_step} per step, {plan.steps} steps ({plan.epochs:.1f} passes), "
        f"learning rate {rate:g}; stops early when validation gets worse."
    )
    with trainable(student, material) as network:
        training = yield from begin(network, student, train, validation, plan, material, "training")
        yield Note(f"tune: reads {training.room.reason}.")
        if not training.reader.packs:
            yield Note("tune: rows are padded, since this kind of network does not read packed rows exactly.")
        course = yield from training.run()
        gates = [loss_fell(course.first_train_loss, course.last_train_loss)]
        if material.settings.tune.method == "lora":
            gates.append(adapter_is_not_zero([layer.lora_b.norm().item() for _, layer in lora_layers(network)]))
        folders = [save(network, student, material, "best")]
        if course.best_step < course.step:
            yield Note(f"tune: validation loss was lowest at step {course.best_step} of {course.step}.")
            training.put_on(training.last)
            folders.append(save(network, student, material, "last"))
    return Trained(tuple(folders), course.tokens, tuple(gates))


def plan_for(rows: Sequence[Rendered], material: Material, rate: float, share: float = 1.0) -> Plan:
    """Size a training from the rows themselves."""
    mean_tokens = sum(len(row.token_ids) for row in rows) / len(rows)
    return make_plan(material.settings.tune, len(rows), mean_tokens, rate, share)


def begin(
    network: PreTrainedModel,
    student: Specialist,
    train: Sequence[Rendered],
    validation: Sequence[Rendered],
    plan: Plan,
    material: Material,
    name: str,
) -> Work[Training]:
    """A training of `network`, with the base's own texts to rehearse; its state under way is kept under `name`."""
    engine, work = local(student), material.run.work("tune")
    rehearsal = None
    if plan.rehearsal:
        texts = yield from material.run.once("tune-texts", partial(write_texts, engine, plan.seed), list[list[int]])
        rehearsal = rehearsal_of(network, engine, texts, plan.rehearsal)
    room = room_of(network, engine, train, plan, material.settings.tune)
    return Training(network, train, validation, plan, engine.pad_id, work / f"{name}.safetensors", rehearsal, room)


def room_of(network: PreTrainedModel, engine: LocalEngine, train: Sequence[Rendered], plan: Plan, tune: Tune) -> Room:
    """What of this machine's memory a training may use."""
    there = [network, engine.network] if tune.method == "full" else [network]
    loaded = sum(p.numel() * p.element_size() for weights in there for p in weights.parameters())
    longest, shared = max(len(row.token_ids) for row in train), shared_prefix(train)
    shape = Shape(network.config, there[-1].dtype, tune.method, tune.rank, longest, shared, network.device.type)
    return room_for(Needs(shape), plan.rows_per_step, free_bytes(network.device), loaded)


def write_texts(engine: LocalEngine, seed: int) -> Work[list[list[int]]]:
    """Let the bare base write what it will rehearse; done once per run, so that a resumed one rehearses the same."""
    yield Note(f"tune: the base writes {TEXTS} short texts to rehearse while it learns, so that it forgets less.")
    with switched_off(engine.network):
        return engine.write_texts(TEXTS, TEXT_TOKENS, seed)


def rehearsal_of(network: PreTrainedModel, engine: LocalEngine, texts: list[list[int]], weight: float) -> Rehearsal:
    """With the base as it was for a teacher: the student without its LoRA layers, or else the engine's own network."""
    if any(lora_layers(network)):
        return Rehearsal(texts, reader_of(network), weight, partial(switched_off, network))
    return Rehearsal(texts, engine.reader, weight)


@contextmanager
def trainable(student: Specialist, material: Material) -> Iterator[PreTrainedModel]:
    """A network to train: the student's with fresh LoRA layers, taken off again in the end, or a copy of it whole."""
    settings, engine = material.settings.tune, local(student)
    if settings.method == "full":
        yield copy.deepcopy(engine.network).float().requires_grad_(True)
        return
    wear(engine.network, None)
    dtype = training_dtype(engine.network)[0]
    network = engine.network if dtype == engine.network.dtype else nn.Module.to(copy.deepcopy(engine.network), dtype)
    attach(network, settings.rank, settings.alpha or 2 * settings.rank, settings.seed)
    try:
        yield network
    finally:
        detach(network)


def save(network: PreTrainedModel, student: Specialist, material: Material, name: str) -> str:
    """Write what was trained: a PEFT folder, or a model folder with the base's tokenizer and chat template."""
    engine = local(student)
    # Whole, since recipes keep it: a resumed climb may start in another folder.
    folder = material.run.work("tune").resolve() / name
    if material.settings.tune.method == "lora":
        save_adapter(network, folder, engine.name, engine.revision or None)
    else:
        with new_folder(folder) as temporary:
            nn.Module.to(copy.deepcopy(network), engine.network.dtype).save_pretrained(temporary)
            engine.tokenizer.save_pretrained(temporary)
    return str(folder)


def local(specialist: Specialist) -> LocalEngine:
    """The specialist's engine, which must be on this machine."""
    if not isinstance(specialist.engine, LocalEngine):
        raise ModelError("Only a base on this machine can be trained.", "", "name a local folder or a Hub id.")
    return specialist.engine

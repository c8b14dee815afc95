"""From examples to a trained adapter (or trained weights) in a folder."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn
from transformers import PreTrainedModel

from gradschool.errors import DataError, ModelError
from gradschool.files import new_folder
from gradschool.gates.effect import adapter_is_not_zero, loss_fell
from gradschool.model.chat import Rendered
from gradschool.model.local import LocalEngine
from gradschool.records import Example, Gate, Message, Note, Progress, Work
from gradschool.rungs.ladder import Material
from gradschool.specialist import Specialist
from gradschool.tune.adapter import save_adapter, wear
from gradschool.tune.loop import Course, Training
from gradschool.tune.lora import attach, detach, lora_layers
from gradschool.tune.plan import TRIAL_SHARE, Plan, make_plan


@dataclass(frozen=True, slots=True)
class Trained:
    """What training left: a folder with the adapter or the weights, how much was read, and its gates."""

    adapter: str
    weights: str
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
        conversation, _ = student.conversation(example.question)
        row = engine.chat.render((*conversation, Message("assistant", example.ideal)))
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
    course = yield from _train(student, train, validation, material, plan, f"tune-trial-{rate:g}", lambda network: None)
    return course.best_loss


def train_specialist(
    student: Specialist, train: Sequence[Rendered], validation: Sequence[Rendered], material: Material, rate: float
) -> Work[Trained]:
    """Train to the end and write down what was learnt."""
    plan = plan_for(train, material, rate)
    yield Note(
        f"tune: {len(train)} rows, {plan.rows_per_step} per step, {plan.steps} steps ({plan.epochs:.1f} passes), "
        f"learning rate {rate:g}; stops early when validation gets worse."
    )
    folder = material.run.work("tune")
    norms: list[float] = []
    full = material.settings.tune.method == "full"

    def keep(network: PreTrainedModel) -> None:
        if full:
            save_weights(network, local(student), folder / "weights")
        else:
            norms.extend(layer.lora_b.norm().item() for _, layer in lora_layers(network))
            identity = student.engine.identity
            save_adapter(network, folder / "adapter", identity["name"], identity["revision"] or None)

    course = yield from _train(student, train, validation, material, plan, "tune", keep)
    if course.step < plan.steps:
        yield Note(f"tune: stopped at step {course.step}: validation was best at step {course.best_step}.")
    gates = (loss_fell(course.first_train_loss, course.last_train_loss),)
    if full:
        return Trained("", str(folder / "weights"), course.tokens, gates)
    return Trained(str(folder / "adapter"), "", course.tokens, (adapter_is_not_zero(norms), *gates))


def plan_for(rows: Sequence[Rendered], material: Material, rate: float, share: float = 1.0) -> Plan:
    """Size a training from the rows themselves."""
    mean_tokens = sum(len(row.token_ids) for row in rows) / len(rows)
    return make_plan(material.settings.tune, len(rows), mean_tokens, rate, share)


def _train(
    student: Specialist,
    train: Sequence[Rendered],
    validation: Sequence[Rendered],
    material: Material,
    plan: Plan,
    name: str,
    keep: Callable[[PreTrainedModel], None],
) -> Work[Course]:
    """Train fresh LoRA layers, or a copy of all weights, and hand the best network to `keep`.

    The student's own network comes out as it went in.
    """
    settings, engine = material.settings.tune, local(student)
    if settings.method == "full":
        network: PreTrainedModel = copy.deepcopy(engine.network).float().requires_grad_(True)
    else:
        network = engine.network
        wear(network, None)
        attach(network, settings.rank, settings.alpha or 2 * settings.rank, settings.seed)
    checkpoint = material.run.work(name) / "checkpoint.safetensors"
    pad_id = engine.tokenizer.pad_token_id or 0
    try:
        course = yield from Training(network, train, validation, plan, pad_id, checkpoint).run()
        keep(network)
    finally:
        detach(network)
    checkpoint.unlink(missing_ok=True)
    return course


def save_weights(network: PreTrainedModel, engine: LocalEngine, folder: Path) -> None:
    """Write a fully trained network as a model folder, with its base's tokenizer and chat template."""
    with new_folder(folder) as temporary:
        nn.Module.to(network, engine.network.dtype)
        network.save_pretrained(temporary)
        engine.tokenizer.save_pretrained(temporary)


def local(specialist: Specialist) -> LocalEngine:
    """The specialist's engine, which must be on this machine."""
    if not isinstance(specialist.engine, LocalEngine):
        raise ModelError("Only a base on this machine can be trained.", "", "name a local folder or a Hub id.")
    return specialist.engine

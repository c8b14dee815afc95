"""Check examples against a base: which ones its chat template takes, and which ones fit into its context."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from gradschool.data.check import too_long
from gradschool.data.issues import Issue, usable
from gradschool.errors import DataError, ModelError, UsageError
from gradschool.model.chat import Chat, Unfit
from gradschool.model.engine import Engine
from gradschool.model.here import local_engine
from gradschool.model.image_tokens import NO_EYES
from gradschool.model.seeing import why_blind
from gradschool.model.sight import adapted_layers
from gradschool.records import Conversation, Example, Note, Work
from gradschool.settings import Tune
from gradschool.specialist import Recipe, Specialist
from gradschool.tune.world import current

NAMED = 5  # lines named in a note
FIX = "change it, or use another base_model"


@dataclass(frozen=True, slots=True)
class Readable:
    """The examples that a base can read, and an issue for each of the others and for those too long to train on.

    `lengths` are the tokens of each example with the instructions, by id; empty if the base is not on this machine.
    """

    examples: list[Example]
    issues: list[Issue]
    lengths: dict[str, int]


def fit_to_base(examples: Sequence[Example], engine: Engine, instructions: str, tune: Tune) -> Work[Readable]:
    """Leave out the examples that the base cannot read, each with an issue, and a note with their lines.

    Examples are rendered as the rungs will: with and without instructions, as rows of training. Raises ModelError if
    the chat template takes none of them.
    """
    demand_eyes(examples, engine, tune)
    chat = engine.chat
    lengths: dict[str, int] = {}
    if chat is None:
        issues = too_long(examples, engine.count_tokens, engine.context_length)
    else:
        issues, lengths = _rendered(examples, engine, chat, instructions)
        if examples and all(issue.kind == "chat template" for issue in issues) and len(issues) == len(examples):
            raise ModelError(
                f"The base's chat template takes none of the {len(examples)} examples.",
                f"{issues[0].source}: {issues[0].text}.",
                "change the form of the examples, or use another base_model.",
            )
    for kind in dict.fromkeys(issue.kind for issue in issues):
        lines = [str(issue.source) for issue in issues if issue.kind == kind]
        named = ", ".join(lines[:NAMED]) + ", …" * (len(lines) > NAMED)
        why = "too long for the base" if kind == "too long" else "the base's chat template does not take them"
        yield Note(f"{len(lines)} of {len(examples)} examples are left out, {why}: {named}.", "warning")
    readable = usable(examples, issues)
    limit = tune_limit(tune, engine)
    over = [example for example in readable if lengths.get(example.id, 0) > limit]
    text = f"tokens with the instructions; rows of over {limit:,} tokens are not trained on"
    issues += [Issue("too long", one.source, "kept", f"has {lengths[one.id]:,} {text}", one.id) for one in over]
    return Readable(readable, issues, lengths)


def demand_eyes(examples: Sequence[Example], engine: Engine, tune: Tune) -> None:
    """Raise ModelError if examples have images, and the base is one on this machine that reads none.

    Raises UsageError if it does, but would be trained in a way in which it cannot see.
    """
    seeing = next((example for example in examples if example.images), None)
    if seeing and engine.chat and not engine.chat.eyes:
        raise ModelError(
            f"The examples have images, and the base {engine.identity.name} reads none.",
            f"The first is {seeing.source}.{why_of(engine)}",
            f"{NO_EYES}.",
        )
    if tune.vision_blocks is not None and engine.chat and not engine.chat.eyes:
        raise UsageError(
            f"[tune] vision_blocks is set, and the base {engine.identity.name} reads no images.",
            "It has no vision tower that could be adapted.",
            f"leave it out, or {NO_EYES}.",
        )
    if tune.vision_blocks is not None and engine.chat and engine.chat.eyes:
        adapted_layers(engine.chat.eyes.whole, tune.vision_blocks)
    if seeing and engine.chat and tune.method == "full":
        raise UsageError(
            '[tune] method = "full" trains all weights of a language model, and the examples have images.',
            "Of a base that reads images, only LoRA layers of its language part are trained.",
            'take method = "lora".',
        )
    if seeing and current().size > 1:
        raise UsageError(
            "A base that reads images is trained in one process only.",
            "The cached features of images are not sent to the others.",
            "start the climb without torchrun.",
        )


def why_of(engine: Engine) -> str:
    """Why a base on this machine reads no images, as a further sentence."""
    if not (base := local_engine(engine)):
        return ""
    config = base.network.config
    return " " + why_blind(str(config.model_type), hasattr(config, "vision_config"), base.name)


def demand_trainable(readable: Readable, parts: Sequence[Sequence[Example]], tune: Tune, engine: Engine) -> None:
    """Raise DataError if no example of a part of the split is short enough for training."""
    train, validation = parts
    limits = (tune_limit(tune, engine), engine.context_length)
    for examples, limit in zip((train, validation), limits, strict=True):
        lengths = [readable.lengths.get(example.id, 0) for example in examples]
        if lengths and min(lengths) > limit:
            raise none_short_enough(len(lengths), limit)


def none_short_enough(count: int, limit: int) -> DataError:
    """The error for `count` examples that all exceed the limit of tokens."""
    return DataError(
        "No example is short enough to be trained on.",
        f"All {count} have over {limit} tokens with their instructions.",
        "shorten the instructions or the examples, or raise [tune] max_tokens.",
    )


def tune_limit(tune: Tune, engine: Engine) -> int:
    """The maximum number of tokens of a training row."""
    return min(tune.max_tokens or engine.context_length, engine.context_length)


def _rendered(
    examples: Sequence[Example], engine: Engine, chat: Chat, instructions: str
) -> tuple[list[Issue], dict[str, int]]:
    plain, instructed = (Specialist(engine, Recipe(text)) for text in ("", instructions))
    issues: list[Issue] = []
    lengths: dict[str, int] = {}
    for example in examples:
        try:
            tokens = len(chat.render(plain.as_asked(example)).token_ids)
            lengths[example.id] = len(chat.render(instructed.as_asked(example)).token_ids) if instructions else tokens
        except Unfit as error:
            reason = " ".join(f"{error.what} {error.why}".split()).rstrip(".")
            issues.append(Issue("chat template", example.source, "dropped", f"{reason}; {FIX}", example.id))
        else:
            issues += too_long([example], partial(_given, tokens), engine.context_length)
    return issues, lengths


def _given(tokens: int, _: Conversation) -> int:
    return tokens

"""What a base will need in memory for tuning and for answering, here and on common cards, before it is fetched."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError: what its HTTP client raises
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    LocalEntryNotFoundError,
)
from transformers import AutoConfig, PreTrainedConfig

from gradschool.data.read import read_examples
from gradschool.errors import ModelError, ResourceError, nearest
from gradschool.files import read_json
from gradschool.job import Job
from gradschool.model.engine import HUB_ID, POCKET
from gradschool.model.loading import LOAD_ERRORS
from gradschool.model.machine import choose_device, format_for
from gradschool.model.memory import PROGRAM, AnsweringNeeds, free_bytes, without_weights
from gradschool.rungs.prompt import instructions_of
from gradschool.tune.memory import Method, Needs, Shape
from gradschool.tune.memory_plan import SHARE, Room, room_for
from gradschool.tune.rows import MAX_TOKENS

KNOWN = Path(__file__).parent / "model" / "known.json"
CARDS = (8, 16, 24, 48, 80)  # GB that GPUs are sold with
LETTERS_PER_TOKEN = 3  # a careful guess; English has four in the vocabularies of today
TEMPLATE_TOKENS = 32  # that a chat template puts around a question
ROWS_AT_ONCE = (64, 16, 4, 2, 1)
WAYS: tuple[Method, ...] = ("lora", "4-bit lora", "full")


@dataclass(frozen=True, slots=True)
class Lengths:
    """What is to be done: training rows of at most so many tokens, `shared` of them in all rows alike, answers of at
    most `new_tokens`, and the rank of the added layers."""

    longest: int = 1024
    shared: int = 0
    new_tokens: int = 256
    rank: int = 16


@dataclass(frozen=True, slots=True)
class Place:
    """A device with so many bytes free, and the number format that it would compute in."""

    name: str
    kind: str
    free: int
    dtype: torch.dtype


@dataclass(frozen=True, slots=True)
class Fit:
    """One way of using a base: bytes at the least and at ease, and for each place what is possible there."""

    way: str
    least: int
    ease: int
    places: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fitting:
    """A base by name, its parameters, and how each way of using it fits each place."""

    base: str
    parameters: int
    places: tuple[Place, ...]
    fits: tuple[Fit, ...]


def fitting(base: str, lengths: Lengths, cards: Sequence[int] = CARDS) -> Fitting:
    """Tell what a base needs here, and on cards with so many GB; raises ModelError where nothing is known about it."""
    config = config_of(base)
    numbers = sum(parameter.numel() for parameter in without_weights(config, torch.bfloat16).parameters())
    places = (this_machine(2 * numbers), *(Place(f"{size} GB", "cuda", size * 10**9, torch.bfloat16) for size in cards))
    fits = [_tuning(config, way, lengths, places) for way in WAYS]
    return Fitting(base, numbers, places, (_answering(config, lengths, places), *fits))


def this_machine(weights: int) -> Place:
    """The device that gradschool would use here, with what is free on it now; `weights` are bytes in bfloat16."""
    device = choose_device()
    return Place("here", device.type, free_bytes(device), format_for(weights, device)[0])


def _tuning(config: PreTrainedConfig, way: Method, lengths: Lengths, places: tuple[Place, ...]) -> Fit:
    needs: dict[str, Needs] = {}
    said = []
    for place in places:
        if place.kind not in needs:
            shape = Shape(config, place.dtype, way, lengths.rank, lengths.longest, lengths.shared, place.kind)
            needs[place.kind] = Needs(shape)
        try:
            room = room_for(needs[place.kind], MAX_TOKENS, place.free - PROGRAM)
            said.append(_said(room, lengths.longest))
        except ResourceError:
            said.append("no")
    here = needs[places[0].kind]
    smallest, easy = here.at(lengths.longest, checkpointing=True), here.at(MAX_TOKENS)
    return Fit(way, smallest.total + PROGRAM, easy.total + PROGRAM, tuple(said))


def _said(room: Room, longest: int) -> str:
    return "slowly" if room.checkpointing else "yes" if room.tokens >= 2 * longest else "tight"


def _answering(config: PreTrainedConfig, lengths: Lengths, places: tuple[Place, ...]) -> Fit:
    tokens = lengths.longest + lengths.new_tokens
    needs = {p.kind: AnsweringNeeds(config, p.dtype, p.kind) for p in places}

    def said(place: Place) -> str:
        budget = SHARE * place.free - PROGRAM
        at_once = next((rows for rows in ROWS_AT_ONCE if needs[place.kind].at(rows, tokens) <= budget), 0)
        return "no" if not at_once else "yes" if at_once > 1 else "tight"

    here = needs[places[0].kind]
    smallest, easy = here.at(1, tokens), here.at(ROWS_AT_ONCE[0], tokens)
    return Fit("answer", smallest + PROGRAM, easy + PROGRAM, tuple(map(said, places)))


def known_bases() -> dict[str, dict[str, object]]:
    """Configs of well-known bases by name, smallest first; all that memory depends on, nothing else."""
    known: dict[str, dict[str, object]] = read_json(KNOWN)
    return known


def config_of(base: str) -> PreTrainedConfig:
    """The config of a base: a known one by name, a local folder's, or a Hub model's, of which only this is fetched."""
    known = known_bases()
    if base.lower() in known:
        values = dict(known[base.lower()])
        return AutoConfig.for_model(str(values.pop("model_type")), **values)
    folder = POCKET if base == "pocket" else Path(base).expanduser()
    if not folder.is_dir():
        if not HUB_ID.fullmatch(base) or "/" not in base:
            raise ModelError(
                f"Nothing is known about a base {base!r}.",
                "It is no folder, no Hub id (owner/name), and not among the known ones.",
                nearest(base.lower(), known) + ", or name a folder or a Hub id.",
            )
        folder = _from_hub(base)
    try:
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)  # type: ignore[no-any-return]
    except LOAD_ERRORS as error:
        raise ModelError(
            f"The config of {base} cannot be read.",
            f"The loader says: {str(error).splitlines()[0][:300] if str(error) else type(error).__name__}",
            "name a base of a kind that the installed transformers knows.",
        ) from error


def _from_hub(base: str) -> Path:
    try:
        return Path(hf_hub_download(base, "config.json")).parent
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, HTTPError, OSError) as error:
        raise ModelError(
            f"The config of {base} cannot be fetched.",
            f"The Hub's library says: {str(error).splitlines()[0][:300]}",
            "check the spelling and the network, or name a local folder or a known base.",
        ) from error


def lengths_of(job: Job) -> Lengths:
    """The longest example of a job with its instructions, and its longest answer; tokens are guessed from letters."""
    settings = job.settings
    examples = read_examples(job.path(settings.data.examples), settings.data).examples
    rows = [sum(len(message.content) for message in example.messages) for example in examples]
    shared = _tokens(len(instructions_of(job)))
    longest = shared + _tokens(max(rows, default=0)) + TEMPLATE_TOKENS
    new_tokens = settings.answers.max_new_tokens or _tokens(
        max((len(example.ideal) for example in examples), default=0)
    )
    return Lengths(min(longest, settings.tune.max_tokens or longest), shared, new_tokens, settings.tune.rank)


def _tokens(letters: int) -> int:
    return max(1, -(-letters // LETTERS_PER_TOKEN))

"""The memory that a base needs for training and answering, here and on common GPUs, before it is downloaded."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Literal, get_args

import torch
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError: what its HTTP client raises
    EntryNotFoundError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    LocalEntryNotFoundError,
)
from transformers import AutoConfig, PreTrainedConfig

from gradschool.data.decided import job_examples
from gradschool.data.instructions import instructions_of
from gradschool.errors import ModelError, ResourceError, first_line, nearest
from gradschool.files import read_json
from gradschool.hub_pages import page_of
from gradschool.job import Job
from gradschool.model.answering_memory import AnsweringMemory
from gradschool.model.folders import model_folder
from gradschool.model.foreign import refuse_config
from gradschool.model.gguf_config import config_of_gguf
from gradschool.model.gguf_file import read_gguf
from gradschool.model.hub import no_config_on_hub
from gradschool.model.loading import LOAD_ERRORS
from gradschool.model.machine import choose_device, dtype_for
from gradschool.model.memory import (
    ANSWERING_PROCESS_BYTES,
    CLIMBING_PROCESS_BYTES,
    Device,
    Workload,
    free_bytes,
    parameters_of,
)
from gradschool.model.opening import gguf_of, is_hub_id, refuse_other_pages
from gradschool.model.pocket_eyes import built_in
from gradschool.model.weights import refuse_pointers
from gradschool.tune.activations import activation_bytes
from gradschool.tune.memory import USABLE, CountActivations, MemoryPlan, Method, TrainingMemory, plan_memory
from gradschool.tune.passes import passes_of_workload
from gradschool.tune.rows import MAX_TOKENS
from gradschool.tune.speed import training_seconds

KNOWN = Path(__file__).parent / "model" / "known.json"
CARDS = (8, 16, 24, 48, 80)  # GB that GPUs are sold with
CHARACTERS_PER_TOKEN = 3  # a cautious guess; English has about four with current vocabularies
TEMPLATE_TOKENS = 32  # that a chat template adds to a question
ROWS_AT_ONCE = (64, 16, 4, 2, 1)
EXAMPLES = 100  # of the longest length, for which a time is estimated
METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True, slots=True)
class Fit:
    """One use of a base ("answer" or a training method): bytes here at minimum and comfortably, and for each device
    "yes", "tight" (one row at a time), "slowly" (with activation checkpointing) or "no".

    `seconds` are about those of one pass over EXAMPLES examples here; 0 for what is not a training, or not known.
    """

    use: Method | Literal["answer"]
    minimum: int
    comfortable: int
    devices: tuple[str, ...]
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class BaseMemory:
    """The memory that a base needs: its uses, and the devices that their verdicts are for; the first one is here."""

    base: str
    parameters: int
    workload: Workload
    uses: tuple[Fit, ...]
    devices: tuple[str, ...]
    kind: str  # of the device here
    free: int  # bytes of the device here


def base_memory(
    base: str,
    workload: Workload,
    cards: Sequence[int] = CARDS,
    methods: Sequence[Method] = METHODS,
    *,
    timed: bool = True,
) -> BaseMemory:
    """The memory that a base (a known one, a folder or a Hub id) needs, here and on GPUs with so many GB each.

    Where a run would time the base's layers to choose its number format, that takes some seconds, once for each base.
    If not `timed`, the format is the one that such a processor usually computes in.
    """
    config = config_of(base)
    parameters = parameters_of(config)
    devices = devices_for(config if timed else None, parameters, cards)
    uses = fits_of(config, workload, devices, methods)
    return BaseMemory(
        base, parameters, workload, uses, tuple(one.name for one in devices), devices[0].kind, devices[0].free
    )


def fits_of(
    config: PreTrainedConfig, workload: Workload, devices: Sequence[Device], methods: Sequence[Method] = METHODS
) -> tuple[Fit, ...]:
    """The memory that each use of a base needs, here (the first device) and on further devices."""
    count = cache(partial(activation_bytes, config))
    trainings = (_training(config, one, workload, devices, count) for one in methods)
    return (_answering(config, workload, devices), *trainings)


def devices_for(config: PreTrainedConfig | None, parameters: int, cards: Sequence[int] = CARDS) -> tuple[Device, ...]:
    """This machine's device for a base of so many parameters, then GPUs with so many GB each."""
    gpus = (Device("cuda", torch.bfloat16, size * 10**9, f"{size} GB") for size in cards)
    return (this_machine(config, 2 * parameters), *gpus)


def this_machine(config: PreTrainedConfig | None, weights: int) -> Device:
    """The device that gradschool would use here, with its free memory now; `weights` are bytes in bfloat16.

    With a config, the number format is that of a run over the base.
    """
    device = choose_device()
    return Device(device.type, dtype_for(lambda: config, weights, device)[0], free_bytes(device))


def _training(
    config: PreTrainedConfig, method: Method, workload: Workload, devices: Sequence[Device], count: CountActivations
) -> Fit:
    passes_of = partial(passes_of_workload, workload)

    @cache
    def memory(kind: str, dtype: torch.dtype) -> TrainingMemory:
        device, blocks = Device(kind, dtype), workload.vision_blocks
        return TrainingMemory(config, method, workload.rank, device, count=count, vision_blocks=blocks)

    def verdict(device: Device) -> str:
        counted, free = memory(device.kind, device.dtype), device.free - CLIMBING_PROCESS_BYTES
        try:
            plan = plan_memory(counted, passes_of, workload.longest, MAX_TOKENS, free)
        except ResourceError:
            return "no"
        return _verdict(plan, workload.longest)

    here = memory(devices[0].kind, devices[0].dtype)
    minimum = here.total(passes_of(workload.longest), checkpointing=True)
    comfortable = here.total(passes_of(MAX_TOKENS))
    tokens = workload.shared + EXAMPLES * workload.own
    return Fit(
        method,
        minimum + CLIMBING_PROCESS_BYTES,
        comfortable + CLIMBING_PROCESS_BYTES,
        tuple(map(verdict, devices)),
        training_seconds(parameters_of(config), method, tokens, devices[0]),
    )


def free_for_training(minimum: int) -> int:
    """The free bytes with which a training is possible that needs so many bytes at minimum."""
    return CLIMBING_PROCESS_BYTES + int((minimum - CLIMBING_PROCESS_BYTES) / USABLE) + 1


def _verdict(plan: MemoryPlan, longest: int) -> str:
    return "slowly" if plan.checkpointing else "yes" if plan.tokens >= 2 * longest else "tight"


def _answering(config: PreTrainedConfig, workload: Workload, devices: Sequence[Device]) -> Fit:
    new_tokens = workload.new_tokens  # included in the longest example
    tokens = max(workload.longest - new_tokens, workload.shared + 1), new_tokens, workload.shared

    @cache
    def memory(kind: str, dtype: torch.dtype) -> AnsweringMemory:
        return AnsweringMemory(config, Device(kind, dtype))

    def verdict(device: Device) -> str:
        total, budget = memory(device.kind, device.dtype).total, USABLE * device.free - ANSWERING_PROCESS_BYTES
        at_once = next((rows for rows in ROWS_AT_ONCE if total(rows, *tokens) <= budget), 0)
        return "no" if not at_once else "yes" if at_once > 1 else "tight"

    here = memory(devices[0].kind, devices[0].dtype)
    minimum, comfortable = (here.total(rows, *tokens) + ANSWERING_PROCESS_BYTES for rows in (1, ROWS_AT_ONCE[0]))
    return Fit("answer", minimum, comfortable, tuple(map(verdict, devices)))


def known_bases() -> dict[str, dict[str, object]]:
    """Configs of well-known bases by name, smallest first, with only the values that memory depends on."""
    known: dict[str, dict[str, object]] = read_json(KNOWN)
    return known


def config_of(base: str) -> PreTrainedConfig:
    """The config of a base: by its known name, from a folder or a GGUF file, or from the Hub (the config alone).

    Raises ModelError if there is no such base, or if its config cannot be fetched or read.
    """
    known = known_bases()
    if base.lower() in known:
        values = dict(known[base.lower()])
        return AutoConfig.for_model(str(values.pop("model_type")), **values)
    if file := gguf_of(base, Path()):
        return config_of_gguf(read_gguf(file))
    refuse_other_pages(base)
    if page := page_of(base):
        base = page.id
    folder = built_in(base) or Path(base).expanduser()
    if folder.exists():
        folder = model_folder(folder)
        refuse_pointers(folder, "config.json")
    else:
        if not is_hub_id(base) or "/" not in base:
            raise ModelError(
                f"Nothing is known about a base {base!r}.",
                "It is not a folder, a GGUF file, a Hub id (owner/name) or one of the known bases.",
                nearest(base.lower(), known) + ", or name a folder or a Hub id.",
            )
        folder = _from_hub(base, page.revision if page else None)
    try:
        refuse_config(folder, read_json(folder / "config.json"))
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)  # type: ignore[no-any-return]
    except ModelError:
        raise
    except LOAD_ERRORS as error:
        raise ModelError(
            f"The config of {base} cannot be read.",
            f"transformers: {first_line(error)}",
            "choose a base of a model type that the installed transformers supports.",
        ) from error


def _from_hub(base: str, revision: str | None) -> Path:
    try:
        return Path(hf_hub_download(base, "config.json", revision=revision)).parent
    except EntryNotFoundError as error:
        raise no_config_on_hub(base) from error
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, HTTPError, OSError) as error:
        raise ModelError(
            f"The config of {base} cannot be fetched.",
            f"huggingface_hub: {first_line(error)}",
            "check the spelling and the network, or name a local folder or a known base.",
        ) from error


def workload_of(job: Job) -> Workload:
    """The longest example of a job with instructions, and the longest answer, in tokens guessed from characters."""
    settings = job.settings
    examples = job_examples(job).examples
    rows = [sum(len(message.content) for message in example.messages) for example in examples]
    shared = _tokens(len(instructions_of(job)))
    longest = shared + _tokens(max(rows, default=0)) + TEMPLATE_TOKENS
    new_tokens = settings.answers.max_new_tokens or _tokens(
        max((len(example.ideal) for example in examples), default=0)
    )
    tune = settings.tune
    return Workload(min(longest, tune.max_tokens or longest), shared, new_tokens, tune.rank, tune.vision_blocks)


def _tokens(characters: int) -> int:
    return max(1, -(-characters // CHARACTERS_PER_TOKEN))

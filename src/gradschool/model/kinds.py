"""What a path is that is not a model: each kind is an error that says what shows it, and what to do."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

from gradschool.errors import ModelError
from gradschool.files import read_json
from gradschool.model.hub_cache import REPOSITORY, hub_id, is_unfinished, repository_of, unfinished
from gradschool.model.weight_forms import form_of
from gradschool.model.weights import other_weights, saved_in_parts
from gradschool.run import EVENTS_FILE, MANIFEST, PACKED
from gradschool.saved_job import JOB_FILE

ADAPTER, BASE_KEY = "adapter_config.json", "base_model_name_or_path"  # in PEFT's format: the config, and the base in it
ADAPTER_FILES = re.compile(
    r"adapter_model\.(safetensors|bin)|adapters\.(safetensors|npz)|adapter(_\d+)?\.pt|pytorch_lora_weights\.(safetensors|bin)"
)
NAME_IT = "name a folder with config.json, *.safetensors and a tokenizer, or a Hub id (owner/name)."
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst")
TOKENIZER = ("tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json", "spiece.model", "tekken.json")
ROWS = (".jsonl", ".ndjson", ".csv", ".tsv", ".xlsx", ".parquet")
MLX_FIX = "name the base, or merge the adapter into it (`mlx_lm.fuse`), save the result, and name that folder."


def adapter(place: str, base: str, next_to_model: bool) -> ModelError:
    """The error for a folder or Hub id that holds an adapter, trained on `base` if that is known."""
    if next_to_model:
        return ModelError(
            f"{place} holds an adapter next to a model.",
            "adapter_config.json is in the same folder as config.json, so that it is unclear which of both is meant.",
            "move adapter_config.json and adapter_model.safetensors to another folder to use the model alone, or merge "
            "the adapter into it (merge_and_unload of PEFT) and save the result.",
        )
    return ModelError(
        f"{place} holds an adapter, not a model.",
        f"Its adapter_config.json says that it was trained on {base}." if base else "It has no config.json.",
        f"name {base or 'its base'} as base_model, or merge the adapter into it (merge_and_unload of PEFT), save the "
        "result, and name that folder.",
    )


def adapter_in(folder: Path) -> ModelError | None:
    """The error for a folder that holds an adapter; None for others."""
    config = folder / ADAPTER
    if config.is_file():
        if (folder.parent / MANIFEST).is_file():
            why = f"It belongs to the specialist {folder.parent}, which was made from {base_of(config) or 'a base'}."
            return ModelError(f"{folder} holds an adapter, not a model.", why, of_specialist(folder.parent))
        return adapter(str(folder), base_of(config), (folder / "config.json").is_file())
    weights = next((one for one in sorted(folder.iterdir()) if is_adapter_file(one.name)), None)
    others = any(not is_adapter_file(one.name) for one in folder.glob("*.safetensors"))
    if weights is None or ((folder / "config.json").is_file() and others):
        return None
    return ModelError(
        f"{folder} holds an adapter, not a model.",
        f"It holds {weights.name}, without the {ADAPTER} that names its base.",
        MLX_FIX if weights.name.startswith("adapters.") else adapter("", "", next_to_model=False).fix,
    )


def is_adapter_file(name: str) -> bool:
    """Whether a file has the weights of an adapter, by its name: as PEFT, MLX, torchtune and diffusers call it."""
    return ADAPTER_FILES.fullmatch(name) is not None


def of_folder(folder: Path) -> ModelError:
    """The error for a folder without config.json."""
    return next(filter(None, (kind(folder) for kind in KINDS)), None) or no_config(folder)


def of_file(path: Path) -> ModelError | None:
    """The error for a file whose kind is known; None if it is no more than a file."""
    name = path.name.lower()
    if repository := repository_of(path):
        return ModelError(f"{path} is a file of the Hub's cache.", "A model is a folder.", f"name {repository}.")
    if path.name == MANIFEST:
        return _specialist(path.parent)
    if name == "job.toml":
        why = "A job names its own base_model."
        return ModelError(f"{path} is a file of a job, not a base.", why, NAME_IT)
    if name == "modelfile":
        why = "Ollama builds models from such files; only its server can run them."
        return ModelError(f"{path} is a Modelfile of Ollama's.", why, f"name the model in its line FROM; {NAME_IT}")
    if is_unfinished(path):
        return ModelError(f"{path} is not complete.", "A download was interrupted.", f"repeat the download; {NAME_IT}")
    if name.endswith(ARCHIVES):
        return ModelError(f"{path} is an archive.", "A model is a folder.", "unpack it, and name the folder in it.")
    if name.endswith(ROWS):
        why = "`gradschool check` and `gradschool climb` read such files as jobs."
        return ModelError(f"{path} is a file of examples, not a model.", why, NAME_IT)
    if is_adapter_file(path.name) or path.name == ADAPTER:
        return adapter_in(path.parent)
    if form := form_of([str(path)]):
        return ModelError(f"{path} is {form.name}.", form.why, form.fix)
    return None


def no_config(folder: Path) -> ModelError:
    """The error for a folder without config.json of which nothing else is known."""
    found = ", ".join(sorted(path.name for path in folder.iterdir())[:8])
    return ModelError(
        f"{folder} is not a model.",
        f"There is no config.json in it; it contains {found}."
        if found
        else "There is no config.json in it: it is empty.",
        "name the folder of a saved or downloaded model (with config.json and *.safetensors).",
    )


def of_specialist(folder: Path) -> str:
    """What to name instead of a specialist or of a part of it."""
    if (folder / "weights" / "config.json").is_file():
        return f"name its trained weights: {folder / 'weights'}."
    return f"name the base that it was made from; `gradschool chat {shlex.quote(str(folder))}` uses the specialist."


def _specialist(folder: Path) -> ModelError | None:
    if (folder / MANIFEST).is_file():
        return ModelError(f"{folder} is a specialist, not a base.", f"It has {MANIFEST}.", of_specialist(folder))
    if (folder.parent / MANIFEST).is_file():
        why = f"The specialist is {folder.parent}."
        return ModelError(f"{folder} is a part of a specialist, not a base.", why, of_specialist(folder.parent))
    return None


def _run(folder: Path) -> ModelError | None:
    if not any((folder / name).is_file() for name in (JOB_FILE, EVENTS_FILE, f"{PACKED}/{MANIFEST}")):
        return None
    packed = folder / PACKED
    fix = of_specialist(packed) if (packed / MANIFEST).is_file() else f"name the base of that run, or {NAME_IT[5:]}"
    return ModelError(f"{folder} is a run, not a base.", "It holds the results of a climb.", fix)


def _job(folder: Path) -> ModelError | None:
    if not (folder / "job.toml").is_file():
        return None
    return ModelError(f"{folder} is a job, not a base.", "It has job.toml, which names its own base_model.", NAME_IT)


def _checkpoints(folder: Path) -> ModelError | None:
    names = sorted(one.name for one in folder.iterdir() if one.is_dir() and one.name.startswith("checkpoint-"))
    if not names:
        return None
    last = folder / max(names, key=lambda name: int(digits) if (digits := name.rpartition("-")[2]).isdigit() else -1)
    inner = None if (last / "config.json").is_file() else adapter_in(last)
    if inner:
        return ModelError(f"{folder} holds checkpoints of an adapter, not a model.", f"{last}: {inner.why}", inner.fix)
    why = f"It holds {', '.join(names[:5])}, and no config.json of its own."
    return ModelError(f"{folder} holds checkpoints of a training.", why, f"name one of them: {last}.")


def _caches(folder: Path) -> ModelError | None:
    hub = folder / "hub" if (folder / "hub").is_dir() else folder  # HF_HOME, or the cache in it
    names = sorted(one.name for one in hub.iterdir() if REPOSITORY.fullmatch(one.name))
    if models := [name for name in names if name.startswith("models--")]:
        why = f"It holds {', '.join(models[:5])}."
        fix = f"name one of them: {hub / models[0]}, or its id: {hub_id(hub / models[0])}."
        return ModelError(f"{folder} is a cache of several models.", why, fix)
    if (folder / "manifests").is_dir() and (folder / "blobs").is_dir():
        why = "Only Ollama's server can run what it holds."
        fix = 'set base_model = "http://localhost:11434/v1", and model to its name in `ollama list`.'
        return ModelError(f"{folder} is the store of Ollama.", why, fix)
    return None


def _weights(folder: Path) -> ModelError | None:
    names = {one.name for one in folder.iterdir()}
    if "model_index.json" in names:
        why = "model_index.json shows a pipeline of several networks; a base is one language model."
        return ModelError(f"{folder} makes images, sounds or videos, not text.", why, NAME_IT)
    if error := other_weights(folder):
        return error
    tensors = sorted(name for name in names if name.endswith(".safetensors"))
    if "params.json" in names and tensors:
        why = f"It holds params.json and {tensors[0]}, and no config.json."
        return ModelError(f"{folder} is a model in its maker's own format.", why, NAME_IT)
    if tensors:
        why = f"It holds {tensors[0]}, and no config.json that says which network these are for."
        fix = "put the config.json and the tokenizer of that model into the folder, or download all of it."
        return ModelError(f"{folder} holds weights without their config.", why, fix)
    return None


def _inner(folder: Path) -> ModelError | None:
    inner = [one for one in sorted(folder.iterdir()) if (one / "config.json").is_file()]
    if len(inner) > 1:
        why = f"It holds several: {', '.join(one.name for one in inner[:5])}."
        return ModelError(f"{folder} is a folder of models.", why, f"name one of them, such as {inner[0]}.")
    if inner:
        why = "There is no config.json in it, but one in a folder of it."
        return ModelError(f"{folder} is not a model.", why, f"name the folder in it: {inner[0]}.")
    adapters = [one for one in sorted(folder.iterdir()) if (one / ADAPTER).is_file()]
    error = adapter_in(adapters[0]) if adapters else None
    return (
        ModelError(f"{folder} holds an adapter, not a model.", f"{adapters[0]}: {error.why}", error.fix)
        if error
        else None
    )


def _tokenizer(folder: Path) -> ModelError | None:
    found = [name for name in TOKENIZER if (folder / name).is_file()]
    if not found:
        return None
    why = f"It holds {', '.join(found[:2])}, and no config.json and no *.safetensors."
    return ModelError(f"{folder} holds a tokenizer, not a model.", why, NAME_IT)


def base_of(config: Path) -> str:
    """The base that an adapter's configuration names; empty if it names none or cannot be read."""
    try:
        values = read_json(config)
        base = values.get(BASE_KEY) or values.get("model")  # PEFT's, MLX's
    except (OSError, ValueError, AttributeError):
        return ""
    return base if isinstance(base, str) else ""


# The first that is an error is the kind of a folder without config.json.
KINDS: tuple[Callable[[Path], ModelError | None], ...] = (
    _specialist,
    _run,
    _job,
    _caches,
    _checkpoints,
    unfinished,
    saved_in_parts,
    _weights,
    _inner,
    _tokenizer,
)

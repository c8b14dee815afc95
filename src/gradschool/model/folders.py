"""Resolve a path to a model folder, and explain why folders of other kinds are rejected."""

import json
import shlex
from pathlib import Path

from gradschool.errors import ModelError
from gradschool.model.weights import gguf_file, only_gguf, saved_in_parts

NAME_IT = "name a folder with config.json, *.safetensors and a tokenizer, or a Hub id."


def model_folder(path: Path, revision: str | None = None) -> Path:
    """The folder with the model's config that a path means; raises ModelError if it is something else.

    A folder of the Hub's cache (models--owner--name) means the snapshot of `revision`, by default of `main`.
    """
    if path.is_file():
        raise _file(path)
    if (path / "snapshots").is_dir():
        return model_folder(_snapshot(path, revision or "main"))
    if path.name == "snapshots" and (path.parent / "refs").is_dir():
        return model_folder(path.parent, revision)
    refuse_adapter_folder(path)
    if not (path / "config.json").is_file():
        raise _kind(path) or no_config(path)
    return path.resolve()


def refuse_adapter_folder(folder: Path) -> None:
    """Raise ModelError for an adapter: alone, or next to a model, where some programs would apply it silently."""
    config = folder / "adapter_config.json"
    if not config.is_file():
        return
    raise adapter(str(folder), _base_of(config), (folder / "config.json").is_file())


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


def no_config(folder: Path) -> ModelError:
    """The error for a folder without config.json of which nothing else is known."""
    found = ", ".join(sorted(path.name for path in folder.iterdir())[:8]) or "nothing"
    return ModelError(
        f"{folder} is not a model.",
        f"There is no config.json in it; it contains {found}.",
        "name the folder of a saved or downloaded model (with config.json and *.safetensors).",
    )


def _kind(path: Path) -> ModelError | None:
    """The error for a folder without config.json whose kind is known."""
    if (path / "specialist.toml").is_file():
        return ModelError(f"{path} is a specialist, not a base.", "It has specialist.toml.", _of_specialist(path))
    if (path / "specialist").is_dir() or (path / "events.jsonl").is_file():
        return ModelError(f"{path} is a run, not a base.", "It holds the results of a climb.", NAME_IT)
    names = sorted(one.name for one in path.iterdir())
    if checkpoints := [name for name in names if name.startswith("checkpoint-") and (path / name).is_dir()]:
        last = max(checkpoints, key=lambda name: int(digits) if (digits := name.rpartition("-")[2]).isdigit() else -1)
        why = f"It holds {', '.join(checkpoints[:5])}, and no config.json of its own."
        return ModelError(f"{path} holds checkpoints of a training.", why, f"name one of them: {path / last}.")
    if models := [name for name in names if name.startswith("models--")]:
        why = f"It holds {', '.join(models[:5])}."
        return ModelError(f"{path} is a cache of several models.", why, f"name one of them: {path / models[0]}.")
    if error := saved_in_parts(path) or only_gguf(path):
        return error
    inner = [one for one in sorted(path.iterdir()) if (one / "config.json").is_file()]
    if inner:
        why = "There is no config.json in it, but one in a folder of it."
        return ModelError(f"{path} is not a model.", why, f"name the folder in it: {inner[0]}.")
    return None


def _snapshot(path: Path, revision: str) -> Path:
    snapshots = sorted(one for one in (path / "snapshots").iterdir() if one.is_dir())
    reference = path / "refs" / revision
    commit = reference.read_text(encoding="utf-8").strip() if reference.is_file() else revision
    chosen = [one for one in snapshots if one.name == commit] or (snapshots if revision == "main" else [])
    if len(chosen) == 1:
        return chosen[0]
    names = ", ".join(one.name for one in snapshots[:5]) or "none"
    raise ModelError(
        f"{path} has no snapshot of the revision {revision!r}.",
        f"It is a folder of the Hub's cache; its snapshots are: {names}.",
        "name the folder of a snapshot, set revision, or name the Hub id to download the model.",
    )


def _file(path: Path) -> ModelError:
    folder = path.parent
    if path.suffix.lower() == ".gguf":
        return gguf_file(path)
    what = "its folder" if (folder / "config.json").is_file() else "the folder that holds config.json"
    return ModelError(f"{path} is a file.", "A model is a folder.", f"name {what}: {folder}.")


def _of_specialist(path: Path) -> str:
    if (path / "weights" / "config.json").is_file():
        return f"name its trained weights: {path / 'weights'}."
    return f"name the base that it was made from; `gradschool chat {shlex.quote(str(path))}` uses the specialist."


def _base_of(config: Path) -> str:
    try:
        base = json.loads(config.read_text(encoding="utf-8")).get("base_model_name_or_path")
    except (OSError, ValueError, AttributeError):
        return ""
    return base if isinstance(base, str) else ""

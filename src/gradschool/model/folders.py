"""Resolve a path to a model folder, and refuse what is not one by its kind."""

from pathlib import Path

from gradschool.errors import ModelError
from gradschool.model.hub_cache import refuse_broken_links, repository_of, snapshot
from gradschool.model.kinds import NAME_IT, adapter_in, of_file, of_folder


def model_folder(path: Path, revision: str | None = None) -> Path:
    """The folder with the model's config that a path means; raises ModelError if it is something else.

    A folder of the Hub's cache (models--owner--name) means the snapshot of `revision`, by default of `main`.
    """
    try:
        if path.is_dir():
            return _folder(path, revision)
        raise _no_folder(path)
    except OSError as error:
        why = f"The system reports: {error.strerror or error}."
        raise ModelError(f"{path} cannot be read.", why, "name a folder that you may read.") from error


def refusal(path: Path) -> ModelError | None:
    """Why a path is not a model folder, with what it is instead; None if it is one."""
    try:
        model_folder(path)
    except ModelError as error:
        return error
    return None


def refuse_adapter_folder(folder: Path) -> None:
    """Raise ModelError for an adapter: alone, or next to a model, where some programs would apply it silently."""
    if error := adapter_in(folder):
        raise error


def _folder(path: Path, revision: str | None) -> Path:
    if repository := repository_of(path):
        return model_folder(snapshot(repository, revision or "main"))
    refuse_adapter_folder(path)
    refuse_broken_links(path, "config.json")
    if not (path / "config.json").is_file():
        raise of_folder(path)
    return path.resolve()


def _no_folder(path: Path) -> ModelError:
    """The error for a file, or for a link to nothing."""
    if not path.exists():
        why = f"It is a link to {path.readlink()}." if path.is_symlink() else "There is no such folder."
        return ModelError(f"{path} leads to nothing.", why, "correct the link, or name the folder itself.")
    if error := of_file(path):
        return error
    folder = path.parent
    if (folder / "config.json").is_file():
        return refusal(folder) or ModelError(
            f"{path} is a file.", "A model is a folder.", f"name its folder: {folder}."
        )
    if path.suffix == ".safetensors":
        return of_folder(folder)
    return ModelError(f"{path} is a file.", "A model is a folder.", NAME_IT)

"""Folders of the Hub library's cache: the snapshot of a revision, and what interrupted downloads leave behind."""

import re
from fnmatch import fnmatch
from pathlib import Path

from gradschool.errors import ModelError
from gradschool.files import read_file

REPOSITORY = re.compile(r"(model|dataset|space)s--(.+)")  # the name of its folder in the cache
PARTS = ("snapshots", "refs", "blobs", ".no_exist")  # folders in that of a repository
UNFINISHED = (".incomplete", ".part", ".partial", ".crdownload", ".download", ".aria2")  # ends of file names
NEEDED = (".json", ".safetensors", ".model", ".txt", ".jinja")  # ends of the names of files that a model is loaded from
DOWNLOADS = Path(".cache", "huggingface", "download")  # in the folder of `hf download --local-dir`


def repository_of(path: Path) -> Path | None:
    """The folder of a repository in the Hub's cache, if a path is that or a part of it other than a snapshot."""
    if REPOSITORY.fullmatch(path.name) or ((path / "snapshots").is_dir() and not (path / "config.json").exists()):
        return path
    parts = [path, *(one for one in path.parents[:2] if one.name != "snapshots")]
    return next((one.parent for one in parts if one.name in PARTS and _is_repository(one.parent)), None)


def _is_repository(folder: Path) -> bool:
    return REPOSITORY.fullmatch(folder.name) is not None or sum((folder / part).is_dir() for part in PARTS) > 1


def snapshot(repository: Path, revision: str) -> Path:
    """The folder of a revision; raises ModelError if the cache holds no such one, or no model."""
    named = REPOSITORY.fullmatch(repository.name)
    if named and named[1] != "model":
        raise ModelError(
            f"{repository} is a {named[1]} of the Hub's cache.", "A base is a model.", "name a model: its folder or id."
        )
    folder = repository / "snapshots"
    snapshots = sorted(one for one in folder.iterdir() if one.is_dir()) if folder.is_dir() else []
    reference = repository / "refs" / revision
    commit = read_file(reference).decode().strip() if reference.is_file() else revision
    chosen = [one for one in snapshots if one.name == commit] or (snapshots if revision == "main" else [])
    if len(chosen) == 1:
        return chosen[0]
    if not snapshots:
        raise unfinished(repository) or incomplete(repository, "files of a model", "It has no snapshot.")
    names = ", ".join(one.name for one in snapshots[:5])
    raise ModelError(
        f"{repository} has no snapshot of the revision {revision!r}.",
        f"It is a folder of the Hub's cache; its snapshots are: {names}.",
        "name the folder of a snapshot, set revision, or name the Hub id to download the model.",
    )


def unfinished(folder: Path) -> ModelError | None:
    """The error for a folder that holds files of an interrupted download; None if there are none."""
    repository = _around(folder)
    places = [folder, folder / DOWNLOADS, *([repository / "blobs"] if repository else [])]
    found = [one for place in places if place.is_dir() for one in sorted(place.iterdir()) if is_unfinished(one)]
    return incomplete(folder, "files", f"A download was interrupted: {found[0]} is not complete.") if found else None


def is_unfinished(path: Path) -> bool:
    """Whether a file belongs to a download that was not completed, by its name."""
    return path.name.lower().endswith(UNFINISHED)


def incomplete(folder: Path, missing: str, why: str) -> ModelError:
    """The error for a folder that lacks files which a download would complete."""
    id_ = hub_id(repository) if (repository := _around(folder)) else ""
    return ModelError(
        f"{folder} lacks {missing}.",
        why,
        f"name {f'{id_!r} as base_model' if id_ else 'its Hub id (owner/name)'}, which downloads what is missing, "
        "or repeat the download.",
    )


def refuse_broken_links(folder: Path, pattern: str = "*") -> None:
    """Raise ModelError if files of a model are links to files that do not exist."""
    files = [one for one in sorted(folder.iterdir()) if one.suffix in NEEDED and fnmatch(one.name, pattern)]
    names = [one.name for one in files if one.is_symlink() and not one.exists()]
    if not names:
        return
    shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    raise unfinished(folder) or incomplete(
        folder,
        shown,
        f"{names[0]} is a link to {(folder / names[0]).readlink()}, which does not exist: the cache was cleaned, or "
        "the folder was copied without the files that its links name (`cp -rL` copies them).",
    )


def hub_id(repository: Path) -> str:
    """The Hub id of a repository, by the name of its folder in the cache; empty if that is not known."""
    named = REPOSITORY.fullmatch(repository.name)
    return named[2].replace("--", "/", 1) if named else ""


def _around(folder: Path) -> Path | None:
    """The folder of the repository that a folder or its snapshot belongs to."""
    return next((one for one in (folder, *folder.parents[:2]) if REPOSITORY.fullmatch(one.name)), None)

"""Models in folders: a folder's own name travels; where it is, the user's machine remembers by the model's hashes."""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

from pydantic import TypeAdapter

from gradschool.errors import DamagedError, ModelError, ResourceError
from gradschool.model.gguf_cache import converted
from gradschool.records import BaseIdentity, Note, Work
from gradschool.remembered import Remembered

PLACES: Remembered[dict[str, tuple[str, ...]]] = Remembered(
    "models.json",  # the folders in which a model was, by the SHA-256 of its weights; the last one first
    TypeAdapter(dict[str, tuple[str, ...]]),
    {},
    "the bases in folders then have to be named once more, with --base",
)
MAX_PLACES = 4  # remembered for one model
DIGITS = 16  # of a hash, shown to recognize a base


def name_of(folder: PurePath) -> str:
    """The name of the model in a folder, which says nothing about where it is: its Hub id, or the folder's own name.

    >>> name_of(PurePosixPath("/home/mira/small")), name_of(PurePosixPath("/hub/models--maker--small/snapshots/0a1b"))
    ('small', 'maker/small')
    """
    above = folder.parents[1].name if folder.parent.name == "snapshots" else ""
    if re.fullmatch("[0-9a-f]{40}", folder.name) and "--" in folder.parent.name:  # where `hub` keeps downloads
        above = f"models--{folder.parent.name}"
    if above.startswith("models--"):
        return above.removeprefix("models--").replace("--", "/", 1)
    return folder.name or "base"


def without_place(name: str) -> str:
    """The name of a model, which may be the absolute path of its folder on this system or another one."""
    for system in (PurePosixPath, PureWindowsPath):
        if system(name).is_absolute():
            return name_of(system(name))
    return name


def remember(digest: str, folder: Path) -> Work[None]:
    """Remember where a model is, by the hash of its weights; a warning if that is not possible."""
    place = str(folder.resolve())

    def changed(known: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        others = (other for other in known.get(digest, ()) if other != place)
        return {**known, digest: (place, *others)[:MAX_PLACES]}

    try:
        PLACES.change(changed)
    except ResourceError as error:
        yield Note(f"It is not remembered that {name_of(folder)} is in {folder}. {error.what} {error.why}", "warning")


def remembered(digest: str) -> list[Path]:
    """The folders in which a model was, the last one first."""
    try:
        return [Path(place) for place in PLACES.read().get(digest, ())]
    except (ResourceError, DamagedError):  # nothing can be remembered here, or the file begins anew at the next change
        return []


def find_base(identity: BaseIdentity, name: str) -> Path:
    """The folder of a base, found by its hashes wherever it is; raises ModelError if it is nowhere.

    It is looked for where it was, in the folder of that name, next to where it was in case it was renamed, in the
    caches of the Hub, and among the bases that were converted from GGUF.
    """
    known = remembered(identity.weights)
    for folder in dict.fromkeys(_candidates(known, name)):
        with suppress(OSError):  # a folder that cannot be read
            if _is_it(folder, identity, was_it=folder in known):
                return folder.resolve()
    raise ModelError(
        f"The base {without_place(name)} is not on this machine, or not in a folder that is known here.",
        f"It is recognized by its hashes: its weights have the SHA-256 {identity.weights[:DIGITS]}….",
        "name its folder, or its Hub id, with --base; the hashes are checked, and its folder is remembered.",
    )


def _is_it(folder: Path, identity: BaseIdentity, *, was_it: bool) -> bool:
    """Whether a folder holds a base. The weights of one that did are not read: opening compares them anyway."""
    from gradschool.model.loading import hash_files, hash_weights

    if not (folder / "config.json").is_file() or identity.files not in ("", hash_files(folder)):
        return False
    return was_it or hash_weights(folder) == identity.weights


def _candidates(known: list[Path], name: str) -> Iterator[Path]:
    yield from known
    yield Path(name)
    for gone in known:
        if not gone.exists():
            with suppress(OSError):
                yield from sorted(gone.parent.iterdir())
    from gradschool.model.hub import snapshots

    yield from snapshots()
    yield from converted()
